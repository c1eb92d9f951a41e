"""Standard errors of few replicates: what is divided by them has variance 1."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ib_cli.procedures.free_energy.spread import RECENT, Spread


@pytest.mark.parametrize("copies, steps", [(2, 1), (3, 1), (2, 4), (3, 3)])
def test_z_scores_have_variance_one_along_a_path(copies: int, steps: int) -> None:
    """Mean of z² in 4,000 paths; for 3 degrees of freedom its law has no variance, so the median is held, too."""
    draws = np.random.default_rng(copies * 10 + steps)
    scores = []
    for _ in range(4_000):
        spread = Spread()
        for _ in range(steps):
            values = draws.normal(5.0, 2.0, spread.replicates(copies, 1.0)).tolist()
            error = spread.stderrs(1.0, {"C/lambda": values})["C/lambda"]
        scores.append((np.mean(values) - 5.0) / error)
    assert 0.7 < np.std(scores) < 1.4
    assert 0.4 < np.median(np.abs(scores)) < 0.72  # 0.674 of a normal law, 0.44 of t with 3 degrees


def test_the_variance_is_that_of_the_last_steps() -> None:
    spread = Spread()
    assert spread.replicates(2, 1.0) == 4 and spread.replicates(3, 1.0) == 6
    for _ in range(10):
        spread.stderrs(1.0, {"a": [0.0, 100.0, 0.0, 100.0]})
    assert spread.replicates(2, 1.0) == 2 and spread.replicates(2, 2.0) == 4  # another width knows nothing yet
    for _ in range(RECENT):
        error = spread.stderrs(1.0, {"a": [0.0, 2.0]})
    assert error["a"] == pytest.approx(math.sqrt(2 / 2 * RECENT / (RECENT - 2)))
    again = Spread()
    again.restore(spread.state())
    assert again.stderrs(1.0, {"a": [0.0, 4.0]}) == spread.stderrs(1.0, {"a": [0.0, 4.0]})
