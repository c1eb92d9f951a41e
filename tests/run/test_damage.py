"""A damaged record of a run ends in the same numbers or in a line that names the file: never in other numbers."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from ib_cli.contracts.errors import ConfigError, DamagedError
from ib_cli.experiment.records import Records
from ib_cli.main import main
from ib_cli.report.read.runs import read_run
from ib_cli.run.library import load_run
from ib_cli.system.signals import Interrupted
from tests.conftest import SMALL

WORDS = (
    *(word for word in SMALL if not word.startswith(("estimators", "epochs"))),
    "estimators=information_plane",
    "estimators.use=[gaussian]",
    "estimators.every=1",
    "epochs=3",
)
LANGEVIN = (
    *("procedure=langevin", "objective=therml", "dataset=therml_toy", "architecture=therml_toy", "weights=point"),
    *("gamma=1", "delta=1", "rho=1", "sigma=1e-2", "epochs=3", "device=cpu", "figures=false", "estimators=none"),
    *("procedure.burn_in=1", "procedure.steps=5", "procedure.chains=4", "eval_samples=2"),
)
EXACT = (
    *("procedure=exact_frontier", "objective=ib_lagrangian", "dataset=therml_toy", "architecture=tables", "gamma=3"),
    *("procedure.restarts=1", "device=cpu", "figures=false"),
)
RECORDS = ("metrics.jsonl", "estimates.jsonl", "thermodynamics.jsonl", "tables.npz")  # must be as they were, to a byte


class Study(NamedTuple):
    """A run as it ended, and as it was after its second checkpoint."""

    words: tuple[str, ...]
    finished: Path
    interrupted: Path | None
    numbers: dict


def forget_digests(run: Path) -> None:
    """Leave the result as an earlier version would have: without digests, and without the run's name."""
    (run / "SHA256SUMS").unlink(missing_ok=True)
    if (run / "result.json").exists():
        result = json.loads((run / "result.json").read_text())
        del result["run"]
        (run / "result.json").write_text(json.dumps(result))


def call(folder: Path, *words: str) -> int:
    """ib-train, called from a folder; returns its exit code."""
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as end:
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["ib-train", *words])
        main()
    return int(end.value.code or 0)


def the_run(folder: Path) -> Path:
    (run,) = (folder / "outputs" / "runs").iterdir()
    return run


def numbers(folder: Path) -> dict:
    """All numbers of a run but for the time that it took, and without its name."""
    run = the_run(folder)
    found = json.loads((run / "result.json").read_text())
    found = {
        name: value for name, value in found.items() if not name.endswith("seconds") and name not in ("run", "origin")
    }
    return found | {name: (run / name).read_bytes() for name in RECORDS if (run / name).exists()}


def make(folder: Path, words: tuple[str, ...], interrupt: bool) -> Study:
    saved: list[int] = []

    def stopped(records: Records, state: dict) -> None:
        save(records, state)
        saved.append(state["epoch"])
        if len(saved) == 2:
            raise Interrupted(signal.SIGINT)

    save = Records.save_checkpoint
    if interrupt:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Records, "save_checkpoint", stopped)
            assert call(folder / "interrupted", *words) == 130
    assert call(folder / "finished", *words) == 0
    return Study(
        words, folder / "finished", folder / "interrupted" if interrupt else None, numbers(folder / "finished")
    )


