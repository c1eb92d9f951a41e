"""Derivatives on uneven lines."""

from __future__ import annotations

import numpy as np
import pytest

from ib_cli.report.laws.finite_differences import FiniteDifferences

UNEVEN = np.array([0.1, 0.13, 0.2, 0.31, 0.4, 0.7, 1.0])


def test_five_points_are_exact_for_quartics_in_the_logarithm_and_three_for_parabolas() -> None:
    lines = FiniteDifferences(UNEVEN)
    u = np.log(UNEVEN)
    fine, middle, left, right = lines.along(u**4, 0)
    assert fine[1:-1] == pytest.approx(4 * u[1:-1] ** 3)
    assert np.isnan(fine[[0, -1]]).all()
    assert np.abs(middle - fine)[1:-1].min() > 1e-3
    for three in lines.along(u**2, 0)[1:]:
        known = np.isfinite(three)
        assert known.sum() >= 3 and three[known] == pytest.approx(2 * u[known])
    assert np.isnan(left[:2]).all() and np.isnan(right[-2:]).all()


def test_a_multiplier_of_zero_has_no_logarithm() -> None:
    ticks = np.array([0.0, 0.5, 1.0, 2.0])
    lines = FiniteDifferences(ticks)
    assert not lines.logarithmic
    assert lines.along(ticks**2, 0)[0, 1:3] == pytest.approx(2 * ticks[1:3])


def test_a_gap_ends_the_neighbourhood_and_leaves_other_lines_alone() -> None:
    lines, u = FiniteDifferences(UNEVEN), np.log(UNEVEN)
    values = np.stack([u**3, u**3])
    values[0, 3] = np.nan
    fine = lines.along(values, 1)[0]
    assert np.isfinite(fine).tolist() == [[False, True, False, False, False, True, False], [False, *[True] * 5, False]]
    assert fine[1, 1:-1] == pytest.approx(3 * u[1:-1] ** 2)


def test_the_error_is_of_second_order_in_the_step_and_the_derivative_of_fourth() -> None:
    found = []
    for count in (9, 17):
        ticks = np.geomspace(0.5, 4, count)
        fine, middle, *_ = FiniteDifferences(ticks).along(ticks**1.5, 0)
        exact = 1.5 * ticks**1.5
        found.append([np.abs(fine - exact)[count // 2], np.abs(fine - middle)[count // 2]])
    shrunk = np.array(found[0]) / np.array(found[1])
    assert shrunk[0] == pytest.approx(16, rel=0.2) and shrunk[1] == pytest.approx(4, rel=0.2)


def test_the_sides_of_a_kink_differ_by_it() -> None:
    ticks = np.geomspace(0.5, 4, 9)
    u = np.log(ticks)
    _, _, left, right = FiniteDifferences(ticks).along(np.abs(u - u[4]), 0)
    assert (right - left)[4] == pytest.approx(2)
    assert (right - left)[[2, 6]] == pytest.approx([0, 0], abs=1e-12)
