"""A value of a key typed as a group's option is answered with the key."""

from __future__ import annotations

from typing import get_args

import pytest

from ib_cli.config.known_keys import KnownKeys
from ib_cli.config.near_choices import value_of_a_key
from ib_cli.experiment.estimates import Estimates
from tests.faults.typed_values import hints_of


def test_every_estimator_is_a_value_of_use() -> None:
    (names,) = (get_args(inner) for inner in get_args(hints_of(Estimates)["use"]))
    assert {"mixture", "kraskov", "gaussian"} <= set(names)
    for name in names:
        assert value_of_a_key("estimators", name, KnownKeys()) == ("estimators.use", f"[{name}]")


@pytest.mark.parametrize(
    "group, word, found",
    [
        ("architecture", "relu", ("architecture.activation", "relu")),
        ("architecture", "LeakyReLU", ("architecture.activation", "leaky_relu")),
        ("dataset", "zca", ("dataset.normalise", "zca")),
        ("dataset", "bernoulli", ("dataset.likelihood", "bernoulli")),
        ("estimators", "validation", ("estimators.split", "validation")),
        ("dataset", "random", None),  # a word of a comment that is a sentence
        ("estimators", "neighbours", None),
        ("optimizer", "lr", None),
        ("no_such_group", "relu", None),
        ("x" * 5000, "relu", None),
    ],
)
def test_words_of_comments_that_are_values(group: str, word: str, found: tuple[str, str] | None) -> None:
    assert value_of_a_key(group, word, KnownKeys()) == found


def test_the_chosen_option_says_which_values_there_are() -> None:
    chosen = KnownKeys((), ["optimizer=sgd", "bottleneck=codebook"])
    assert value_of_a_key("bottleneck", "ema", chosen) == ("bottleneck.learned", "ema")
    assert value_of_a_key("bottleneck", "ema", KnownKeys()) is None