@pytest.fixture(scope="module")
def fit(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return make(tmp_path_factory.mktemp("fit"), WORDS, interrupt=True)


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> list[Study]:
    return [
        make(tmp_path_factory.mktemp("langevin"), LANGEVIN, interrupt=True),
        make(tmp_path_factory.mktemp("exact"), EXACT, interrupt=False),
    ]


def damaged(content: bytes, kind: str, chance: random.Random) -> bytes:
    """The content after some damage of a kind, at a random place."""
    if not content:
        return b"\0"
    place = chance.randrange(len(content))
    match kind:
        case "flip":
            changed = bytes([content[place] ^ 1 << chance.randrange(8)])
            return content[:place] + changed + content[place + 1 :]
        case "cut":
            return content[:place]
        case "zeros":
            many = min(chance.choice((1, 16, 512, 4096)), len(content) - place)
            return content[:place] + bytes(many) + content[place + many :]
        case "digit":
            digits = [at for at, byte in enumerate(content) if byte in b"0123456789"] or [place]
            at = chance.choice(digits)
            return content[:at] + bytes([48 + (content[at] - 47) % 10]) + content[at + 1 :]
    raise AssertionError(kind)


def damages(seed: int, count: int, original: Path) -> Iterator[tuple[str, str, bytes]]:
    """File, kind and content of each damage, every file and kind in turn."""
    chance = random.Random(seed)
    files = sorted(file.name for file in the_run(original).iterdir() if file.is_file() and file.name != ".lock")
    for i in range(count):
        name, kind = files[i % len(files)], ("flip", "zeros", "cut", "digit")[i // len(files) % 4]
        content = (the_run(original) / name).read_bytes()
        if (changed := damaged(content, kind, chance)) != content:
            yield name, kind, changed


def check(study: Study, original: Path, name: str, content: bytes, folder: Path, output: Callable) -> None:
    """A damaged run, reported, loaded and run again."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(original, folder)
    run, whole = the_run(folder), read_run(the_run(original))
    (run / name).write_bytes(content)
    found = read_run(run)
    assert whole is not None
    if found is not None and not found.problem.replace(whole.problem, ""):
        assert (found.result, found.config) == (whole.result, whole.config)
        assert [{**line} for line in found.estimates] == [{**line} for line in whole.estimates]
        for measure, column in found.metrics.items():
            assert column.tolist() == pytest.approx(whole.metrics[measure].tolist()[: len(column)], nan_ok=True)
    output()
    code = call(folder, *study.words)
    told = output()
    assert "Traceback" not in told and "Error:" not in told, told
    if code == 0:
        again = numbers(folder)
        assert again == study.numbers, told
    else:
        assert code == 1, told
        assert name in told and "rerun=true" in told and len(told.strip().splitlines()) == 1, told
        assert call(folder, *study.words, "rerun=true") == 0
        assert numbers(folder) == study.numbers


def try_all(study: Study, counts: tuple[int, int], seed: int, folder: Path, output: Callable) -> None:
    """Damages a finished run and an interrupted one, so many times each."""
    for original, count in zip((study.finished, study.interrupted), counts):
        if original is not None:
            for name, kind, content in damages(seed, count, original):
                try:
                    check(study, original, name, content, folder / "damaged", output)
                except AssertionError as error:
                    raise AssertionError(f"{original.name} {name} {kind}: {error}") from error


@pytest.fixture
def output(capsys: pytest.CaptureFixture) -> Callable[[], str]:
    """What was printed since the last call: errors and warnings alone where the run failed."""

    def read() -> str:
        out, err = capsys.readouterr()
        return err if err else out

    return read


def test_damage_is_told_or_does_no_harm(fit: Study, tmp_path: Path, output: Callable) -> None:
    try_all(fit, (4, 2), 0, tmp_path, output)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_much_damage_is_told_or_does_no_harm(fit: Study, tmp_path: Path, output: Callable, seed: int) -> None:
    try_all(fit, (60, 60), seed, tmp_path, output)


@pytest.mark.slow
def test_damage_to_other_procedures(others: list[Study], tmp_path: Path, output: Callable) -> None:
    for study in others:
        try_all(study, (30, 30), 3, tmp_path, output)


def copied(original: Path | None, folder: Path) -> Path:
    assert original is not None
    shutil.copytree(original, folder)
    return the_run(folder)


@pytest.mark.parametrize("zeros", [False, True])
def test_a_damaged_checkpoint_is_not_continued(fit: Study, tmp_path: Path, output: Callable, zeros: bool) -> None:
    run = copied(fit.interrupted, tmp_path / "cut")
    content = bytearray((run / "checkpoint.pt").read_bytes())
    middle = len(content) // 2
    content[middle : middle + (4096 if zeros else 1)] = bytes(4096) if zeros else bytes([content[middle] ^ 16])
    (run / "checkpoint.pt").write_bytes(content)
    output()
    assert call(tmp_path / "cut", *fit.words) == 0
    told = output()
    assert "checkpoint.pt cannot be read" in told and "goes on from epoch 1, of checkpoint.previous.pt" in told
    assert numbers(tmp_path / "cut") == fit.numbers
    assert not (run / "checkpoint.previous.pt").exists()  # one is enough for a run that is done


def test_without_a_whole_checkpoint_the_remedy_is_told(fit: Study, tmp_path: Path, output: Callable) -> None:
    run = copied(fit.interrupted, tmp_path / "cut")
    for name in ("checkpoint.pt", "checkpoint.previous.pt"):
        (run / name).write_bytes((run / name).read_bytes()[:-100])
    output()
    assert call(tmp_path / "cut", *fit.words) == 1
    told = output()
    assert "checkpoint.pt cannot be read" in told and "rerun=true" in told and told.count("\n") == 1


@pytest.mark.parametrize(
    "name, damage",
    [
        ("metrics.jsonl", b"garbage\n"),
        ("estimates.jsonl", b"\0" * 40 + b"\n"),
        ("metrics.jsonl", b'{"epoch": 1, "spl\n'),
    ],
)
def test_a_damaged_line_in_the_middle_is_told(
    fit: Study, tmp_path: Path, output: Callable, name: str, damage: bytes
) -> None:
    for original in (fit.finished, fit.interrupted):
        run = copied(original, tmp_path / f"of_{original and original.name}")
        lines = (run / name).read_bytes().splitlines(keepends=True)
        (run / name).write_bytes(lines[0] + damage + b"".join(lines[2:]))
        output()
        assert call(run.parents[2], *fit.words) == 1
        told = output()
        assert name in told and "rerun=true" in told and told.count("\n") == 1
        found = read_run(run)
        assert found is not None and name in found.problem


def test_another_digit_in_a_finished_run_is_told(fit: Study, tmp_path: Path, output: Callable) -> None:
    run = copied(fit.finished, tmp_path / "done")
    text = (run / "metrics.jsonl").read_text()
    (run / "metrics.jsonl").write_text(text.replace('"J": 2.', '"J": 1.', 1))
    output()
    assert call(tmp_path / "done", *fit.words) == 1
    assert "metrics.jsonl is damaged, or its line in SHA256SUMS is" in output()
    found = read_run(run)
    assert found is not None and "metrics.jsonl is damaged" in found.problem and found.status != "done"


def test_another_digit_in_a_result_is_told_and_mended(fit: Study, tmp_path: Path, output: Callable) -> None:
    run = copied(fit.finished, tmp_path / "done")
    text = (run / "result.json").read_text()
    (run / "result.json").write_text(text.replace('"J": 2.', '"J": 1.', 1))
    found = read_run(run)
    assert found is not None and "result.json is damaged" in found.problem
    output()
    assert call(tmp_path / "done", *fit.words) == 0
    assert "result.json is damaged: the end of the run is done again" in output()
    assert numbers(tmp_path / "done") == fit.numbers


def test_a_changed_config_is_told_by_the_report_and_the_library(fit: Study, tmp_path: Path) -> None:
    for original in (fit.finished, fit.interrupted):
        run = copied(original, tmp_path / f"of_{original and original.name}")
        text = (run / "config.yaml").read_text()
        (run / "config.yaml").write_text(text.replace("gamma: 0.01", "gamma: 0.09"))
        found = read_run(run)
        assert found is not None and "config.yaml is damaged" in found.problem and "gamma" not in found.multipliers
        with pytest.raises(ConfigError, match=r"config\.yaml: is damaged"):
            load_run(run)


def test_the_library_warns_and_loads_no_damaged_model(
    fit: Study, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = copied(fit.finished, tmp_path / "done")
    content = bytearray((run / "checkpoint.pt").read_bytes())
    content[len(content) // 2] ^= 1
    (run / "checkpoint.pt").write_bytes(content)
    (run / "metrics.jsonl").write_bytes(b"garbage\n" + (run / "metrics.jsonl").read_bytes())
    loaded = load_run(run)
    assert "metrics.jsonl is damaged" in caplog.text
    with pytest.raises(DamagedError, match=r"checkpoint\.pt cannot be read \(its digest is another\).*rerun=true"):
        _ = loaded.model
    with pytest.raises(DamagedError, match=r"metrics\.jsonl is damaged: line 1"):
        _ = loaded.metrics


def test_runs_of_earlier_versions_have_no_digests_and_go_on(fit: Study, tmp_path: Path, output: Callable) -> None:
    for original in (fit.finished, fit.interrupted):
        run = copied(original, tmp_path / f"of_{original and original.name}")
        forget_digests(run)
        (run / "checkpoint.previous.pt").unlink(missing_ok=True)
        config = (run / "config.yaml").read_text()
        (run / "config.yaml").write_text(config.partition("\n")[2])
        state = torch.load(run / "checkpoint.pt", weights_only=True)
        torch.save(state, run / "checkpoint.pt")  # without a seal
        assert call(run.parents[2], *fit.words) == 0
        assert numbers(run.parents[2]) == fit.numbers
        assert "damaged" not in output()


def test_an_old_checkpoint_is_held_by_its_crc(fit: Study, tmp_path: Path, output: Callable) -> None:
    run = copied(fit.interrupted, tmp_path / "cut")
    (run / "checkpoint.previous.pt").unlink()
    torch.save(torch.load(run / "checkpoint.pt", weights_only=True), run / "checkpoint.pt")
    content = bytearray((run / "checkpoint.pt").read_bytes())
    content[len(content) // 2] ^= 64
    (run / "checkpoint.pt").write_bytes(content)
    output()
    assert call(tmp_path / "cut", *fit.words) == 1
    assert "checkpoint.pt cannot be read (the CRC of" in output()


@pytest.mark.parametrize("name", ["metrics.jsonl", "estimates.jsonl"])
def test_an_old_run_with_lines_in_another_order_is_not_said_to_be_done(
    fit: Study, tmp_path: Path, output: Callable, name: str
) -> None:
    for original in (fit.finished, fit.interrupted):
        run = copied(original, tmp_path / f"of_{original and original.name}")
        forget_digests(run)
        (run / "checkpoint.previous.pt").unlink(missing_ok=True)
        torch.save(torch.load(run / "checkpoint.pt", weights_only=True), run / "checkpoint.pt")  # without a seal
        lines = (run / name).read_bytes().splitlines(keepends=True)
        (run / name).write_bytes(b"".join(reversed(lines) if original == fit.finished else [lines[0], *lines]))
        output()
        assert call(run.parents[2], *fit.words) == 1
        told = output()
        assert f"{name} is damaged: line " in told and "rerun=true" in told and told.count("\n") == 1
        found = read_run(run)
        assert found is not None and f"{name} is damaged: line " in found.problem


def test_a_pipe_is_told_at_once(fit: Study, tmp_path: Path, output: Callable) -> None:
    for original, name in ((fit.finished, "result.json"), (fit.interrupted, "checkpoint.pt")):
        run = copied(original, tmp_path / name)
        (run / name).unlink()
        os.mkfifo(run / name)
        for words in (fit.words, (*fit.words, "rerun=true")):
            output()
            assert call(run.parents[2], *words) == 1
            told = f"outputs/runs/{run.name}/{name} is no file: delete it, and give the same command again"
            assert output() == f"ib-train: {told}\n"


def test_the_library_does_not_wait_for_a_pipe(fit: Study, tmp_path: Path) -> None:
    run = copied(fit.finished, tmp_path / "done")
    for name in ("metrics.jsonl", "checkpoint.pt", "result.json", "config.yaml"):
        (run / name).unlink()
        os.mkfifo(run / name)
        if name == "config.yaml":
            with pytest.raises(ConfigError, match=r"config\.yaml: it is no file"):
                load_run(run)
        else:
            loaded = load_run(run)
            with pytest.raises(DamagedError, match=r"metrics\.jsonl is no file"):
                _ = loaded.metrics
    assert loaded.status == "unfinished"
    with pytest.raises(DamagedError, match=r"checkpoint\.pt cannot be read"):
        _ = loaded.model


def test_an_old_run_with_a_damaged_line_is_not_said_to_be_done(fit: Study, tmp_path: Path, output: Callable) -> None:
    run = copied(fit.finished, tmp_path / "done")
    forget_digests(run)
    lines = (run / "metrics.jsonl").read_bytes().splitlines(keepends=True)
    (run / "metrics.jsonl").write_bytes(lines[0] + b"\0\n" + b"".join(lines[2:]))
    output()
    assert call(tmp_path / "done", *fit.words) == 1
    told = output()
    assert "metrics.jsonl is damaged: line 2" in told and "rerun=true" in told


@pytest.fixture(scope="module")
def other(fit: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the same run with another seed."""
    folder = tmp_path_factory.mktemp("other")
    assert call(folder, *fit.words, "seed=1") == 0
    (found,) = (file.parent for file in folder.rglob("result.json"))
    return found


@pytest.mark.parametrize("names", [["checkpoint.pt"], ["checkpoint.pt", "metrics.jsonl", "estimates.jsonl"]])
def test_the_checkpoint_of_another_run_is_not_continued(
    fit: Study, other: Path, tmp_path: Path, output: Callable, names: list[str]
) -> None:
    run = copied(fit.interrupted, tmp_path / "swapped")
    for name in names:
        shutil.copy(other / name, run / name)
    output()
    code = call(run.parents[2], *fit.words)
    told = " ".join(output().split())
    assert f"is the checkpoint of another run, {other.name}" in told or "are not what its checkpoint saw" in told
    assert code == 1 or numbers(run.parents[2]) == fit.numbers  # an earlier checkpoint, or nothing


@pytest.mark.parametrize("names", [["config.yaml"], ["result.json", "SHA256SUMS", "metrics.jsonl", "estimates.jsonl"]])
def test_records_of_another_run_are_told(
    fit: Study, other: Path, tmp_path: Path, output: Callable, names: list[str]
) -> None:
    run = copied(fit.finished, tmp_path / "swapped")
    for name in names:
        shutil.copy(other / name, run / name)
    found = read_run(run)
    assert found is not None and found.status == "damaged"
    output()
    assert call(run.parents[2], *fit.words) == 1
    told = output()
    assert "rerun=true" in told and told.count("\n") == 1


def test_the_model_of_another_run_is_not_loaded(fit: Study, other: Path, tmp_path: Path) -> None:
    run = copied(fit.finished, tmp_path / "swapped")
    shutil.copy(other / "checkpoint.pt", run / "checkpoint.pt")
    with pytest.raises(DamagedError, match="is the checkpoint of another run"):
        _ = load_run(run).model
    run.rename(run.with_name("best"))  # a run may be kept under another name
    shutil.copy(the_run(fit.finished) / "checkpoint.pt", run.with_name("best") / "checkpoint.pt")
    assert load_run(run.with_name("best")).model is not None


def test_a_result_without_its_digests_is_told(fit: Study, tmp_path: Path, output: Callable) -> None:
    run = copied(fit.interrupted, tmp_path / "half")
    shutil.copy(the_run(fit.finished) / "result.json", run / "result.json")
    output()
    assert call(run.parents[2], *fit.words) == 1
    assert "SHA256SUMS is missing" in output()
    found = read_run(run)
    assert found is not None and found.problem == "SHA256SUMS is missing"


def test_a_file_in_the_place_of_the_figures_is_told(fit: Study, tmp_path: Path, output: Callable) -> None:
    run = copied(fit.interrupted, tmp_path / "file")
    shutil.rmtree(run / "figures")
    (run / "figures").touch()
    output()
    assert call(run.parents[2], *fit.words) == 1
    assert output().endswith("figures is no folder: delete it, and give the same command again\n")
