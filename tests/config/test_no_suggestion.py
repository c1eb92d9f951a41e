"""Where nothing is near what was typed, the line for it suggests no command."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ib_cli.config.known_keys import KnownKeys
from ib_cli.config.near_keys import meant_key


@pytest.mark.parametrize(
    "words, line",
    [
        (["+tracker.extra=abc"], "tracker.extra: no such key; there are none"),
        (
            ["tracker=wandb", "+tracker.headers=abc"],
            "tracker.headers: no such key; there are project, mode, entity, tags",
        ),
        (["+tracker.name=abc"], "tracker.name: no such key; there are none"),
    ],
)
def test_a_key_near_nothing_of_its_group_has_no_suggestion(ib_train: Callable, words: list[str], line: str) -> None:
    ended = ib_train(*words)
    assert ended.code == 2 and ended.err == f"ib-train: {line}\n"


@pytest.mark.parametrize(
    "typed, value, meant",
    [
        ("tracker.extra", "0.5", None),
        ("tracker.epochs", "abc", None),
        ("optimizer.extra", "abc", None),
        ("architecture.headers", "abc", None),
        ("optimizer.tags", "abc", None),
        ("optimizer.path", "abc", None),
        ("dataset.address", "abc", None),
        ("nothing.headers", "abc", None),
        ("extra", "abc", None),  # beta takes numbers
        ("headers", "abc", None),  # and so does threads
        ("thread", "2", "threads"),
        ("treads", "2", "threads"),
        ("optimizer.weight_decy", "0.1", "optimizer.weight_decay"),
        ("optimizer.batch-size", "50", "batch_size"),
        ("model.latent_dim", "8", "bottleneck.size"),
    ],
)
def test_what_a_key_may_have_meant(typed: str, value: str, meant: str | None) -> None:
    found = meant_key(typed, KnownKeys((), [f"{typed}={value}"]), value)
    assert (found and found.key) == meant


def test_a_multiplier_is_a_key_of_its_own_name() -> None:
    """Of an objective that has it; where it has not, the error line says which do."""
    assert str(meant_key("gamma", KnownKeys(), "1")) == "gamma" and meant_key("rho", KnownKeys(), "1") is None
