"""Gaussian, copula, categorical, binned and variational estimators against closed forms, and on bad input."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Generator, Tensor

from ib_cli.estimators.binned import bin_codes, binned_information
from ib_cli.estimators.categorical import categorical_information, optimal_decoder
from ib_cli.estimators.copula import (
    copula_entropy,
    copula_mutual_information,
    copula_total_correlation,
    normal_scores,
    spacing_terms,
)
from ib_cli.estimators.estimate import Estimate
from ib_cli.estimators.gaussian import (
    gaussian_entropy,
    gaussian_information,
    gaussian_mutual_information,
    gaussian_total_correlation,
)
from ib_cli.estimators.variational import variational_bounds

NORMAL_ENTROPY = 0.5 * math.log(2 * math.pi * math.e)


def generator(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def covariance(size: int) -> Tensor:
    root = normal(size, size, seed=99)
    return root @ root.T + torch.eye(size, dtype=torch.float64)


def assert_mean(values: list[float], truth: float) -> None:
    """The mean over repetitions is the truth within 3.5 standard errors."""
    values = torch.tensor(values, dtype=torch.float64)
    assert abs(float(values.mean()) - truth) < 3.5 * float(values.std()) / math.sqrt(len(values))


def gaussian_truths(sigma: Tensor, split: int) -> dict[str, float]:
    half = sigma.logdet() / 2
    blocks = (sigma[:split, :split].logdet() + sigma[split:, split:].logdet()) / 2
    entropy = len(sigma) * NORMAL_ENTROPY + half
    return {
        "H[Z]": float(entropy),
        "TC[Z]": float(sigma.diagonal().log().sum() / 2 - half),
        "I[X;Z]": float(blocks - half),
    }


def gaussian_runs(n: int, size: int, runs: int, split: int) -> dict[str, list[Estimate]]:
    root = torch.linalg.cholesky(covariance(size))
    found: dict[str, list[Estimate]] = {"H[Z]": [], "TC[Z]": [], "I[X;Z]": []}
    for z in normal(runs, n, size, seed=1) @ root.T + 3:
        found["H[Z]"].append(gaussian_entropy(z))
        found["TC[Z]"].append(gaussian_total_correlation(z))
        found["I[X;Z]"].append(gaussian_mutual_information(z[:, :split], z[:, split:]))
    return found


def test_gaussian_corrections_are_exact_for_few_samples() -> None:
    """N = 30 of 10 dimensions, where the plug-in entropy is 1.2 nats low; reported errors are those that occur."""
    truths = gaussian_truths(covariance(10), 4)
    for name, estimates in gaussian_runs(30, 10, 200, 4).items():
        values = [found.value for found in estimates]
        assert_mean(values, truths[name])
        reported = sum(found.stderr for found in estimates) / len(estimates)
        assert reported == pytest.approx(float(torch.tensor(values).std()), rel=0.15)


def test_gaussian_total_correlation_of_independent_dimensions_goes_below_zero() -> None:
    values = [gaussian_total_correlation(z).value for z in normal(300, 40, 8)]
    assert min(values) < 0
    assert_mean(values, 0.0)


def test_gaussian_degenerate_dimensions() -> None:
    z = normal(300, 4)
    constant, copy = torch.full((300, 1), 0.3).double(), 3 * z[:, :1] - 7
    for dtype in (torch.float32, torch.float64):
        degenerate = torch.cat([z, constant, copy], dim=1).to(dtype)
        entropy = gaussian_entropy(degenerate)
        assert entropy.value is None and entropy.saturated
        assert "constant dimensions of z: 4" in entropy.reason and "combinations of others" in entropy.reason
        assert gaussian_total_correlation(degenerate).value is None
        information = gaussian_mutual_information(degenerate, z[:, :2].to(dtype) + normal(300, 2, seed=1).to(dtype))
        whole = gaussian_mutual_information(z.to(dtype), z[:, :2].to(dtype) + normal(300, 2, seed=1).to(dtype))
        assert information.value == pytest.approx(whole.value, abs=1e-5)
        assert "left out" in information.reason and not whole.reason
        determined = gaussian_mutual_information(z.to(dtype), (z[:, :1] + 2 * z[:, 1:2]).to(dtype))
        assert determined.value is None and "= ∞" in determined.reason
    some = gaussian_total_correlation(torch.cat([z, constant], dim=1))
    assert some.value == pytest.approx(gaussian_total_correlation(z).value, abs=1e-12)
    assert "left out constant dimensions of z: 4" in some.reason
    nothing = gaussian_mutual_information(z, constant)
    assert nothing.value == 0 and "nothing is left" in nothing.reason


def test_gaussian_nearly_dependent_dimensions_keep_their_number() -> None:
    """A copy with noise of 1e-6 has I = ½ ln(1 + 1e12) nats, which float64 resolves."""
    z = normal(2000, 2)
    near = z[:, :1] + 1e-6 * z[:, 1:]
    found = gaussian_mutual_information(z[:, :1], near)
    assert abs(found.value - 0.5 * math.log1p(1e12)) < 4 * found.stderr


def test_gaussian_information_of_classes() -> None:
    y = torch.arange(1200) % 3
    z = normal(1200, 3) * torch.tensor([0.5, 1.0, 2.0])[y].unsqueeze(1) + torch.tensor([0.0, 0.3, 0.6])[y].unsqueeze(1)
    found = gaussian_information(z, y)
    assert abs(found["H[Z|Y]"].value - 3 * NORMAL_ENTROPY) < 4 * found["H[Z|Y]"].stderr
    assert found["I[Y;Z]"].value == pytest.approx(found["H[Z]"].value - found["H[Z|Y]"].value, abs=1e-10)
    assert found["H[Y|Z]"].value == pytest.approx(math.log(3) - found["I[Y;Z]"].value, abs=1e-10)
    assert found["H[Z]"].value == pytest.approx(gaussian_entropy(z).value, abs=1e-10)
    apart = gaussian_information(z + 50 * normal(3, 3, seed=1)[y], y)["I[Y;Z]"]
    assert apart.saturated and "exceeds H[Y]" in apart.reason


def test_gaussian_information_where_a_class_or_all_are_degenerate() -> None:
    y = torch.arange(90) % 3
    z = normal(90, 2)
    flat = gaussian_information(torch.where((y == 1).unsqueeze(1), 0.0, z), y)
    assert flat["I[Y;Z]"].value is None and flat["H[Z|Y]"].value is None and flat["H[Z]"].value is not None
    assert "within class 1" in flat["I[Y;Z]"].reason
    copied = gaussian_information(torch.cat([z, z[:, :1]], dim=1), y)
    assert copied["H[Z]"].value is None
    assert copied["I[Y;Z]"].value == pytest.approx(gaussian_information(z, y)["I[Y;Z]"].value, abs=1e-10)


def test_a_rare_class_takes_only_what_needs_it() -> None:
    z, y = normal(90, 2), torch.where(torch.arange(90) < 3, 7, 0)
    found = gaussian_information(z, y)
    assert found["H[Z]"].value == pytest.approx(gaussian_entropy(z).value, abs=1e-10)
    for quantity in ("H[Z|Y]", "I[Y;Z]", "H[Y|Z]"):
        assert found[quantity].value is None and "class 7 has 3 samples" in found[quantity].reason


def test_normal_scores_are_symmetric_and_share_ties() -> None:
    scores = normal_scores(torch.tensor([[5.0], [1.0], [1.0], [-2.0]]))[:, 0]
    expected = torch.special.ndtri(torch.tensor([4.0, 2.5, 2.5, 1.0]).double() / 5)
    assert torch.equal(scores, expected)


def test_copula_is_blind_to_monotone_maps_and_close_to_the_gaussian_truth() -> None:
    truths = gaussian_truths(covariance(6), 2)
    z = normal(4000, 6, seed=1) @ torch.linalg.cholesky(covariance(6)).T
    bent = torch.cat([z[:, :3].exp(), z[:, 3:].sinh()], dim=1)
    dependence = copula_total_correlation(bent)
    assert dependence == copula_total_correlation(z)
    assert abs(dependence.value - truths["TC[Z]"]) < 4 * dependence.stderr
    information = copula_mutual_information(bent[:, :2], bent[:, 2:])
    assert abs(information.value - truths["I[X;Z]"]) < 4 * information.stderr
    entropy = copula_entropy(z)
    assert abs(entropy.value - truths["H[Z]"]) < 4 * entropy.stderr
    jacobian = float(z[:, :3].sum(1).mean() + z[:, 3:].cosh().log().sum(1).mean())
    assert copula_entropy(bent).value == pytest.approx(truths["H[Z]"] + jacobian, abs=0.2)


@pytest.mark.slow
def test_copula_correction_for_few_samples() -> None:
    """The Gaussian's correction holds for ranks of independent dimensions: N = 30 of 10, plug-in 0.9 nats high."""
    assert_mean([copula_total_correlation(z).value for z in normal(200, 30, 10)], 0.0)
    assert_mean([copula_mutual_information(z[:, :4], z[:, 4:]).value for z in normal(200, 30, 10, seed=1)], 0.0)


