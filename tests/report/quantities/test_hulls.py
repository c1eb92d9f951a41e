"""Pareto sets and lower hulls of points whose hulls are known."""

from __future__ import annotations

import numpy as np
import pytest

from ib_cli.report.quantities.hulls import distance, facet_slopes, facets, on_hull, pareto


def test_pareto_keeps_what_nothing_beats() -> None:
    points = np.array([[0, 3], [1, 1], [3, 0], [2, 2], [1, 1], [3, 1]])
    assert pareto(points).tolist() == [True, True, True, False, True, False]


def test_a_convex_curve_is_its_own_hull_and_a_point_above_is_as_far_as_it_is() -> None:
    x = np.linspace(0.1, 4, 12)
    curve = np.stack([x, 1 / x], 1)
    points = np.concatenate([curve, [[2.0, 2.0]]])
    assert on_hull(points).tolist() == [True] * 12 + [False]
    assert np.allclose(distance(points)[:12], 0)
    normals = np.stack([np.diff(1 / x), -np.diff(x)], 1)  # of the segments
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    expected = np.abs(((points[-1] - curve[:-1]) * normals).sum(1)).min()
    assert distance(points)[-1] == pytest.approx(expected)


def test_distances_keep_the_units_of_axes_that_differ_a_thousandfold() -> None:
    points = np.array([[0.0, 1000.0], [1.0, 0.0], [1.0, 500.0]])  # the last is half a unit to the right of the line
    assert distance(points)[2] == pytest.approx(0.5, rel=1e-5)
    assert distance(points[:, ::-1])[2] == pytest.approx(0.5, rel=1e-5)


def test_a_point_beyond_the_ends_is_as_far_as_from_what_can_be_wasted() -> None:
    points = np.array([[0.0, 1.0], [1.0, 0.0], [3.0, 0.2], [0.3, 5.0]])
    assert distance(points)[2:] == pytest.approx([0.2, 0.3])
    assert on_hull(points).tolist() == [True, True, False, False]


def test_in_three_dimensions_a_plane_is_a_hull() -> None:
    corner = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]])
    above = np.array([[1 / 3 + 0.1] * 3])
    points = np.concatenate([corner, above])
    assert on_hull(points).tolist() == [True, True, True, False]
    assert distance(points)[3] == pytest.approx(0.1 * 3 / np.sqrt(3))


@pytest.mark.parametrize("d", [2, 3])
def test_random_points_are_never_below_their_hull(d: int) -> None:
    points = np.random.default_rng(0).random((60, d))
    hull = on_hull(points)
    for weights in np.random.default_rng(1).dirichlet(np.ones(d), 200):
        assert hull[(points @ weights).argmin()]  # what is least for any weights is on the hull
    assert hull.sum() < 30
    assert (distance(points)[~hull] > 0).all()


@pytest.mark.parametrize(
    "points",
    [[[1.0, 2.0]], [[1.0, 2.0], [1.0, 2.0]], [[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]], [[0.0, 1.0], [0.0, 2.0]]],
)
def test_flat_sets_have_a_hull_too(points: list[list[float]]) -> None:
    array = np.array(points)
    assert on_hull(array)[array.sum(1).argmin()]
    assert np.isfinite(distance(array)).all()
    assert on_hull(np.insert(array, 1, 0.5, axis=1))[array.sum(1).argmin()]


def test_facets_of_a_curve_are_its_segments_and_those_of_a_plane_tile_it() -> None:
    x = np.array([0.5, 1.0, 2.0, 4.0])
    curve = np.stack([x, 1 / x], 1)
    assert sorted(map(sorted, facets(curve).tolist())) == [[0, 1], [1, 2], [2, 3]]
    square = np.array([[0.0, 0, 2], [1, 0, 1], [0, 1, 1], [1, 1, 0], [0.5, 0.5, 3]])  # z = 2 − x − y, and one above
    corners = square[facets(square)][:, :, :2]
    sides = corners[:, 1:] - corners[:, :1]
    assert np.abs(np.linalg.det(sides)).sum() / 2 == pytest.approx(1)
    assert 4 not in facets(square)


def test_the_facets_of_a_plane_have_its_slopes_whatever_the_units() -> None:
    x, y = np.random.default_rng(0).random((2, 12))
    points = np.stack([x, 1000 * y, 50 - 3 * x - 0.02 * (1000 * y)], 1)
    low, high, _ = facet_slopes(points)
    assert low == pytest.approx(np.tile([3, 0.02], (12, 1)), rel=1e-5)
    assert high == pytest.approx(low, rel=1e-5)


def test_a_point_above_the_hull_has_the_slope_of_the_facet_beneath_it() -> None:
    points = np.array([[0.0, 3], [1, 1], [3, 0], [2, 1.0]])
    low, high, rim = facet_slopes(points)
    assert low[3] == high[3] == pytest.approx(0.5)
    assert [low[1, 0], high[1, 0]] == pytest.approx([0.5, 2])
    assert rim.tolist() == [True, False, True, False]
