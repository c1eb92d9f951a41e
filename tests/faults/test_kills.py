"""SIGKILL at chosen writes: the same command then ends as if undisturbed (at large: tests/integration/kills.py)."""

from __future__ import annotations

import random
import shutil
import signal
from functools import partial
from pathlib import Path

import pytest
import torch

from ib_cli.config.catalogue import choices
from ib_cli.experiment import records
from ib_cli.experiment.records import Records
from ib_cli.study.job_outcomes import Jobs
from ib_cli.system.atomic import write_atomically
from tests.conftest import SMALL
from tests.faults.deaths import die_at_write
from tests.faults.remains import differences, remains, unsound, worsen
from tests.integration.kill_cases import CASES
from tests.processes import Forked

FIT = (*SMALL, "dataset.validation_size=0.2", "estimators=information_plane", "estimators.use=[gaussian]")
TOY = (
    "weights=point",
    *(word for word in SMALL if not word.startswith(("dataset.", "architecture."))),
    *("dataset=therml_toy", "architecture=therml_toy", "objective=therml"),
)
LANGEVIN = (
    *(*TOY, "procedure=langevin", "sigma=1", "batch_size=2000", "epochs=4", "procedure.burn_in=1", "procedure.steps=2"),
    "gamma=1,2",
)


def test_every_procedure_launcher_and_command_is_killed() -> None:
    words = {word for case in CASES.values() for word in case.words}
    assert {name for name in choices("procedure") if f"procedure={name}" not in words} == {"fit"}, "fit is the default"
    assert {case.command for case in CASES.values()} == {"train", "report", "encode", "evaluate"}
    assert {"hydra/launcher=local", "hydra/launcher=vectorized", "hydra/sweeper=optuna"} < words


