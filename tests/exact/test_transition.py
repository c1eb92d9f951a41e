"""Where R leaves zero: against a scan of every c(y), closed forms, and the optimum on both sides."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ib_cli.datasets.toy_table import toy_table
from ib_cli.exact.table import Table
from ib_cli.exact.tabular import solve
from ib_cli.exact.transition import transition
from tests.families import family

SKEWED = [[0.02, 0.01], [0.03, 0.94]]
FACE = [[0.3, 0.0], [0.1, 0.2], [0.0, 0.4]]  # no value of x alone has the least ratio


def scanned(table: Table) -> float:
    """The least β at which A(c) > 1 for some c of two labels, by bisection over a fine grid of c."""
    first = torch.linspace(1e-5, 1 - 1e-5, 40_001).double()
    c = torch.stack([first, 1 - first], 1)[(first - table.y[0]).abs() > 1e-3]  # A is 1 at p(y)
    told = (c.log() - table.y.log()) @ table.y_given_x.T
    low, high = 0.5, 50.0
    for _ in range(40):
        middle = (low + high) / 2
        above = (table.x.log() + middle * told).logsumexp(1).max() > 0
        low, high = (low, middle) if above else (middle, high)
    return high


@pytest.mark.parametrize("joint", family([SKEWED, FACE, [[0.5, 0], [0.25, 0.25]], toy_table()], every=2))
def test_it_is_the_least_weight_at_which_some_c_gains(joint: list | Tensor) -> None:
    found = transition(Table(joint))
    assert found.threshold == pytest.approx(scanned(Table(joint)), rel=1e-4)
    assert found.threshold < 0.995 * found.local  # the local criterion is late for each of these


def test_a_symmetric_channel_has_one_threshold_for_both() -> None:
    """1/(1 − 2ε)²: the constant of the strong data processing inequality is the squared correlation."""
    for error in (0.05, 0.2, 0.4):
        found = transition(Table([[0.5 - error / 2, error / 2], [error / 2, 0.5 - error / 2]]))
        assert found.threshold == pytest.approx((1 - 2 * error) ** -2, rel=1e-6)
        assert found.local == pytest.approx((1 - 2 * error) ** -2, rel=1e-12)


def test_an_erasure_lets_a_share_of_all_information_through() -> None:
    for kept in (0.2, 0.7):
        found = transition(Table([[0.1 * kept, 0, 0.1 * (1 - kept)], [0, 0.9 * kept, 0.9 * (1 - kept)]]))
        assert found.threshold == pytest.approx(1 / kept, rel=1e-9) == found.local


def test_known_labels_have_one_and_independent_ones_none() -> None:
    assert transition(Table([[0.2, 0], [0.3, 0], [0, 0.5]])) == pytest.approx((1, 1))
    for joint in ([[0.06, 0.24], [0.14, 0.56]], [[0.5], [0.5]], [[0.3, 0.7]]):
        assert transition(Table(joint)) == (math.inf, math.inf)


@pytest.mark.parametrize("seed", family(range(4), every=2))
def test_the_optimum_has_a_rate_above_and_none_below(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    joint = torch.rand(5, 3, generator=generator).double() ** 5
    table = Table(joint / joint.sum())
    threshold, local = transition(table)
    assert threshold <= local
    assert pytest.approx(0, abs=1e-9) == solve(table, 1, 0, 0.98 * threshold).R
    assert solve(table, 1, 0, 1.02 * threshold).R > 1e-4


def test_values_without_probability_change_nothing() -> None:
    wider = [[0.02, 0, 0.01], [0, 0, 0], [0.03, 0, 0.94]]
    assert transition(Table(wider)) == pytest.approx(transition(Table(SKEWED)), rel=1e-9)
