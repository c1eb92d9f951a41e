"""How far the runs of a point lie apart, and the words that say what a bar of them is."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

FEW = 4  # runs whose quartiles would lie between values: their bar is the range
QUARTILES = (0.25, 0.75)


def ends(values: np.ndarray) -> tuple[float, float]:
    """The ends of a bar of one point's values (n,): the range of up to `FEW`, else the quartiles."""
    if len(values) <= FEW:
        return float(np.min(values)), float(np.max(values))
    low, high = np.quantile(values, QUARTILES)
    return float(low), float(high)


def bar_words(counts: Iterable[int], bar: str = "bar", middle: str = "median") -> str:
    """What is drawn of points of so many runs each: `n = 2: median, bar = range`; '' if no point has two runs."""
    found = {int(count) for count in counts if count > 1}
    if not found:
        return ""
    if max(found) <= FEW:
        what = "range"
    elif min(found) > FEW:
        what = "quartiles"
    else:
        what = f"range up to n = {FEW}, else quartiles"
    return f"{number_words(found)}: {middle}, {bar} = {what}"


def error_words(counts: Iterable[int]) -> str:
    """What the bars of means are: `n = 2: mean, bar = standard error`; '' if no mean is of two runs."""
    found = {int(count) for count in counts if count > 1}
    return f"{number_words(found)}: mean, bar = standard error" if found else ""


def number_words(counts: Iterable[int]) -> str:
    """`n = 3`, or `n = 2–5`."""
    found = set(counts)
    low, high = min(found), max(found)
    return f"n = {low}" if low == high else f"n = {low}–{high}"
