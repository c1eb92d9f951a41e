"""Estimates by neighbours where units, outliers, clusters, many dimensions or rare classes would mislead them.

Each case once gave a wrong number without a word.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from scipy.stats import rankdata
from torch import Tensor

from ib_cli.estimators import entropy, mutual_information
from ib_cli.estimators.estimate import Estimate
from ib_cli.estimators.gao import gao
from ib_cli.estimators.kozachenko_leonenko import kozachenko_leonenko, weighted_entropy
from ib_cli.estimators.ksg import ksg
from ib_cli.estimators.robust import location_and_scale, mean_ranks, normal_scores, whitened
from ib_cli.estimators.ross import ross
from ib_cli.estimators.ties import set_apart
from tests.families import family

LN2 = math.log(2)
GAUSSIAN = math.log(2 * math.pi * math.e) / 2  # nats of a standard normal


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def pair(n: int, correlation: float, seed: int = 0) -> tuple[Tensor, Tensor]:
    x, noise = normal(n, seed=seed), normal(n, seed=seed + 1)
    return x, correlation * x + math.sqrt(1 - correlation**2) * noise


@pytest.mark.parametrize("estimate", [ksg, gao])
@pytest.mark.parametrize(
    ("of_x", "of_z"),
    family([((1000, 0), (1, 0)), ((1e3, 500), (1e-3, 0)), ((1, 0), (1e-6, 0)), ((-1e-5, 7), (1e9, -3e9))], every=2),
)
def test_information_has_no_units(
    estimate: Callable[..., Estimate], of_x: tuple[float, float], of_z: tuple[float, float]
) -> None:
    x, z = pair(2000, 0.8)
    found = estimate(of_x[0] * x + of_x[1], of_z[0] * z + of_z[1])
    assert found.value == pytest.approx(estimate(x, z).value, abs=1e-3)
    assert abs(found.value - 0.511) < 3 * found.stderr and not found.saturated


def test_dimensions_of_one_variable_have_units_of_their_own() -> None:
    z = normal(1000, 2)
    y = (z[:, 0] > 0).long()
    assert ross(z * torch.tensor([1.0, 1e6]), y).value == pytest.approx(ross(z, y).value, abs=1e-3)
    raw = ross(z * torch.tensor([1.0, 1e6]), y, standardise=False)
    assert raw.value < 0.1 and "a classifier shows" in raw.reason
    x = torch.stack([pair(2000, 0.9)[1], normal(2000, seed=9) * 1e-7], 1)
    assert ksg(pair(2000, 0.9)[0], x).value == pytest.approx(0.830, abs=0.1)


@pytest.mark.parametrize("outlier", family([1e6, 1e10, 1e25], quick=[10000000000.0]))
def test_one_outlier_moves_nothing(outlier: float) -> None:
    """Neither the scales, nor the noise that parts ties, nor the rank of the covariance come from it."""
    x, z = normal(1000), normal(1000, seed=1)
    z = 0.9 * x + 0.436 * z
    x[1] = x[2]
    whole = ksg(x, z).value, gao(x, z).value, kozachenko_leonenko(x).value
    x[0] = outlier
    assert ksg(x, z).value == pytest.approx(whole[0], abs=0.02) and gao(x, z).value == pytest.approx(whole[1], abs=0.02)
    assert kozachenko_leonenko(x).value == pytest.approx(whole[2], abs=0.15)  # its own term is ln 1e25 / N
    for width in (3, 8):
        v = normal(1000, width, seed=2)
        before = kozachenko_leonenko(v).value, weighted_entropy(v).value
        v[0] = outlier
        assert kozachenko_leonenko(v).value == pytest.approx(before[0], abs=0.08 * width)
        assert weighted_entropy(v).value == pytest.approx(before[1], abs=0.08 * width)


def test_an_outlier_neither_hides_nor_feigns_a_dependent_dimension() -> None:
    z = normal(500, 2)
    dependent = torch.cat([z, z.sum(1, keepdim=True)], 1)
    dependent[0] = torch.tensor([1e9, -3e8, 2.0])
    assert "the 3 dimensions span 2 only" in kozachenko_leonenko(dependent).reason
    z[0] = torch.tensor([1e9, 1e9])
    assert kozachenko_leonenko(z).value == pytest.approx(2 * GAUSSIAN, abs=0.3)


def test_only_ties_are_parted() -> None:
    z = normal(1000, 2)
    z[1] = z[0]
    z[7] = 1e12
    parted, note, atoms = set_apart(z, "z")
    assert torch.equal(parted[2:], z[2:]) and not atoms and "0.20 %" in note
    assert 0 < (parted[:2] - z[:2]).abs().max() < 1e-7


def test_a_rotation_and_stretch_adds_the_log_of_its_determinant() -> None:
    """Singular values from 4.1 to 0.34 in 5 dimensions."""
    z = normal(5000, 5)
    turn = torch.linalg.qr(normal(5, 5, seed=3)).Q @ torch.diag(torch.logspace(0.613, -0.469, 5, dtype=torch.float64))
    turned = z @ turn.T + 100
    moved = float(torch.linalg.slogdet(turn).logabsdet)
    assert kozachenko_leonenko(turned).value == pytest.approx(kozachenko_leonenko(z).value + moved, abs=1e-3)
    assert weighted_entropy(turned).value == pytest.approx(weighted_entropy(z).value + moved, abs=2e-3)
    assert kozachenko_leonenko(turned).value == pytest.approx(5 * GAUSSIAN + moved, abs=0.1)


def test_clusters_far_apart_are_not_whitened() -> None:
    """Whitening would make the distances between clusters one and the densities within them needles."""
    y = torch.arange(2000) % 5
    z = normal(2000, 10) + 1000 * normal(5, 10, seed=4)[y]
    found = kozachenko_leonenko(z)
    assert found.value == pytest.approx(10 * GAUSSIAN + math.log(5), abs=0.4)


def test_the_map_back_from_white_samples() -> None:
    z = normal(300, 4) @ normal(4, 4, seed=1) + 5
    white, log_det = whitened(z)
    map_back = torch.linalg.lstsq(torch.cat([white, torch.ones(300, 1)], 1), z).solution
    assert log_det == pytest.approx(float(torch.linalg.slogdet(map_back[:4]).logabsdet), abs=1e-9)
    middle, scale = location_and_scale(torch.tensor([0.0] * 13 + [2, 3, 9])[:, None])
    assert middle.item() == 0 and scale.item() == 3  # the median of 2, 3 and 9
    assert normal_scores(torch.tensor([[1.0], [1], [5]]))[:, 0].tolist() == pytest.approx(
        [-0.3186, -0.3186, 0.6745], abs=1e-4
    )


@pytest.mark.parametrize("width", family([5, 20, 80], quick=[5]))
def test_a_classifier_sees_what_neighbours_do_not(width: int) -> None:
    z = normal(2000, width)
    half_space, shell = (z[:, 0] > 0).long(), (z.norm(dim=1) > math.sqrt(width - 2 / 3)).long()
    for y in (half_space, shell):
        found = ross(z, y)
        assert found.saturated and "I[Y;Z] is too low: a classifier shows" in found.reason
        assert not ross(z, y, sweep=None).saturated


@pytest.mark.slow
def test_a_regression_sees_what_neighbours_do_not() -> None:
    """One pair of correlation 0.9 among 20 and 20, and among 1 and 20 dimensions."""
    x, z = normal(2000, 20), normal(2000, 20, seed=1)
    z[:, 3] = 0.9 * x[:, 5] + math.sqrt(0.19) * z[:, 3]
    for first in (x, x[:, 5:6]):
        found = ksg(first, z)
        assert found.value < 0.3 and "I[X;Z] is too low: a regression shows 0." in found.reason
    assert gao(x, z).saturated


@pytest.mark.parametrize("width", family([2, 40], quick=[2]))
def test_what_is_independent_is_not_flagged(width: int) -> None:
    z, x = normal(2000, width), normal(2000, width, seed=1)
    y = torch.randint(0, 4, (2000,), generator=torch.Generator().manual_seed(5))
    for found in (ross(z, y), ksg(x, z)):
        assert not found.saturated and abs(found.value) < 3 * found.stderr


@pytest.mark.parametrize(("size", "width"), family([(120, 30), (150, 100), (400, 100)], quick=[(150, 100)]))
def test_regressions_with_more_features_than_samples_show_nothing(size: int, width: int) -> None:
    z, x = normal(size, width), normal(size, width, seed=1)
    y = torch.arange(size) % 3
    for found in (ross(z, y), ksg(x, z)):
        assert not found.saturated, found.reason


@pytest.mark.parametrize(("width", "correlation"), [(10, 0.3), (20, 0.2), (5, 0.5)])
def test_many_weak_correlations_are_seen_by_a_copula(width: int, correlation: float) -> None:
    x = normal(1000, width)
    z = correlation * x + math.sqrt(1 - correlation**2) * normal(1000, width, seed=1)
    assert ksg(x, z).saturated


@pytest.mark.parametrize("step", [0.05, 0.1])
def test_rounded_numbers_are_no_mixture(step: float) -> None:
    x, z = pair(1000, 0.8)
    found = gao((x / step).round() * step, z)
    assert found.saturated and "numbers are rounded" in found.reason
    assert not gao(torch.where(x > 1, 1.0, x), z).saturated  # one atom among other numbers


def test_reasons_name_the_variables_of_the_quantity() -> None:
    y, z = normal(2000, 30), normal(2000, 30, seed=1)
    z[:, 0] = y[:, 0] + 0.1 * z[:, 0]
    found = ksg(y, z, quantity="I[Y;Z]")
    assert found.quantity == "I[Y;Z]" and "I[Y;Z] is too low" in found.reason and "x" not in found.reason.split()


def test_library_defaults_are_checked() -> None:
    """A variable with itself, a circle and a checkerboard of 24 × 24."""
    x = normal(1500)
    angle = normal(1500, seed=1) * 9
    circle = torch.stack([angle.cos(), angle.sin()], 1)
    draw = torch.Generator().manual_seed(2)
    column = torch.randint(24, (1500,), generator=draw)
    row = 2 * torch.randint(12, (1500,), generator=draw) + column % 2
    inside = torch.rand(1500, 2, generator=draw, dtype=torch.float64)
    board = column + inside[:, 0], row + inside[:, 1]
    assert mutual_information(x, x).saturated and not mutual_information(x, x, sweep=None).saturated
    for estimator in ("kraskov", "weighted"):
        assert entropy(circle, estimator).saturated
    for estimator in ("kraskov", "gao"):
        assert mutual_information(*board, estimator).saturated


@pytest.mark.parametrize("width", [10, 20, 50])
def test_the_weighted_entropy_says_where_it_ends(width: int) -> None:
    found = weighted_entropy(normal(1000, width))
    assert found.saturated and f"{width} dimensions: the weights are for 5 or fewer" in found.reason


def test_no_density_has_more_entropy_than_the_gaussian() -> None:
    found = kozachenko_leonenko(normal(500, 60))
    assert found.value > 60 * GAUSSIAN and "the Gaussian of the same covariance has" in found.reason


def test_a_value_that_many_share_is_an_atom() -> None:
    """A rectified unit has no density, although no two rows coincide."""
    z = torch.cat([normal(1000, 1).relu(), normal(1000, 2, seed=1)], 1)
    assert "one value of dimension 0 of 3 has more than 1%" in kozachenko_leonenko(z).reason


def test_rare_classes_take_what_neighbours_they_have() -> None:
    """One class of a single sample and one of four, among classes of 200."""
    y = torch.arange(1000) % 5
    z = normal(1000, 2) + 4 * normal(5, 2, seed=3)[y]
    common = ross(z[10:], y[10:])
    y[0], y[1:5] = 9, 7
    for found in (ross(z, y), ross(z, y, sweep=(1, 3, 5, 10)), ross(z, y, k=10)):
        assert found.value == pytest.approx(common.value, abs=0.1)
        assert "1 of 1000 samples are alone in their class and left out" in found.reason
    y[:30] = torch.arange(30) + 10
    assert ross(z, y).saturated


def test_heavy_tails_are_measured_by_ranks() -> None:
    """x and z Cauchy, dependent through their common scale alone: 0.2242 nats; raw distances show a third less."""
    scale = normal(4000, seed=3).abs()
    x, z = normal(4000) / scale, normal(4000, seed=1) / scale
    found = ksg(x, z)
    assert abs(found.value - 0.2242) < 3 * found.stderr and not found.saturated
    assert ksg(x, z, standardise=False, sweep=None).value < 0.2


@pytest.mark.parametrize("values", [torch.randn(50), torch.randint(5, (50,)).double(), torch.zeros(3), torch.ones(1)])
def test_ranks_are_scipys(values: Tensor) -> None:
    assert mean_ranks(values.numpy()).tolist() == rankdata(values.numpy()).tolist()
