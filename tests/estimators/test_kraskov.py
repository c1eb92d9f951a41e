"""Nearest-neighbour estimates against brute force, against truths, and where the data are at fault."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.special import digamma
from torch import Tensor

from ib_cli.estimators.estimate import Estimate
from ib_cli.estimators.gao import gao
from ib_cli.estimators.kozachenko_leonenko import kozachenko_leonenko, ladder_weights, log_unit_ball, weighted_entropy
from ib_cli.estimators.kraskov import TRUST
from ib_cli.estimators.ksg import ksg
from ib_cli.estimators.ross import ross
from tests.families import family

REPEATED = "has more than 1% of the samples: the entropy is −inf"
FAST = {"sweep": None}
METRICS = {"euclidean": "euclidean", "max": "chebyshev"}


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def uniform(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gaussian_pair(n: int, width: int, correlation: float, seed: int = 0) -> tuple[Tensor, Tensor, float]:
    """Two variables whose coordinates are correlated one by one, and their mutual information."""
    x, noise = normal(n, width, seed=seed), normal(n, width, seed=seed + 1)
    z = correlation * x + math.sqrt(1 - correlation**2) * noise
    return x, z, -width / 2 * math.log(1 - correlation**2)


def classes(n: int, width: int, apart: float, seed: int = 0) -> tuple[Tensor, Tensor]:
    y = torch.arange(n) % 5
    return normal(n, width, seed=seed) + apart * normal(5, width, seed=99)[y], y


def distances(values: Tensor, norm: str) -> np.ndarray:
    """Of all pairs, in float64, with ∞ from a sample to itself."""
    matrix = cdist(values.double(), values.double(), METRICS[norm])
    np.fill_diagonal(matrix, np.inf)
    return matrix


def brute_ksg(x: Tensor, z: Tensor, k: int, variant: int, norm: str) -> float:
    to_x, to_z, total = distances(x, norm), distances(z, norm), 0.0
    for from_x, from_z in zip(to_x, to_z):
        joint = np.maximum(from_x, from_z)
        if variant == 1:
            radius = np.sort(joint)[k - 1]
            counts = (from_x < radius).sum() + 1, (from_z < radius).sum() + 1
        else:
            nearest = np.argsort(joint)[:k]
            counts = (from_x <= from_x[nearest].max()).sum(), (from_z <= from_z[nearest].max()).sum()
        total += digamma(counts[0]) + digamma(counts[1])
    return digamma(k) - (variant - 1) / k + digamma(len(x)) - total / len(x)


def brute_ross(z: Tensor, y: Tensor, k: int, norm: str) -> float:
    total = 0.0
    for label, row in zip(y, distances(z, norm)):
        same = (y == label).numpy()
        radius = np.sort(row[same])[k - 1]
        total += digamma(same.sum()) + digamma((row <= radius).sum())
    return digamma(len(z)) + digamma(k) - total / len(z)


def brute_entropy(z: Tensor, k: int, norm: str) -> float:
    radii = np.sort(distances(z, norm), 1)[:, k - 1]
    n, width = z.shape
    return digamma(n) - digamma(k) + log_unit_ball(width, norm) + width * np.log(radii).mean()


@pytest.mark.parametrize("norm", ["euclidean", "max"])
@pytest.mark.parametrize("width", [1, 2, 20])
def test_the_estimates_are_those_of_brute_force(width: int, norm: str) -> None:
    x, z, _ = gaussian_pair(400, width, 0.6)
    labelled, y = classes(400, width, 0.7)
    raw = {"norm": norm, "standardise": False}
    for k, entropy in zip((2, 5), kozachenko_leonenko(z, k=(2, 5), **raw)):
        assert entropy.value == pytest.approx(brute_entropy(z, k, norm), abs=1e-5) and entropy.k == k
        assert ross(labelled, y, k=k, **raw).value == pytest.approx(brute_ross(labelled, y, k, norm), abs=1e-5)
        for variant in (1, 2):
            expected = brute_ksg(x, z, k, variant, norm)
            assert ksg(x, z, k=k, variant=variant, **raw).value == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5])
def test_entropies_of_smooth_laws(width: int) -> None:
    """The sampling error of the mean of −ln p is taken out: what is left is the estimator's own error."""
    gaussian = normal(10_000, width)
    truth = width / 2 * math.log(2 * math.pi * math.e)
    mean = float((gaussian.square().sum(1) / 2).mean()) + width / 2 * math.log(2 * math.pi)
    assert abs(kozachenko_leonenko(gaussian).value - mean) < 0.05
    assert abs(weighted_entropy(gaussian).value - truth) < 0.05


