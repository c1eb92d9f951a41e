"""J that is not finite is told with the key that is its cause: the learning rate where nothing else is suspicious."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ib_cli.contracts.errors import RunFailedError
from ib_cli.engine.not_finite import AT_ONCE, OTHERWISE, Suspects, suspects
from ib_cli.experiment.experiment import Experiment
from tests.families import family

SGD = ("optimizer=sgd", "optimizer.lr=0.1")
ID = ("objective=information_dropout", "architecture.widths=[16,16]", *SGD)
CASES = {
    "noise.alpha_max=10": (*ID, "noise.alpha_max=10", "beta=0.1"),
    "noise.layer_weights=[1e+06,1]": (
        *ID,
        "noise.layer_weights=[1e6,1]",
        "beta=1e5",
        "architecture.activation=softplus",
    ),
    "beta=1e+38": (*ID, "beta=1e38"),
    "noise.keep=0.001": ("objective=ce", "noise=binary", "architecture.widths=[400,400]", "noise.keep=1e-3", *SGD),
    "noise.variance=1e+12": (
        "objective=ce",
        "noise=gaussian",
        "architecture.widths=[400,400,400]",
        "noise.variance=1e12",
        *SGD,
    ),
    "optimizer.weight_decay=100": ("objective=ce", *SGD, "optimizer.weight_decay=100"),
    "bottleneck.offset=100": ("bottleneck.scale=exp", "bottleneck.offset=100"),
    "gamma=1e+30": ("gamma=1e30", *SGD),
}


def failure(made: Experiment) -> str:
    with pytest.raises(RunFailedError) as error:
        made.procedure.run(made, None)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("key", family(list(CASES), every=2))
def test_the_key_that_makes_numbers_overflow_comes_first(experiment: Callable[..., Experiment], key: str) -> None:
    told = failure(experiment(*CASES[key], "epochs=9"))
    told, _, advice = told.partition(": ")
    assert "became" in told and advice.startswith(f"{key} may be too ")
    assert ("optimizer.lr" in advice) == (not told.endswith("in epoch 1, step 1"))


def test_a_large_learning_rate_is_told_where_nothing_else_is_suspicious(experiment: Callable[..., Experiment]) -> None:
    told = f"optimizer.lr=1e+12 may be too large; or else try {OTHERWISE}"
    assert failure(experiment(*ID, "optimizer.lr=1e12")).endswith(f": {told}")
    assert failure(experiment("optimizer.lr=1e30", folder="other")).endswith(f": {told.replace('12', '30')}")


def test_the_first_step_has_no_learning_rate_to_blame(experiment: Callable[..., Experiment]) -> None:
    made = experiment("optimizer.lr=1e-3")
    next(made.model.bottleneck.parameters()).data.fill_(float("inf"))
    assert failure(made).endswith(f"in epoch 1, step 1: {AT_ONCE}")


def test_runs_trained_together_have_each_its_own_cause(ib_train: Callable) -> None:
    words = ("-m", *ID, "beta=0.1,1e38", "epochs=2", "batch_size=50", "hydra/launcher=vectorized", "estimators=none",
             "dataset.train_size=200", "dataset.test_size=50", "figures=false", "device=cpu")  # fmt: skip
    ended = ib_train(*words)
    assert ended.code == 1 and "1 done, 1 failed" in ended.out, ended.out + ended.err
    assert "beta=1e38 may be too large" in " ".join((ended.out + ended.err).split())


def test_usual_settings_are_not_suspected(experiment: Callable[..., Experiment]) -> None:
    for words in (ID, ("objective=ce", "noise=binary"), ("objective=ce", "noise=gaussian"), ("objective=vae",)):
        found = experiment(*words).suspects
        assert found.keys == [] and not found.fast
    assert suspects({"noise": None}, {"gamma": 1e-3}).keys == []  # of a stored config of an earlier version
    assert Suspects(rate="optimizer.lr=0.1").remedy(first=False) == f"try less than optimizer.lr=0.1, {OTHERWISE}"
    told = Suspects(["a", "b"]).remedy(first=False)
    assert told == f"a and b; or else try less than optimizer.lr, {OTHERWISE}"