@pytest.mark.parametrize(
    ("draw", "truth"),
    [(torch.rand, 0.0), (torch.randn, NORMAL_ENTROPY), (lambda *a, **k: -torch.rand(*a, **k).log(), 1.0)],
)
def test_entropy_of_margins_by_spacings(draw: Callable[..., Tensor], truth: float) -> None:
    z = draw(1000, 100, generator=generator(), dtype=torch.float64)
    assert float(spacing_terms(z).mean()) == pytest.approx(truth, abs=0.01)


def test_copula_degenerate_dimensions() -> None:
    z = normal(200, 3)
    assert copula_entropy(torch.cat([z, z[:, :1]], dim=1)).value is None
    rectified = copula_entropy(z.relu())
    assert rectified.value is None and "atoms: 0, 1, 2" in rectified.reason
    tied = copula_total_correlation(z.relu())
    assert tied.value is not None and tied.saturated and "repeat" in tied.reason
    constant = copula_total_correlation(torch.cat([z, torch.ones(200, 1)], dim=1))
    assert not constant.saturated and "constant" in constant.reason
    assert constant.estimator == "copula"


def test_categorical_by_hand() -> None:
    table = torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.5, 0.5]]).double()
    y = torch.tensor([4, 4, 9, 9])
    found = {name: estimate.value for name, estimate in categorical_information(table, y).items()}
    entropy = torch.special.entr
    p_z, of_y = table.mean(0), torch.tensor([[0.75, 0.25, 0.0], [0.0, 0.75, 0.25]]).double()
    assert found["H[Z]"] == pytest.approx(float(entropy(p_z).sum()), abs=1e-14)
    assert found["H[Z|Y]"] == pytest.approx(float(entropy(of_y).sum() / 2), abs=1e-14)
    assert found["H[Z|X]"] == pytest.approx(math.log(2) / 2, abs=1e-14)
    assert found["H[Y]"] == pytest.approx(math.log(2), abs=1e-14)
    assert found["I[X;Y|Z]"] == found["H[Y|Z]"]
    noisy = categorical_information(table, y, noise=0.1)["I[X;Y|Z]"]
    assert noisy.value == pytest.approx(found["H[Y|Z]"] - 0.1, abs=1e-14)
    decoder = optimal_decoder(table, y)
    assert torch.allclose(decoder, torch.tensor([[1.0, 0.0], [0.25, 0.75], [0.0, 1.0]]).double())
    assert found["H[Y|Z]"] == pytest.approx(float((p_z * entropy(decoder).sum(1)).sum()), abs=1e-14)


