"""Random whole numbers that stay the same for good."""

from __future__ import annotations

import numpy as np
import pytest

from ib_cli.datasets.stable_draws import StableDraws


def test_numbers_are_those_of_their_first_day():
    assert StableDraws(3, "a purpose").below(1000, 6).tolist() == [170, 91, 655, 537, 509, 920]
    assert StableDraws(3, "a purpose").order(8).tolist() == [7, 1, 0, 4, 3, 2, 6, 5]
    assert StableDraws(2**63 - 1, "b").below(2**31, 3).tolist() == [1626437113, 1119336315, 767047870]


def test_each_seed_and_purpose_has_a_stream_of_its_own():
    drawn = [StableDraws(seed, purpose).below(2**31, 5).tolist() for seed in (0, 1) for purpose in ("a", "b")]
    assert len({tuple(each) for each in drawn}) == 4


@pytest.mark.parametrize("limit", [1, 3, 69])
def test_numbers_are_uniform(limit):
    drawn = StableDraws(0, "uniform").below(limit, 300, 100)
    assert drawn.shape == (300, 100) and drawn.dtype == np.int64
    counts, expected = np.bincount(drawn.reshape(-1), minlength=limit), 30_000 / limit
    assert len(counts) == limit and (np.abs(counts - expected) <= 5 * np.sqrt(expected)).all()


def test_an_order_has_each_number_once():
    assert sorted(StableDraws(0, "order").order(1000)) == list(range(1000))
