"""A model that torch cannot make: the line names the key whose size is too large."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ib_cli.run.too_large import too_large
from tests.conftest import SMALL


@pytest.mark.parametrize(
    "word, reason",
    [
        ("architecture.widths=[10000000000]", "out of memory: could not allocate "),
        ("architecture.widths=[100000000000000000000]", "a number of more than 64 bits)"),
        ("architecture.widths=[10,4000000000000000000]", "RuntimeError: Storage size calculation overflowed"),
        ("bottleneck.size=10000000000000", "out of memory: could not allocate "),
    ],
)
def test_the_key_with_the_largest_size_is_named(ib_train: Callable, word: str, reason: str) -> None:
    ended = ib_train(*SMALL, word)
    assert ended.code == 2 and f"ib-train: {word}: this model cannot be made ({reason}" in ended.err
    assert "frame #" not in ended.err


def test_sizes_are_not_blamed_for_what_has_another_cause() -> None:
    """Small sizes, whose sum may be too much, and an error that is not of memory."""
    full, other = MemoryError("of the machine"), RuntimeError("no such operator")
    config = {"architecture": {"widths": [2_000_000, 8], "flat": True}, "bottleneck": {"size": 4}}
    assert too_large(config, full).startswith("architecture.widths=[2000000,8]: this model cannot be made (")
    assert too_large(config, other).startswith("architecture: this model cannot be made (")
    assert too_large({"architecture": {"widths": [512, 512]}}, full).startswith("architecture: this")