def test_categorical_identities_and_the_decoder_is_optimal() -> None:
    table = torch.softmax(3 * normal(500, 12), dim=1)
    table = torch.cat([table, torch.zeros(500, 1)], dim=1)  # a code that nobody uses
    y = torch.randint(0, 5, (500,), generator=generator())
    found = {name: estimate.value for name, estimate in categorical_information(table.float(), y).items()}
    label_entropy = float(torch.special.entr(y.bincount() / 500).sum())
    assert found["I[X;Z]"] == pytest.approx(found["H[Z]"] - found["H[Z|X]"], abs=1e-12)
    assert found["I[X;Z]"] == pytest.approx(found["I[Y;Z]"] + found["I[X;Z|Y]"], abs=1e-12)
    assert found["I[Y;Z]"] == pytest.approx(label_entropy - found["H[Y|Z]"], abs=1e-6)
    decoder = optimal_decoder(table, y)
    assert torch.allclose(decoder[-1], y.bincount().double() / 500)
    cross_entropy = -(table * decoder.clamp(min=1e-300).log()[:, y].T).sum(1).mean()
    assert float(cross_entropy) == pytest.approx(found["H[Y|Z]"], abs=1e-6)
    worse = -(table * (0.9 * decoder + 0.02).log()[:, y].T).sum(1).mean()
    assert worse > cross_entropy