@pytest.mark.parametrize("width", family([1, 2, 3, 4, 5], quick=[1, 3]))
def test_the_weighted_estimate_has_no_bias_at_edges_and_peaks(width: int) -> None:
    cube, quantiles = uniform(10_000, width), uniform(10_000, width, seed=1) - 0.5
    laplace = -quantiles.sign() * (1 - 2 * quantiles.abs()).log()
    assert abs(weighted_entropy(cube).value) < 0.05
    assert abs(weighted_entropy(laplace).value - width * (1 + math.log(2))) < 0.05 + weighted_entropy(laplace).stderr
    plain = kozachenko_leonenko(cube).value
    assert abs(plain) < 0.05 if width < 3 else plain > 0.05


def test_the_weights_remove_what_they_should() -> None:
    weights = np.array(ladder_weights(3))
    bias = [math.gamma(k + 1 / 3) / math.gamma(k) for k in (1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 26, 32)]
    assert weights.sum() == pytest.approx(1) and abs(weights @ bias) < 1e-12


@pytest.mark.parametrize(
    ("correlation", "width"), family(product([0.0, 0.6, 0.9], [1, 2]), quick=[(0.0, 1), (0.6, 1), (0.9, 1)])
)
def test_information_of_gaussians(width: int, correlation: float) -> None:
    x, z, truth = gaussian_pair(10_000, width, correlation)
    for estimate in (ksg(x, z, **FAST), ksg(x, z, variant=2, **FAST), gao(x, z, **FAST)):
        assert abs(estimate.value - truth) < 0.03


def test_labels_that_say_nothing_of_a_hundred_dimensions() -> None:
    y = torch.randint(0, 10, (10_000,), generator=torch.Generator().manual_seed(1))
    estimate = ross(normal(10_000, 100), y)
    assert abs(estimate.value) < 0.02 and abs(estimate.value) < 3 * estimate.stderr


@pytest.mark.parametrize("width", family([2, 30], quick=[30]))
def test_information_bears_translation_and_scale(width: int) -> None:
    x, z, _ = gaussian_pair(1_000, width, 0.6)
    labelled, y = classes(1_000, width, 0.7)

    def estimates(move: Callable[[Tensor], Tensor]) -> list[float]:
        pairs = ksg(move(x), move(z), **FAST), ksg(move(x), move(z), variant=2, **FAST), gao(move(x), move(z), **FAST)
        return [estimate.value for estimate in (*pairs, ross(move(labelled), y, **FAST))]

    at_home = pytest.approx(estimates(lambda v: v), abs=1e-3)
    for move in (lambda v: v.double() * 1e-3, lambda v: v.double() * 1e3, lambda v: v.double() + 1e3):
        assert estimates(move) == at_home
    scaled = kozachenko_leonenko(z.double() * 1e3).value - kozachenko_leonenko(z).value
    assert scaled == pytest.approx(width * math.log(1e3), abs=1e-3)


@pytest.mark.parametrize("width", [3, 40])
def test_classes_a_thousand_deviations_apart(width: int) -> None:
    z, y = classes(1_000, width, 1e3)
    estimate = ross(z, y)
    assert estimate.value == pytest.approx(math.log(5), abs=0.01)
    assert estimate.value == pytest.approx(brute_ross(z, y, 3, "euclidean"), abs=1e-3)
    assert kozachenko_leonenko(z).value <= brute_entropy(z, 3, "euclidean") + 1e-3  # whitening would add 13 nats


def test_mixtures_of_discrete_and_continuous() -> None:
    x = torch.randint(0, 5, (5_000,), generator=torch.Generator().manual_seed(0))
    flips = torch.rand(5_000, generator=torch.Generator().manual_seed(1)) < 0.3
    z = torch.where(flips, (x + 1) % 5, x)
    truth = math.log(5) + 0.7 * math.log(0.7) + 0.3 * math.log(0.3)
    assert gao(x, z).value == pytest.approx(truth, abs=0.03)
    assert gao(10 * x, x + 0.1 * normal(5_000)).value == pytest.approx(math.log(5), abs=0.03)


CASES: dict[str, Callable[[int], Estimate]] = {
    "entropy": lambda seed: kozachenko_leonenko(normal(500, 3, seed=seed), sweep=None),
    "ksg": lambda seed: ksg(*gaussian_pair(500, 1, 0.75, 2 * seed)[:2], sweep=None),
    "ksg in many dimensions": lambda seed: ksg(*gaussian_pair(500, 40, 0.0, 2 * seed)[:2], sweep=None),
    "ksg 2": lambda seed: ksg(*gaussian_pair(500, 2, 0.6, 2 * seed)[:2], variant=2, sweep=None),
    "ross": lambda seed: ross(*classes(500, 10, 0.3, seed), sweep=None),
    "gao": lambda seed: gao(*gaussian_pair(500, 1, 0.75, 2 * seed)[:2], sweep=None),
}


@pytest.mark.parametrize("case", family(list(CASES), quick=["ksg", "entropy"]))
def test_standard_errors_are_those_of_repeated_draws(case: str) -> None:
    estimates = [CASES[case](seed) for seed in range(30)]  # `seen` is known to an eighth of itself
    seen = np.std([estimate.value for estimate in estimates], ddof=1)
    said = np.mean([estimate.stderr for estimate in estimates])
    assert 0.7 < said / seen < 1.7


