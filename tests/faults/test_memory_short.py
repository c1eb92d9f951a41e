"""Memory that runs out: less at a time where that helps, else a line with the sizes; what has been trained is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ib_cli.datasets.digits import Digits
from ib_cli.engine.group import GroupEpoch
from ib_cli.engine.portions import in_a_line
from ib_cli.experiment import estimates
from ib_cli.report import main as report
from tests.conftest import SMALL, Ended

# What the CPU's allocator says, and NumPy.
OF_TORCH = RuntimeError(
    "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate "
    "8589934592 bytes. Error code 12 (Cannot allocate memory)"
)
OF_NUMPY = MemoryError("Unable to allocate 74.5 GiB for an array with shape (100000, 100000) and data type float64")
STUDY = ("-m", *SMALL, "gamma=1,2,3", "hydra/launcher=vectorized")


def full(error: BaseException) -> Callable[..., None]:
    def fail(*arguments: object, **keys: object) -> None:
        raise error

    return fail


def told(ended: Ended) -> str:
    assert "Traceback" not in ended.out + ended.err
    return " ".join((ended.out + ended.err).split())


def records(folder: Path) -> dict[str, list[float]]:
    """By what is minimised: the numbers of metrics.jsonl."""
    found = {}
    for result in folder.glob("outputs/runs/*/result.json"):
        lines = [json.loads(line) for line in (result.parent / "metrics.jsonl").read_text().splitlines()]
        numbers = [value for line in lines for value in line.values() if isinstance(value, int | float)]
        found[json.loads(result.read_text())["lagrangian"]] = numbers
    return found


def test_an_error_of_memory_is_a_line() -> None:
    assert in_a_line(OF_TORCH) == "out of memory: could not allocate 8,192 MiB"
    assert in_a_line(OF_NUMPY).startswith("out of memory: Unable to allocate 74.5 GiB") and in_a_line(MemoryError())


def test_a_group_whose_step_does_not_fit_goes_on_in_smaller_groups(
    ib_train: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert ib_train(*STUDY).code == 0
    whole = records(tmp_path)
    run, steps = GroupEpoch.run, [0]

    def crowded(epoch: GroupEpoch, *arguments: object) -> object:
        steps[0] += 1
        if len(epoch.stack.states) > 1 and steps[0] > 1:  # the first epoch fits
            raise OF_TORCH
        return run(epoch, *arguments)

    monkeypatch.setattr(GroupEpoch, "run", crowded)
    ended = ib_train(*STUDY, "rerun=true")
    assert ended.code == 0 and "3 done" in ended.out
    for runs, most in ((3, 2), (2, 1)):
        line = f"memory ran out in a step of {runs} runs together: they go on from their checkpoints, {most} at a time"
        assert line in told(ended)
    found = records(tmp_path)
    assert found.keys() == whole.keys() and all(found[name] == pytest.approx(whole[name], rel=1e-5) for name in whole)


def test_a_single_run_that_does_not_fit_names_the_sizes(
    ib_train: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GroupEpoch, "run", full(OF_TORCH))
    ended = ib_train(*STUDY, "gamma=1,2")
    line = "out of memory: could not allocate 8,192 MiB: a smaller batch_size (50), samples (1), eval_samples (12) or "
    assert ended.code == 1 and "2 failed" in ended.out and line in told(ended)


@pytest.mark.parametrize("error", [OF_TORCH, OF_NUMPY, MemoryError()], ids=["torch", "numpy", "no words"])
def test_an_estimator_that_does_not_fit_leaves_the_run_done(
    ib_train: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(estimates, "information_plane", full(error))
    ended = ib_train(*SMALL, "epochs=1", "estimators=information_plane", "estimators.use=[kraskov]")
    assert ended.code == 0
    assert "of 200 samples of 4 dimensions; estimators.samples takes fewer" in told(ended)
    (result,) = Path().glob("outputs/runs/*/result.json")
    assert json.loads(result.read_text())["estimates"]["kraskov"]["I[X;Z]"]["value"] is None


@pytest.mark.parametrize("launcher", ["sequential", "vectorized"])
def test_data_that_do_not_fit_end_their_runs_alone(
    ib_train: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch, launcher: str
) -> None:
    read = Digits.read

    def large(self: Digits) -> object:
        if self.seed == 7:
            raise MemoryError("Unable to allocate 74.5 GiB")
        return read(self)

    monkeypatch.setattr(Digits, "read", large)
    ended = ib_train("-m", *SMALL, "epochs=1", "dataset.seed=7,0", "gamma=1,2", f"hydra/launcher={launcher}")
    assert ended.code == 1 and "2 done, 2 failed" in ended.out
    line = (
        "dataset=digits: out of memory: Unable to allocate 74.5 GiB: its samples do not fit in the memory of this cpu"
    )
    assert line in told(ended)


def test_a_report_that_does_not_fit_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setattr(report, "_import_all", full(OF_NUMPY))
    with pytest.raises(SystemExit) as ended:
        report.main([str(tmp_path)])
    assert ended.value.code == 1
    assert capsys.readouterr().err == f"ib-report: out of memory: {OF_NUMPY}\n"


def test_the_allocator_of_this_machine_speaks_as_these_tests_expect() -> None:
    with pytest.raises(RuntimeError) as error:
        torch.empty(2**55, dtype=torch.uint8)
    assert in_a_line(error.value).startswith("out of memory: could not allocate 34,359,738,368 MiB")
