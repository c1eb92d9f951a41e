"""Rows of panels, a column per curve, as pictures lay them out: few columns side by side, so that they can be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

Panel = TypeVar("Panel")
ABREAST = 3  # columns


class Strip(NamedTuple):
    """Panels side by side, number of the row that they are of, and whether they are below their columns' names."""

    panels: Sequence[Any]
    row: int
    first: bool


def strips(rows: Sequence[Sequence[Panel]]) -> Iterator[Strip]:
    """The first columns of all rows, below them the next columns, and so on."""
    for start in range(0, max(map(len, rows), default=0), ABREAST):
        for number, row in enumerate(rows):
            yield Strip(row[start : start + ABREAST], number, number == 0)
