"""Names of curves are the words of a paper's reader, and every choice that has words exists."""

from __future__ import annotations

import pytest

from ib_cli.config.catalogue import choices
from ib_cli.report.read.words import CHOICES, OBJECTIVES, choice, words


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("bottleneck._target_", "ib_cli.model.bottlenecks.deterministic.Deterministic", "no noise"),
        ("bottleneck._target_", "ib_cli.model.bottlenecks.zero_entropy_noise.ZeroEntropyNoise", "zero-entropy noise"),
        ("bottleneck._target_", "mine.Noisy", "bottleneck Noisy"),
        ("objective.name", "surrogate_logvar_given_y", "log Var[Z|Y]"),
        ("objective.name", "mine", "mine"),
        ("bottleneck.size", 10, "K = 10"),
        ("bottleneck.size", None, "bottleneck.size=None"),
        ("procedure.start", -150, "from −150 nats"),
        ("procedure.end", 0.5, "to 0.5 nats"),
        ("averaging", 0.25, "averaging=0.25"),
        ("architecture.monte_carlo", True, "architecture.monte_carlo=True"),
    ],
)
def test_words(key: str, value: object, expected: str) -> None:
    assert words(key, value) == expected


def test_every_named_choice_is_there_and_no_two_read_alike() -> None:
    for group, names in {**CHOICES, "objective": OBJECTIVES}.items():
        assert set(names) <= set(choices(group)), group
        assert len(set(names.values())) == len(names), group


def test_a_choice_without_words_has_none() -> None:
    assert choice("noise", "mine.Noise") == "" and choice("tracker", "wandb") == ""
