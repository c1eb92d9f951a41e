"""One run whose records cannot be right: it is listed with the reason, gives no number, and the others are reported."""

from __future__ import annotations

import json
import os
import random
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from ib_cli.report.page.page import page
from ib_cli.report.panels.contents import contents
from ib_cli.report.read.runs import Reader, RecordedRun, read_run
from ib_cli.report.write import write_tables
from tests.families import family
from tests.report.conftest import Ended
from tests.report.synthetic import write_estimates, write_run, write_study

Change = Callable[[Path], object]
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{after}: &{after} [{', '.join(['*' + before] * 9)}]\n" for before, after in zip("abcdefgh", "bcdefghi")
)
MERGES = "a: &a {x: 1}\n" + "".join(
    f"{after}: &{after} {{<<: [{', '.join(['*' + before] * 9)}]}}\n" for before, after in zip("abcdefgh", "bcdefghi")
)


def text(name: str, content: str | bytes) -> Change:
    """Writes a file of the run anew."""
    return lambda run: (run / name).write_bytes(content.encode() if isinstance(content, str) else content)


def result(**change: object) -> Change:
    """Changes entries of result.json."""

    def write(run: Path) -> None:
        file = run / "result.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | change))

    return write


def line(name: str, **change: object) -> Change:
    """Changes the second line of a file of lines."""

    def write(run: Path) -> None:
        lines = (run / name).read_text().splitlines()
        lines[1] = json.dumps(json.loads(lines[1]) | change)
        (run / name).write_text("\n".join(lines) + "\n")

    return write


def order(name: str, *places: int) -> Change:
    """Writes the lines at these places, and no others, in this order."""

    def write(run: Path) -> None:
        lines = (run / name).read_text().splitlines(keepends=True)
        (run / name).write_text("".join(lines[place] for place in places))

    return write


def instead(name: str, make: Change) -> Change:
    """Puts something else in a file's place."""

    def replace(run: Path) -> None:
        (run / name).unlink()
        make(run / name)

    return replace


def bind(path: Path) -> None:
    """A socket in place of a file; its path would be too long for one."""
    before = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(before)


def sparse(path: Path) -> None:
    """Three GiB that take no place on the disk."""
    path.touch()
    os.truncate(path, 3 * 2**30)


