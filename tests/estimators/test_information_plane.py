"""The information plane: identities, closed forms, and what is told where there is no number."""

from __future__ import annotations

import math

import pytest
import torch

from ib_cli.estimators import Estimate, entropy, information_plane, mutual_information, total_correlation
from ib_cli.estimators.information_plane import ESTIMATORS, UNKNOWN, completed, difference
from tests.families import family

N, CLASSES = 3000, 3
SCALE = 0.5


def representation(K: int = 2, spread: float = 1.0) -> tuple[torch.Tensor, ...]:
    """Means around class centres, and one draw of z for each."""
    generator = torch.Generator().manual_seed(0)
    y = torch.randint(CLASSES, (N,), generator=generator)
    centres = 2 * torch.randn(CLASSES, K, generator=generator)
    mean = centres[y] + spread * torch.randn(N, K, generator=generator)
    return mean, y, mean + SCALE * torch.randn(N, K, generator=generator)


def by_quantity(found: list[Estimate], estimator: str) -> dict[str, Estimate]:
    return {estimate.quantity: estimate for estimate in found if estimate.estimator == estimator}


@pytest.mark.parametrize("estimator", ["mixture", "kraskov", "gaussian"])
def test_the_identities_hold_for_the_reported_values(estimator: str) -> None:
    mean, y, z = representation()
    found = by_quantity(information_plane(z, y, mean=mean, scale=SCALE, estimators=[estimator]), estimator)
    v = {quantity: estimate.value for quantity, estimate in found.items()}
    assert v["I[X;Z]"] == pytest.approx(v["H[Z]"] - v["H[Z|X]"], abs=1e-9)
    assert v["I[Y;Z]"] == pytest.approx(v["H[Z]"] - v["H[Z|Y]"], abs=1e-9)
    assert v["I[Y;Z]"] == pytest.approx(v["H[Y]"] - v["H[Y|Z]"], abs=1e-9)
    assert v["I[X;Z|Y]"] == pytest.approx(v["H[Z|Y]"] - v["H[Z|X]"], abs=1e-9)
    assert v["I[X;Z]"] == pytest.approx(v["I[Y;Z]"] + v["I[X;Z|Y]"], abs=1e-9)
    assert v["I[X;Y|Z]"] == pytest.approx(v["H[Y|Z]"], abs=1e-9)
    assert v["H[Z|X]"] == pytest.approx(2 * 0.5 * math.log(2 * math.pi * math.e * SCALE**2), abs=1e-9)


def test_estimators_agree_where_all_of_them_are_right() -> None:
    """One Gaussian in all: H[Z] = K/2 ln 2πe(1 + s²)."""
    generator = torch.Generator().manual_seed(1)
    mean = torch.randn(N, 2, generator=generator)
    z = mean + SCALE * torch.randn(N, 2, generator=generator)
    y = torch.arange(N) % 2  # which z knows nothing of
    found = information_plane(z, y, mean=mean, scale=SCALE, estimators=["mixture", "kraskov", "gaussian", "copula"])
    truth = math.log(2 * math.pi * math.e * (1 + SCALE**2))
    for estimator in ("mixture", "kraskov", "gaussian", "copula"):
        own = by_quantity(found, estimator)
        assert own["H[Z]"].value == pytest.approx(truth, abs=0.08), estimator
        assert own["I[X;Z]"].value == pytest.approx(math.log((1 + SCALE**2) / SCALE**2), abs=0.08), estimator
        if "I[Y;Z]" in own:
            assert own["I[Y;Z]"].value == pytest.approx(0, abs=0.02), estimator
    low, high = by_quantity(found, "mixture")["I[X;Z]"].lower, by_quantity(found, "mixture")["I[X;Z]"].upper
    assert low <= by_quantity(found, "mixture")["I[X;Z]"].value <= high


def test_labels_that_are_noisy_given_x_leave_less_to_know() -> None:
    mean, y, z = representation()
    clean, noisy = (
        by_quantity(information_plane(z, y, mean=mean, scale=SCALE, estimators=["mixture"], noise=noise), "mixture")
        for noise in (0.0, 0.2)
    )
    assert clean["I[X;Y|Z]"].value - noisy["I[X;Y|Z]"].value == pytest.approx(0.2)


def test_without_noise_infinite_information_is_told_not_given() -> None:
    _, y, z = representation()
    found = information_plane(z, y, estimators=ESTIMATORS)
    own = by_quantity(found, "kraskov")
    for quantity in ("H[Z|X]", "I[X;Z]", "I[X;Z|Y]"):
        assert own[quantity].value is None and own[quantity].saturated
        assert "deterministic" in own[quantity].reason
    assert own["I[Y;Z]"].value > 0.5
    for needs_noise in ("mixture", "pairwise"):
        (told,) = by_quantity(found, needs_noise).values()
        assert told.value is None and told.saturated and "no noise" in told.reason
    drawn = by_quantity(information_plane(z, y, estimators=["kraskov"], drawn=True), "kraskov")
    assert drawn["I[X;Z]"].value is None and drawn["I[X;Z]"].reason == UNKNOWN
    with pytest.raises(ValueError, match="give both"):
        information_plane(z, y, mean=z)
    assert by_quantity(found, "binned")["I[X;Z]"].value > 0


