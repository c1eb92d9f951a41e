"""A search's wrong words: its measure, and the numbers that it is to try. Each is one line of our own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus

from hydra_plugins.ib_train._job import value_of
from hydra_plugins.ib_train.optuna_sweeper import _distribution
from ib_cli.contracts.errors import ConfigError
from ib_cli.study.search_measure import _measured
from tests.conftest import SMALL

SEARCH = ("-m", *SMALL, "epochs=1", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=1", "gamma=interval(1e-4,1)")
RESULT = {"test": {"accuracy": 0.9, "J": 1.0}, "validation": {"accuracy": 0.8, "C": 0.3}, "seconds": 3}


def test_a_measure_that_there_is_not_is_the_only_line(ib_train: Callable) -> None:
    pytest.importorskip("optuna")
    ended = ib_train(*SEARCH, "hydra.sweeper.measure=acc")
    (line,) = ended.err.splitlines()
    assert ended.code == 2 and "Error executing" not in ended.out
    assert line.startswith("ib-train: hydra.sweeper.measure=acc: not measured; did you mean accuracy? there are ")


@pytest.mark.parametrize(
    "measure, told",
    [
        ("acc", "did you mean accuracy?"),
        ("Accuracy", "did you mean accuracy?"),
        ("val/accuracy", "did you mean validation/accuracy?"),
        ("test/j", "did you mean J?"),
        ("qqqq", "not measured; there are accuracy, J, C, of test, validation"),
    ],
)
def test_a_measure_near_a_typed_one_is_named(measure: str, told: str) -> None:
    with pytest.raises(ConfigError, match=f"^hydra.sweeper.measure={measure}: not measured") as error:
        _measured(RESULT, measure)
    assert told in str(error.value)


def test_a_jobs_error_is_raised_without_a_line_of_hydras(capsys: pytest.CaptureFixture) -> None:
    job = JobReturn(overrides=["a=1"], status=JobStatus.FAILED)
    job.return_value = ConfigError("no")
    with pytest.raises(ConfigError, match=r"^no$"):
        value_of(job)
    job.return_value, job.status = 3.0, JobStatus.COMPLETED
    assert value_of(job) == 3.0 and capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "value, told",
    [
        ("interval(1,1e-4)", r"must begin with the lower end, as interval\(0.0001,1\)"),
        ("interval(7,3)", r"must begin with the lower end, as interval\(3,7\)"),
        ("tag(log,interval(0,1))", "a logarithmic search takes numbers above 0, and this begins at 0"),
        ("tag(log,interval(-1.5,1.0))", "a logarithmic search takes numbers above 0, and this begins at -1.5"),
        ("tag(log,range(0,5))", "a logarithmic search takes numbers above 0, and this begins at 0"),
        ("tag(log,range(1,9,2))", "a logarithmic search over a range takes every number"),
        ("range(5,5)", "has no number"),
        ("interval(nan,1)", "both ends must be finite"),
        ("interval(0,inf)", "both ends must be finite"),
    ],
)
def test_numbers_that_cannot_be_searched_are_told_with_their_key(value: str, told: str) -> None:
    pytest.importorskip("optuna")
    (override,) = OverridesParser.create().parse_overrides([f"gamma={value}"])
    with pytest.raises(ConfigError, match=f"^gamma={value.replace('(', '.').replace(')', '.')}: {told}"):
        _distribution(override)


def test_a_range_may_run_downwards() -> None:
    pytest.importorskip("optuna")
    (override,) = OverridesParser.create().parse_overrides(["seed=range(9,1,-3)"])
    found = _distribution(override)
    assert (found.low, found.high, found.step) == (3, 9, 3)