@pytest.mark.parametrize("words", [FIT, ("-m", *LANGEVIN)], ids=["fit", "multirun"])
def test_killed_at_any_write_it_ends_as_if_undisturbed(tmp_path: Path, words: tuple[str, ...]) -> None:
    told, folder = tmp_path / "told", tmp_path / "killed"
    code, said = Forked(tmp_path / "whole", *words, before=partial(die_at_write, 0, str(told))).end()
    assert code == 0, said
    writes = int(told.read_text())
    assert writes > 30
    for number in (writes // 2, *random.Random(21).sample(range(10, writes // 2), 2)):
        code, said = Forked(folder, *words, before=partial(die_at_write, number)).end()
        assert code == -signal.SIGKILL, said
        assert not unsound(folder)
        worsen(folder)
    code, said = Forked(folder, *words).end()
    assert code == 0 and "Traceback" not in said, said
    assert not differences(remains(tmp_path / "whole"), remains(folder))


def test_a_group_killed_between_two_checkpoints_goes_on_together(tmp_path: Path) -> None:
    """Its runs are then an epoch apart; trained apart, they would be rounded in another way."""
    words = ("-m", *SMALL, "epochs=3", "gamma=0.001,0.1,1", "hydra/launcher=vectorized")
    code, said = Forked(tmp_path / "whole", *words).end()
    assert code == 0, said
    names = 4  # that a checkpoint's file, before it has its name, is given, opened or renamed by, or removed from
    for checkpoints in (1, 5):  # of three runs an epoch
        death = partial(die_at_write, checkpoints * names + 1, name=".checkpoint.pt.part")
        code, said = Forked(tmp_path / "killed", *words, before=death).end()
        assert code == -signal.SIGKILL, said
        files = (tmp_path / "killed" / "outputs" / "runs").glob("*/checkpoint.pt")
        epochs = sorted(torch.load(file, weights_only=True)["epoch"] for file in files)
        assert epochs in ([1], [1, 2, 2], [1, 1, 2]), epochs
    code, said = Forked(tmp_path / "killed", *words).end()
    assert code == 0, said
    assert not differences(remains(tmp_path / "whole"), remains(tmp_path / "killed"))


def killed_before_its_result(folder: Path, words: tuple[str, ...]) -> None:
    """Leave what a run leaves that is killed when all but its result is written."""
    told = folder.with_suffix(".told")
    code, said = Forked(folder, *words, before=partial(die_at_write, 0, str(told))).end()
    assert code == 0, said
    for number in range(int(told.read_text()), 0, -1):
        shutil.rmtree(folder)
        Forked(folder, *words, before=partial(die_at_write, number)).end()
        if not list(folder.rglob("result.json")):
            return


# `hand_crafted` makes its checkpoint and its lines anew; the others go on from them.
RESUMED = {
    "hand_crafted": (*TOY[1:], "procedure=hand_crafted"),
    "fit": (*FIT, "epochs=1"),
    "langevin": LANGEVIN[:-1],
    "equilibrate": CASES["equilibrate"].words,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RESUMED)
def test_killed_again_as_it_resumes_its_checkpoint_and_its_lines_fit(tmp_path: Path, name: str) -> None:
    killed_before_its_result(tmp_path / "once", RESUMED[name])
    assert list((tmp_path / "once").rglob("checkpoint.pt"))
    for number in range(1, 200):
        again = tmp_path / f"again {number}"
        shutil.copytree(tmp_path / "once", again)
        code, said = Forked(again, *RESUMED[name], before=partial(die_at_write, number)).end()
        if code == 0:  # it has fewer
            break
        assert code == -signal.SIGKILL and not unsound(again), said
    assert 10 < number < 199


def test_what_is_left_over_missing_or_different_is_noticed(tmp_path: Path) -> None:
    for name, text in (("a", '{"epoch": 1}\n'), ("b", '{"epoch": 2}\n')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.jsonl").write_text(text)
    (tmp_path / "a" / "figures").mkdir()
    (tmp_path / "b" / ".best.pt.part").touch()
    found = differences(remains(tmp_path / "a"), remains(tmp_path / "b"))
    assert found == ["figures/ is missing", ".best.pt.part is left over", "metrics.jsonl differs"]
    (tmp_path / "a" / "config.yaml").write_text("# sha256 of the lines below: " + 64 * "0" + "\nseed: 0\n")
    assert "config.yaml is damaged" in unsound(tmp_path / "a")[0]


def test_a_multirun_deletes_what_killed_ones_left(tmp_path: Path) -> None:
    alive = Jobs(tmp_path / ".jobs" / "alive")
    alive.claim()
    for name in ("dead", ".dead"):
        (tmp_path / ".jobs" / name).mkdir()
        (tmp_path / ".jobs" / name / "0.json").write_text("{")
    new = Jobs(tmp_path / ".jobs" / "new")
    new.claim()
    assert {path.name for path in (tmp_path / ".jobs").iterdir()} == {"alive", "new"}
    for jobs in (alive, new):
        jobs.remove()
    assert not (tmp_path / ".jobs").exists()


def test_a_multirun_whose_folder_is_deleted_as_it_is_made_makes_it_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, tries = Path.rename, []

    def deleted_at_first(self: Path, target: Path) -> Path:
        tries.append(target)
        if len(tries) == 1:
            (self / ".lock").unlink()
            self.rmdir()
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", deleted_at_first)
    jobs = Jobs(tmp_path / ".jobs" / "new")
    jobs.claim()
    assert len(tries) == 2 and jobs.folder.is_dir() and not Jobs(jobs.folder)._lock.take()
    jobs.remove()


def test_killed_once_the_result_stands_a_run_leaves_one_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Records(tmp_path / "run")
    run.open("seed: 0\n")
    for epoch in (1, 2):
        run.save_checkpoint({"epoch": epoch})
    assert (tmp_path / "run" / "checkpoint.previous.pt").exists()

    def killed_then(file: Path, content: str | bytes) -> None:
        write_atomically(file, content)
        if file.name == "result.json":
            raise KeyboardInterrupt

    monkeypatch.setattr(records, "write_atomically", killed_then)
    with pytest.raises(KeyboardInterrupt):
        run.finish({"status": "done"})
    run.close()
    assert {file.name for file in (tmp_path / "run").glob("check*")} == {"checkpoint.pt"}
    assert Records(tmp_path / "run").done is not None