@pytest.mark.parametrize("size", family([1, 4], quick=[1]))
def test_one_rare_class_takes_only_what_needs_it(size: int) -> None:
    mean, y, z = representation()
    y = torch.where(torch.arange(N) < size, 9, y)
    found = information_plane(z, y, mean=mean, scale=SCALE, estimators=ESTIMATORS)
    for estimator in ("mixture", "kraskov", "gaussian", "copula", "binned"):
        own = by_quantity(found, estimator)
        assert own["H[Z]"].value is not None and own["I[X;Z]"].value is not None, estimator
    kraskov, of_all = by_quantity(found, "kraskov"), information_plane(z, y, mean=mean, scale=SCALE)
    assert kraskov["H[Z]"].drift_k == by_quantity(of_all, "kraskov")["H[Z]"].drift_k is not None
    if size == 1:
        assert kraskov["I[Y;Z]"].value is not None and "alone in their class" in kraskov["I[Y;Z]"].reason
    else:
        assert kraskov["I[Y;Z]"].value is not None  # three neighbours are there


@pytest.mark.slow
def test_bias_of_neighbours_in_many_dimensions_is_flagged() -> None:
    mean, y, z = representation(K=60)
    own = by_quantity(information_plane(z, y, mean=mean, scale=SCALE, estimators=["kraskov"]), "kraskov")
    assert own["H[Z]"].saturated and abs(own["H[Z]"].drift_k) > 2 * own["H[Z]"].stderr
    assert own["I[X;Z]"].saturated  # what is made of it, too
    own = by_quantity(information_plane(z, y, mean=mean, scale=SCALE, estimators=["kraskov"], sweep=False), "kraskov")
    assert own["H[Z]"].drift_k is None and not own["H[Z]"].saturated


def test_differences_take_opposite_ends_and_inherit_doubts() -> None:
    a = Estimate("H[Z]", "mixture", 3.0, 2.5, 3.5, 0.3, n=10)
    b = Estimate("H[Z|Y]", "mixture", 1.0, 0.9, 1.2, 0.4, n=10, saturated=True, reason="why")
    found = difference("I[Y;Z]", a, b)
    assert (found.value, found.lower, found.upper) == (2.0, 1.3, 2.6)
    assert found.stderr == pytest.approx(0.5) and found.saturated and found.reason == "why"
    nothing = Estimate("H[Z]", "kraskov", None, saturated=True, reason="−inf")
    assert difference("I[Y;Z]", nothing, b).value is None
    assert "I[X;Y|Z]" not in completed({"H[Z]": a}, {}, 0.0)


@pytest.mark.parametrize(
    ("estimator", "truth"), [("kraskov", 0.5108), ("gao", 0.5108), ("gaussian", 0.5108), ("copula", 0.5108)]
)
def test_mutual_information_of_a_gaussian_pair(estimator: str, truth: float) -> None:
    generator = torch.Generator().manual_seed(2)
    a = torch.randn(5000, 1, generator=generator)
    b = 0.8 * a + 0.6 * torch.randn(5000, 1, generator=generator)
    assert mutual_information(a, b, estimator).value == pytest.approx(truth, abs=0.03)  # −½ ln(1 − 0.8²)


def test_mutual_information_with_labels_either_way_round() -> None:
    _, y, z = representation()
    assert mutual_information(z, y).value == mutual_information(y, z).value
    assert mutual_information(z, y, "binned").quantity == "I[Y;Z]"
    with pytest.raises(ValueError, match="both integers"):
        mutual_information(y, y)
    with pytest.raises(ValueError, match="there are kraskov"):
        mutual_information(z, z, "other")


def test_an_entropy_with_less_bias_where_neighbours_have_some() -> None:
    """Uniform on the unit cube in three dimensions: H = 0, and the plain estimate is off by the cube's faces."""
    z = torch.rand(5000, 3, generator=torch.Generator().manual_seed(4))
    assert abs(entropy(z, "weighted").value) < abs(entropy(z).value) < 0.2


@pytest.mark.parametrize("estimator", ["kraskov", "gaussian", "copula"])
def test_total_correlation_and_entropy(estimator: str) -> None:
    generator = torch.Generator().manual_seed(3)
    a = torch.randn(5000, 1, generator=generator)
    z = torch.cat([a, 0.8 * a + 0.6 * torch.randn(5000, 1, generator=generator)], 1)
    assert total_correlation(z, estimator).value == pytest.approx(0.5108, abs=0.04)
    assert entropy(z, estimator).value == pytest.approx(2 * 1.4189 - 0.5108, abs=0.05)


def test_a_total_correlation_takes_one_number_of_neighbours() -> None:
    with pytest.raises(ValueError, match="k must be one positive integer"):
        total_correlation(torch.randn(20, 2), "kraskov", k=[3, 5])


def test_arrays_serve_as_tensors_do() -> None:
    mean, y, z = representation()
    of_tensors = information_plane(z, y, mean=mean, scale=SCALE)
    assert information_plane(z.numpy(), y.numpy(), mean=mean.numpy(), scale=SCALE) == of_tensors