DAMAGES: list[tuple[Change, str]] = [
    (text("config.yaml", ""), "config.yaml is empty"),
    (lambda run: (run / "config.yaml").unlink(), "config.yaml is missing"),
    (text("config.yaml", BOMB), "config.yaml has too many values"),
    (text("config.yaml", MERGES), "config.yaml is no YAML"),
    (text("config.yaml", "[" * 100_000), "config.yaml is nested too deeply"),
    (text("config.yaml", "a: 1\na: 2\n"), "config.yaml is no YAML"),
    (text("config.yaml", b"a: \xe9\n"), "config.yaml is no UTF-8 text"),
    (text("config.yaml", "seed: 1\n"), "config.yaml has no objective"),
    (
        text("config.yaml", "objective: {name: x, minimise: {R: []}}\ngamma: 1e300"),
        "no proper objective.minimise, gamma",
    ),
    (text("config.yaml", "a: !!int ''\n"), "config.yaml is no YAML"),
    (text("config.yaml", f"a: {'x' * 20_000}\n"), "config.yaml has a text of 20,000 letters"),
    (text("config.yaml", "a: !!binary aGk=\n"), "config.yaml has a binary value, which no record has"),
    (text("config.yaml", "a: !!set {b, c}\n"), "config.yaml has a set, which no record has"),
    (text("config.yaml", "a: 2024-01-01\n"), "config.yaml has a date, which no record has"),
    (text("config.yaml", "a: 2024-01-01 10:00:00\n"), "config.yaml has a date, which no record has"),
    (text("result.json", "{"), "result.json is no JSON"),
    (text("result.json", ""), "result.json is empty"),
    (text("result.json", "[" * 100_000), "result.json is no JSON"),
    (result(status="perhaps"), "result.json has no proper status"),
    (result(seed=-1, epochs=1e300, seconds="x"), "result.json has no proper seed, epochs, seconds"),
    (result(test={"R": 1e308}), "result.json has no proper test"),
    (result(test=None, train=None), "result.json has no proper train, test, measures"),
    (result(multipliers={"gamma": True}), "result.json has no proper multipliers"),
    (result(lagrangian="\ud800"), "result.json has text that is no Unicode"),
    (text("metrics.jsonl", ""), "metrics.jsonl has no line"),
    (line("metrics.jsonl", epoch=1e300), "line 2 of metrics.jsonl has no proper epoch or step"),
    (line("metrics.jsonl", epoch=1.5), "line 2 of metrics.jsonl has no proper epoch or step"),
    (line("metrics.jsonl", split="\ud800"), "metrics.jsonl has text that is no Unicode"),
    (line("metrics.jsonl", R="words"), "metrics.jsonl has no proper R"),
    (line("metrics.jsonl", R=-1e308), "metrics.jsonl has no proper R"),
    (line("metrics.jsonl", R=10**400), "metrics.jsonl has no proper R"),
    (lambda run: (run / "metrics.jsonl").write_text('{"R": 1, "R": 2}\n'), "line 1 of metrics.jsonl is no JSON"),
    (lambda run: os.truncate(run / "metrics.jsonl", 300), "metrics.jsonl ends within a line"),
    (order("metrics.jsonl", 0, 1, 1, 2, 3), "metrics.jsonl is damaged: line 3 is there twice"),
    (order("metrics.jsonl", 0, 1, 2, 3, 0, 1), "metrics.jsonl is damaged: line 5 is there twice"),
    (order("metrics.jsonl", 3, 2, 1, 0), "metrics.jsonl is damaged: line 3 is of an earlier epoch than the one"),
    (order("estimates.jsonl", 0, 0, 1), "estimates.jsonl is damaged: line 2 is there twice"),
    (order("estimates.jsonl", 2, 3, 0, 1), "estimates.jsonl is damaged: line 3 is of an earlier epoch"),
    (line("estimates.jsonl", value="x"), "estimates.jsonl has no proper value"),
    (line("estimates.jsonl", saturated=3), "estimates.jsonl has no proper saturated"),
    (line("estimates.jsonl", estimator=None), "estimates.jsonl has no proper estimator"),
    (instead("metrics.jsonl", os.mkfifo), "metrics.jsonl is a pipe"),
    (instead("result.json", os.mkfifo), "result.json is a pipe"),
    (instead("config.yaml", os.mkfifo), "config.yaml is a pipe"),
    (instead("config.yaml", Path.mkdir), "config.yaml is a folder"),
    (instead("metrics.jsonl", bind), "metrics.jsonl is a socket"),
    (instead("metrics.jsonl", lambda path: path.symlink_to("/dev/zero")), "metrics.jsonl is a device"),
    (instead("metrics.jsonl", lambda path: path.symlink_to(path.name)), "metrics.jsonl cannot be read"),
    (instead("result.json", lambda path: path.symlink_to("gone")), "result.json is a link to nothing"),
    (instead("result.json", sparse), "result.json is larger than 64 MiB"),
]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Three runs."""
    return write_study(tmp_path / "outputs" / "study", seeds=1)


@pytest.fixture
def damaged(study: Path) -> Path:
    """The first run of the study, to be damaged."""
    folder = study / "vib000s0"
    write_estimates(folder, "mixture", {"I[X;Z]": [1.0, 2.0], "I[Y;Z]": [0.5, 0.6]})
    return folder


def reported(study: Path, folder: Path) -> RecordedRun:
    """The damaged run, after tables and page of all have been made."""
    runs = Reader().read([study])
    assert [run.status for run in runs].count("done") == 2
    made = contents(runs)
    write_tables(made, study)
    (found,) = [run for run in runs if run.folder == folder]
    assert found.problem in page(made, "study").replace("&#39;", "'")
    assert made.points.of_run[runs.index(found)] == -1
    return found


@pytest.mark.parametrize(
    ("change", "why"), family(DAMAGES, every=2), ids=[f"{i} {why}" for i, (_, why) in enumerate(DAMAGES)]
)
def test_a_damage_is_named_and_the_others_are_reported(study: Path, damaged: Path, change: Change, why: str) -> None:
    change(damaged)
    found = reported(study, damaged)
    assert found.status == "damaged" and why in found.problem


@pytest.mark.parametrize("content", ["", None])
def test_an_unfinished_run_without_a_config_is_damaged(study: Path, damaged: Path, content: str | None) -> None:
    (damaged / "result.json").unlink()
    (damaged / "config.yaml").unlink() if content is None else (damaged / "config.yaml").write_text(content)
    assert reported(study, damaged).status == "damaged"


def test_a_seed_of_an_earlier_version_that_no_column_of_integers_holds(study: Path) -> None:
    write_run(study / "late", seed=2**64)
    table = contents(Reader().read([study])).results
    assert str(2**64) in table["seed"].tolist()
    write_tables(contents(Reader().read([study])), study)


def test_links_are_followed_once_and_loops_end(study: Path, tmp_path: Path) -> None:
    elsewhere = write_run(tmp_path / "elsewhere" / "run", seed=7)
    (study / "loop").symlink_to(study)
    (study / "linked").symlink_to(elsewhere)
    assert len(Reader().read([study])) == 4
    reader, alone = Reader(), tmp_path / "links"
    alone.mkdir()
    (alone / "linked").symlink_to(elsewhere)
    assert len(reader.read([alone])) == 1 and reader.without == []


def test_a_folder_that_cannot_be_read_is_listed(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scan = os.scandir

    def refuse(folder: Path) -> object:
        if Path(folder).name == "vib000s0":
            raise PermissionError(13, "Permission denied", str(folder))
        return scan(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    found = reported(study, study / "vib000s0")
    assert found.problem == "the folder cannot be read (Permission denied)"


def test_a_stray_file_in_a_studys_folder_hides_no_run(study: Path) -> None:
    (study / "config.yaml").write_text("[")
    (study / "metrics.jsonl").mkdir()
    assert sum(run.status == "done" for run in Reader().read([study])) == 3


def test_names_that_no_file_can_hold_are_escaped(tmp_path: Path) -> None:
    run = read_run(write_run(Path(os.fsdecode(bytes(tmp_path / "s") + b"/\xff\x1b[2J"))))
    assert run is not None and run.place.isprintable()
    run.place.encode()


@pytest.mark.usefixtures("without_figures")
def test_the_screen_lists_damaged_runs(ib_report: Callable[..., Ended], study: Path) -> None:
    (study / "vib000s0" / "result.json").write_text("{")
    end = ib_report(study)
    assert end.code == 0 and "2 done, 1 damaged" in end.out
    assert "damaged     study/vib000s0: result.json is no JSON" in end.out


def test_random_damages_end_no_report(tmp_path: Path) -> None:
    """Bits, zeros and cuts anywhere in any file of three runs."""
    rng = random.Random(0)
    for number in range(12):
        study = write_study(tmp_path / str(number), multipliers=[1e-3, 1e-2, 1e-1], seeds=1, epochs=2)
        files = sorted(file for file in study.glob("*/*") if file.is_file())
        file = rng.choice(files)
        content = bytearray(file.read_bytes())
        at = rng.randrange(len(content))
        if number % 3 == 0:
            content[at] ^= 1 << rng.randrange(8)
        elif number % 3 == 1:
            content[at : at + 20] = bytes(len(content[at : at + 20]))
        else:
            del content[at : at + rng.randrange(1, 60)]
        file.write_bytes(content)
        runs = Reader().read([study])
        assert len(runs) == 3 and sum(run.status == "done" for run in runs) >= 2
        made = contents(runs)
        write_tables(made, study)
        page(made, "study")