def test_drifts_flag_bias_and_only_bias() -> None:
    settings = {"sweep": (3, 5, 8), "halve": True}
    x, z, _ = gaussian_pair(2_000, 1, 0.6)
    settled = ksg(x, z, **settings)
    assert not settled.saturated and not settled.reason
    assert 0 < abs(settled.drift_k) <= TRUST * settled.stderr and abs(settled.drift_n) <= TRUST * settled.stderr
    x, z, _ = gaussian_pair(2_000, 10, 0.9)
    biased = ksg(x, z, **settings)
    assert biased.saturated and "from k = 3 to 8" in biased.reason and "from 1000 to 2000 samples" in biased.reason
    assert biased.drift_k == pytest.approx(ksg(x, z, k=8).value - biased.value)


def test_too_few_samples_to_halve() -> None:
    z, y = classes(30, 2, 1.0)
    estimate = ross(z, y, halve=True, sweep=None)
    assert estimate.drift_n is None and estimate.reason == "too few samples to halve"


@pytest.mark.parametrize(
    ("z", "reason"),
    [
        (torch.cat([normal(100, 2), torch.ones(100, 1)], 1), "dimension 2 of 3 is constant: the entropy is −inf"),
        (normal(100, 2)[:, [0, 1, 0]], "the 3 dimensions span 2 only: the entropy is −inf"),
        (
            normal(10, 2).repeat(10, 1),
            "one value of dimension 0 of 2 has more than 1% of the samples: the entropy is −inf",
        ),
        (torch.arange(100) % 7, "one value of dimension 0 of 1 has more than 1% of the samples: the entropy is −inf"),
    ],
)
def test_laws_without_density_have_no_entropy(z: Tensor, reason: str) -> None:
    for estimate in (kozachenko_leonenko(z), weighted_entropy(z), *kozachenko_leonenko(z, k=(3, 5))):
        assert estimate.value is None and estimate.saturated and estimate.reason == reason


def test_few_coinciding_samples_are_parted_and_many_are_flagged() -> None:
    x, z, _ = gaussian_pair(1_000, 1, 0.6)
    few, many = z.clone(), z.clone()
    few[:2] = few[0]
    many[:100] = many[0]
    parted = ksg(x, few)
    assert "0.20 % of the samples of z coincide" in parted.reason and not parted.saturated
    assert parted.value == pytest.approx(ksg(x, z).value, abs=0.01)
    assert math.isfinite(kozachenko_leonenko(few, k=1).value)
    for estimate in (ksg(x, many), ross(many, torch.arange(1_000) % 2)):
        assert estimate.saturated and "atoms" in estimate.reason


def test_no_information_is_said_aloud() -> None:
    z, y = classes(100, 2, 1.0)
    still = torch.ones(100, 3)
    cases = (ksg(z, still), ksg(still, z), gao(z, still), ross(still, y), ross(z, torch.zeros(100, dtype=torch.int64)))
    for estimate in cases:
        assert estimate.value == 0 and estimate.saturated and "carries no information" in estimate.reason


def test_one_dimension_needs_no_second_axis_and_images_are_flattened() -> None:
    x, z, _ = gaussian_pair(100, 12, 0.6)
    assert ksg(x[:, 0], z[:, 0]).value == ksg(x[:, :1], z[:, :1]).value
    assert ksg(x.view(100, 3, 2, 2), z).value == ksg(x, z).value


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda z, y: kozachenko_leonenko(z, k=20), "z has 20 samples; k = 20 neighbours need 21 or more"),
        (lambda z, y: weighted_entropy(z), "z has 20 samples; k = 32 neighbours need 33 or more"),
        (lambda z, y: kozachenko_leonenko(z / 0), "z has 40 values that are NaN or infinite"),
        (lambda z, y: kozachenko_leonenko(z, k=0), "k must be one or more positive integers, not 0"),
        (lambda z, y: kozachenko_leonenko(z, norm="cosine"), "norm must be 'euclidean' or 'max', not 'cosine'"),
        (lambda z, y: ksg(z, z[1:]), "x and z must have as many samples: 20 is not 19"),
        (lambda z, y: ksg(z, z, variant=3), "variant must be 1 or 2, not 3"),
        (lambda z, y: gao(z * math.nan, z), "x has 40 values that are NaN or infinite"),
        (lambda z, y: ross(z, y.float()), "labels must be integers, not torch.float32"),
        (lambda z, y: ross(z, y, k=10), "no class has more than 10 samples; k = 10 neighbours need more"),
        (lambda z, y: ksg(z.to(torch.complex64), z), "x must be real"),
    ],
)
def test_wrong_input_is_one_clear_line(call: Callable[[Tensor, Tensor], Estimate], message: str) -> None:
    z, y = normal(20, 2), (torch.arange(20) >= 10).long()
    with pytest.raises(ValueError, match=message) as error:
        call(z, y)
    assert "\n" not in str(error.value)