def test_standard_errors_of_sums_reach_the_population() -> None:
    """Labels that are independent of 30 codes: the plug-in value is 0.14 nats, and its error was called 0.02."""
    for seed in range(20):
        y = torch.randint(0, 10, (1000,), generator=generator(seed))
        codes = torch.randint(0, 30, (1000,), generator=generator(100 + seed))
        table = torch.nn.functional.one_hot(codes).double()
        found, counted = categorical_information(table, y), binned_information(codes.double(), y, bins=30)
        for quantity, truth in (("I[Y;Z]", 0.0), ("H[Z]", math.log(30)), ("H[Y|Z]", math.log(10))):
            assert found[quantity].value == pytest.approx(counted[quantity].value, abs=1e-12)
            assert abs(found[quantity].value - truth) < 3 * found[quantity].stderr
        assert found["I[Y;Z]"].value > 0.1
        soft = categorical_information(0.05 * table + 0.95 / 30, y)["I[Y;Z]"]
        assert soft.value < 3 * soft.stderr < 0.01
        assert categorical_information(table, y, torch.ones(1000))["I[Y;Z]"].stderr is None


def test_binned_by_hand() -> None:
    z = torch.tensor([[0.0, 0.0], [0.1, 0.9], [0.9, 0.1], [1.0, 1.0], [0.04, 0.1], [0.95, 1.0]]).repeat(40, 1)
    y = torch.tensor([0, 0, 1, 1, 0, 1]).repeat(40)
    found = {name: estimate.value for name, estimate in binned_information(z, y, bins=2).items()}
    rare, common = math.log(6) / 6, math.log(3) / 3  # of 1/6 and of 1/3
    assert found["H[Z]"] == found["I[X;Z]"] == pytest.approx(2 * rare + 2 * common, abs=1e-12)
    assert found["I[Y;Z]"] == pytest.approx(math.log(2), abs=1e-12)
    assert found["H[Y|Z]"] == pytest.approx(0, abs=1e-12)
    assert found["I[X;Z|Y]"] == pytest.approx(found["H[Z]"] - math.log(2), abs=1e-12)


def test_bin_codes_are_the_distinct_rows() -> None:
    """In 200 dimensions, where a row's number in base 30 would overflow any integer."""
    z = torch.randint(0, 2, (40, 200), generator=generator()).double()[torch.arange(400) % 40]
    codes = bin_codes(z)
    assert torch.equal(codes.unsqueeze(1) == codes, (z.unsqueeze(1) == z).all(2))
    assert int(codes.max()) == 39


def test_bins_by_width_and_span() -> None:
    z = torch.tensor([-0.01, 0.0, 0.49, 0.5, 7.0])
    assert len(bin_codes(z, bins=None, width=0.5).unique()) == 4
    assert len(bin_codes(z, bins=2, span=(0.0, 1.0)).unique()) == 2  # values beyond belong to the outer bins
    assert len(bin_codes(torch.ones(5)).unique()) == 1


def test_too_many_bins_are_flagged() -> None:
    z, y = normal(1000, 20), torch.arange(1000) % 10
    found = binned_information(z, y)
    assert found["H[Z]"].value == pytest.approx(math.log(1000)) and found["H[Z]"].saturated
    assert found["I[Y;Z]"].saturated and "H[Z|Y] is low by 0.49" in found["I[Y;Z]"].reason
    assert not any(estimate.saturated for estimate in binned_information(z[:, :1], y % 2, bins=3).values())


@pytest.mark.parametrize(("n", "bins", "classes"), [(1700, 30, 10), (1000, 3, 10), (10_000, 30, 10), (300, 30, 2)])
def test_information_of_bins_is_flagged_where_its_bias_exceeds_its_error(n: int, bins: int, classes: int) -> None:
    """Independent labels; at n = 1,700 the first-order bias is 0.08 with an error of 0.01."""
    for seed in range(20):
        y = torch.randint(0, classes, (n,), generator=generator(seed))
        found = binned_information(normal(n, 1, seed=100 + seed), y, bins=bins)
        for quantity, side in (("I[Y;Z]", "high"), ("H[Y|Z]", "low")):
            assert found[quantity].saturated and f"{quantity} is {side} by" in found[quantity].reason
        assert found["I[Y;Z]"].value > found["I[Y;Z]"].stderr


def test_information_of_bins_that_is_not_flagged_is_within_its_errors() -> None:
    """A bit that is flipped with probability 1/5: ln 2 − h(1/5), by bins that its border is an edge of."""
    truth, missed = math.log(2) + 0.8 * math.log(0.8) + 0.2 * math.log(0.2), 0
    for seed in range(50):
        z = torch.rand(1000, 1, generator=generator(seed), dtype=torch.float64)
        z[:2, 0] = torch.tensor([0.0, 1.0])
        flip = torch.rand(1000, generator=generator(1000 + seed)) < 0.2
        found = binned_information(z, ((z[:, 0] >= 0.5) != flip).long())["I[Y;Z]"]
        assert not found.saturated
        missed += abs(found.value - truth) > 3 * found.stderr
    assert missed <= 1


