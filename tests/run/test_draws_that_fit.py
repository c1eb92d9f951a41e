"""More draws of z than memory holds are refused before they are made, in one line."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

import ib_cli
from ib_cli.contracts.errors import TooLargeError
from ib_cli.engine import draws_that_fit
from ib_cli.experiment.evaluation import Evaluation
from ib_cli.run import encode, evaluate
from ib_cli.run.loaded_run import Run
from ib_cli.system import free_memory
from tests.conftest import SMALL

HUGE = 2_000_000_000  # draws: beyond any machine's memory, and within what a key may be


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    root = tmp_path_factory.mktemp("draws")
    return ib_cli.train(ib_cli.build(ib_cli.compose([*SMALL, "estimators=none", f"output={root}"])))


@pytest.mark.parametrize(
    ("command", "words", "code", "told"),
    [
        (encode.main, ["--samples", str(HUGE)], 1, f"{HUGE} draws of z of 100 samples take 2,980.2 GiB"),  # N·K·4 bytes
        (evaluate.main, [f"eval_samples={HUGE}"], 1, f"{HUGE} draws of z of each sample take about"),
        (encode.main, ["--samples", "0"], 2, "--samples 0: must be at least 1"),
        (encode.main, ["--samples", "-1"], 2, "--samples -1: must be at least 1"),
        (encode.main, ["--samples", str(2**31)], 2, f"--samples {2**31}: must be at least 1"),
        (encode.main, ["--seed", "-1"], 2, "--seed -1: must be at least 0"),
        (encode.main, ["--seed", "9" * 20], 2, f"--seed {'9' * 20}: must be at least 0 and less than {2**63}"),
    ],
)
def test_what_cannot_be_made_is_one_line(
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    command: Callable[[list[str]], None],
    words: list[str],
    code: int,
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        command([str(run.folder), *words])
    error = capsys.readouterr().err
    assert end.value.code == code and told in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("key", ["eval_samples", "samples"])
def test_a_run_of_too_many_draws_fails_in_words(ib_train: Callable, key: str) -> None:
    ended = ib_train(*SMALL, f"{key}={HUGE}")
    told = " ".join((ended.out + ended.err).split())
    assert ended.code == 1 and f"{HUGE} draws of z of each sample take about" in told and "memory ran out" not in told


def test_fewer_samples_at_a_time_are_found_at_once(
    run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    model, draws = run.model, draws_that_fit.MANY + 1
    params = dict(model.named_parameters())
    whole = Evaluation(run.experiment, draws).of(params, "test")
    # K = 4 of noise and of z, and 10 classes, 4 bytes each; twice, for what is measured.
    monkeypatch.setattr(draws_that_fit, "free_memory", lambda device: 7 * 2 * draws * 4 * (4 + 4 + 10))
    with caplog.at_level(logging.WARNING):
        parts = Evaluation(run.experiment, draws).of(params, "test")
    (line,) = [record.getMessage() for record in caplog.records]
    assert "evaluations take 7 samples at a time from here on" in line
    assert parts["R"] == pytest.approx(whole["R"], rel=0.05)  # other draws
    monkeypatch.setattr(draws_that_fit, "free_memory", lambda device: 2 * draws * 4 * (4 + 4 + 10) - 1)
    with pytest.raises(TooLargeError, match="for one sample"):
        Evaluation(run.experiment, draws).of(params, "test")


def test_what_fits_is_made(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    size = 3 * 100 * 4 * 4 + 2 * 100 * 4 * 4  # z (3, 100, 4), mean and scale (100, 4)
    for free in (2 * size, None):
        monkeypatch.setattr(draws_that_fit, "free_memory", lambda device, free=free: free)
        assert run.represent_split("test", 3)["z"].shape == (3, 100, 4)
    monkeypatch.setattr(draws_that_fit, "free_memory", lambda device: 2 * size - 1)
    with pytest.raises(TooLargeError, match="3 draws of z of 100 samples"):
        run.represent_split("test", 3)


def test_a_containers_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memory.max").write_text("3000000\n")
    (tmp_path / "memory.current").write_text("1000000\n")
    monkeypatch.setattr(free_memory, "CGROUP", tmp_path)
    assert free_memory.free_on_machine() == 2_000_000
