"""Fewer points of long lines."""

from __future__ import annotations

import numpy as np


def thinned_rows(count: int, most: int) -> np.ndarray:
    """At most `most` of `count` rows, with the first and the last; dense at the beginning, where most happens."""
    return np.arange(count) if count <= most else np.unique(np.geomspace(1, count, most).round().astype(int)) - 1