@pytest.mark.parametrize("rectified", [False, True])
def test_an_outlier_does_not_rule_the_bins(rectified: bool) -> None:
    """Without one 0.68 of ln 2; with one of 1e6 it was 0.0005."""
    z = normal(5000, 1)
    y = (z[:, 0] > 0.5).long() if rectified else (z[:, 0] > 0).long()
    z = (z - 0.3).relu() if rectified else z
    for far in (1e6, -1e12):
        spoiled = z.clone()
        spoiled[0] = far
        found, clean = binned_information(spoiled, y)["I[Y;Z]"], binned_information(z, y)["I[Y;Z]"]
        assert found.value == pytest.approx(clean.value, abs=0.01) and clean.value > 0.55
        assert "outliers in 1 of 1 dimensions" in found.reason and not clean.reason
    assert bin_codes(torch.tensor([0.0, 0.0, 0.0, 1.0])).tolist() == [0, 0, 0, 1]


def test_variational_bounds() -> None:
    terms, y = normal(300).abs(), torch.arange(300) % 2
    found = variational_bounds(rate=terms, cross_entropy=0.5 * terms, conditional_rate=2 * terms, y=y)
    mean = float(terms.mean())
    assert found["I[X;Z]"].upper == found["I[X;Z]"].value == pytest.approx(mean)
    assert found["I[X;Z]"].lower is None and found["I[Y;Z]"].upper is None
    assert found["I[Y;Z]"].lower == pytest.approx(math.log(2) - 0.5 * mean)
    assert found["H[Y|Z]"].upper == pytest.approx(0.5 * mean)
    assert found["I[X;Z|Y]"].upper == pytest.approx(2 * mean)
    assert found["I[X;Z]"].stderr == pytest.approx(float(terms.std()) / math.sqrt(300))
    assert list(variational_bounds(rate=terms)) == ["I[X;Z]"]
    assert list(variational_bounds(cross_entropy=terms)) == ["H[Y|Z]"]


Z, Y = torch.zeros(20, 2), torch.zeros(20, dtype=torch.long)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gaussian_entropy(normal(11, 10)), "11 samples of 10 dimensions; a covariance needs 12"),
        (lambda: gaussian_entropy(torch.full((9, 1), math.nan)), "9 values that are NaN or infinite"),
        (lambda: gaussian_mutual_information(normal(9, 4), normal(9, 4)), "together has 9 samples of 8"),
        (lambda: gaussian_mutual_information(normal(9, 1), normal(8, 1)), "9 is not 8"),
        (lambda: copula_total_correlation(torch.full((9, 1), math.inf)), "NaN or infinite"),
        (lambda: copula_entropy(torch.zeros(1, 1)), "2 samples or more"),
        (lambda: categorical_information(normal(20, 3), Y), "must be probabilities"),
        (lambda: categorical_information(torch.full((20, 2), 0.4), Y), "a row's sum 0.8"),
        (lambda: categorical_information(torch.ones(20), Y), r"shape \(samples, codes\)"),
        (lambda: categorical_information(torch.ones(20, 1), Y.float()), "labels must be integers"),
        (lambda: binned_information(Z, Y[:3]), r"labels must have the shape \(20,\)"),
        (lambda: binned_information(Z, bins=0), "bins must be 1 or more"),
        (lambda: binned_information(Z, width=0.1), "either bins or width"),
        (lambda: binned_information(Z, bins=None, width=-1.0), "width must be positive"),
        (lambda: binned_information(Z + 1, bins=None, width=1e-300), "below the precision"),
        (lambda: binned_information(Z, span=(1.0, 1.0)), "span must be two finite numbers"),
        (lambda: binned_information(Z / 0), "NaN or infinite"),
        (lambda: variational_bounds(), "give one of rate"),
        (lambda: variational_bounds(rate=Z[:, 0], cross_entropy=Z[:3, 0]), "as many samples"),
        (lambda: variational_bounds(rate=Z), r"rate must have the shape \(samples,\)"),
        (lambda: variational_bounds(cross_entropy=Z[:, 0] / 0, y=Y), "NaN or infinite"),
    ],
)
def test_bad_input_is_one_clear_line(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_one_dimension_has_no_total_correlation() -> None:
    z = torch.randn(4000, 1, generator=torch.Generator().manual_seed(7)).double()
    found = gaussian_total_correlation(z)
    assert found.value == pytest.approx(0, abs=1e-9) and found.stderr == pytest.approx(0, abs=1e-6)
