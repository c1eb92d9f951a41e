"""Pareto sets and lower hulls of points whose hulls are known."""

from __future__ import annotations

import numpy as np
import pytest

from ib_cli.report.hulls import distance, on_hull, pareto


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
