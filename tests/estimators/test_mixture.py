"""Estimators that know q(z|x): the Monte-Carlo sandwich and the pairwise bounds, against closed forms and oracles."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Generator, Tensor
from torch.distributions import Independent, Normal

from ib_cli.estimators import mixture
from ib_cli.estimators.mixture import Components, mixture_information
from ib_cli.estimators.pairwise import pairwise_estimate, pairwise_information
from ib_cli.estimators.variational import batch_bounds

SILENT = 1 / math.sqrt(2 * math.pi * math.e)  # the scale at which noise has entropy 0
IDENTITIES = {
    "I[X;Z]": ("H[Z]", "H[Z|X]"),
    "I[Y;Z]": ("H[Z]", "H[Z|Y]"),
    "I[X;Z|Y]": ("H[Z|Y]", "H[Z|X]"),
}


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


def gaussian_means(n: int, size: int, information: float, dims: int, seed: int = 0) -> Tensor:
    """Means whose `dims` first dimensions are Gaussian, so that Z is Gaussian and H[Z] = `information` in nats."""
    mean = torch.zeros(n, size, dtype=torch.float64)
    mean[:, :dims] = SILENT * math.sqrt(math.expm1(2 * information / dims)) * normal(n, dims, seed=seed)
    return mean


def naive(mean: Tensor, scale: Tensor, y: Tensor, z: Tensor) -> dict[str, Tensor]:
    """The sums of the docstring, from torch's own densities: each term (N,), before any control variate."""
    n = len(mean)
    log_q = Independent(Normal(mean, scale), 1).log_prob(z.unsqueeze(1))
    same, self_ = y.unsqueeze(1) == y, torch.eye(n, dtype=torch.bool)

    def minus_log_mean(keep: Tensor) -> Tensor:
        return keep.sum(1).log() - log_q.where(keep, -torch.inf).logsumexp(1)

    everything = torch.ones_like(same)
    return {
        "lower of H[Z]": minus_log_mean(everything),
        "upper of H[Z]": minus_log_mean(~self_),
        "lower of H[Z|Y]": minus_log_mean(same),
        "upper of H[Z|Y]": minus_log_mean(same & ~self_),
    }


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("apart", [1.0, 1000.0])
def test_sums_agree_with_a_naive_oracle(shared: bool, apart: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in many small blocks, for unordered classes of different sizes, and with classes 1000 scales apart."""
    monkeypatch.setitem(mixture.BLOCK, "cpu", 1500)
    n, size = 211, 7
    y = torch.randint(0, 4, (n,), generator=Generator().manual_seed(1)) * 3 - 5
    mean = apart * normal(13, size, seed=2)[y + 5] + normal(n, size, seed=3) + 100
    scale = torch.full((size,), 0.7, dtype=torch.float64) if shared else 0.3 + normal(n, size, seed=4).abs()
    noise = normal(2, n, size, seed=5)
    found = mixture_information(mean, scale, y, noise=noise)

    excess = noise.square().sum(2).mean(0) / 2 - size / 2
    both = [naive(mean, scale, y, mean + scale * epsilon) for epsilon in noise]
    for name in both[0]:
        terms = (both[0][name] + both[1][name]) / 2
        slope = torch.cov(torch.stack([terms, excess]))
        expected = float(terms.mean() - slope[0, 1] / slope[1, 1] * excess.mean())
        side, quantity = name.split(" of ")
        assert getattr(found[quantity], side) == pytest.approx(expected, abs=1e-6)
    closed = Independent(Normal(mean, scale.expand_as(mean)), 1).entropy().mean()
    assert found["H[Z|X]"].value == pytest.approx(float(closed), abs=1e-9)


def test_log_density_is_that_of_torch() -> None:
    mean, scale, z = normal(20, 3), normal(20, 3, seed=1).exp(), normal(9, 3, seed=2)
    for s in (scale, scale[0]):
        expected = Independent(Normal(mean, s), 1).log_prob(z.unsqueeze(1))
        assert torch.allclose(Components.of(mean, s).log_density(z), expected, atol=1e-10)


def test_float32_means_and_identical_scales_per_sample_change_nothing() -> None:
    mean, y = normal(150, 5).float(), torch.arange(150) % 3
    shared, each = (mixture_information(mean, scale, y) for scale in (0.5, torch.full((150, 5), 0.5)))
    assert shared == each
    almost = torch.full((150, 5), 0.5, dtype=torch.float64)
    almost[0, 0] += 1e-12  # takes the way of different scales
    for name, estimate in mixture_information(mean, almost, y).items():
        assert estimate.value == pytest.approx(shared[name].value, abs=1e-8)


@pytest.mark.parametrize("dims", [2, 10, 100])
def test_gaussian_truth_lies_within_five_hundredths_five_nats_below_ln_n(dims: int) -> None:
    """K = 100, N = 3000, H[Z] = I[X;Z] = ln N − 5 in closed form; the band includes three standard errors."""
    truth = math.log(3000) - 5
    found = mixture_information(gaussian_means(3000, 100, truth, dims), SILENT)["H[Z]"]
    assert not found.saturated
    assert abs(found.lower - truth) < 0.05 + 3 * found.stderr
    assert abs(found.upper - truth) < 0.05 + 3 * found.stderr
    assert 0 < found.upper - found.lower < 0.08


@pytest.mark.parametrize("gap", [5.0, 3.0, 2.4])
def test_separated_centres(gap: float) -> None:
    """M centres far apart: H[Z] = ln M, and what of the sandwich remains is how often each centre was drawn."""
    n = 2000
    centres = round(n * math.exp(-gap))
    chosen = torch.randint(centres, (n,), generator=Generator().manual_seed(3))
    mean = (50 * normal(centres, 100))[chosen]
    found = mixture_information(mean, SILENT, chosen % 2)
    assert found["H[Z]"].value == pytest.approx(math.log(centres), abs=0.02)
    assert found["H[Z]"].lower < math.log(centres) < found["H[Z]"].upper
    assert found["I[Y;Z]"].value == pytest.approx(math.log(2), abs=0.02)


def test_lower_end_is_below_and_upper_end_above_the_population_on_average() -> None:
    truth, runs = 3.0, 40
    both = [mixture_information(gaussian_means(200, 20, truth, 4, seed=s), SILENT)["H[Z]"] for s in range(runs)]
    for side, sign in (("lower", 1), ("upper", -1)):
        errors = sign * (truth - torch.tensor([getattr(found, side) for found in both]))
        assert errors.mean() > 3 * errors.std() / math.sqrt(runs)


@pytest.mark.slow
def test_lower_end_is_unbiased_for_the_entropy_of_the_components() -> None:
    """Two components in one dimension, whose mixture's entropy is an integral; 3000 draws of the noise."""
    mean, scale = torch.tensor([[-1.0], [1.5]]).double(), torch.tensor([[1.0], [0.5]]).double()
    grid = torch.linspace(-9, 9, 20001, dtype=torch.float64)
    density = Normal(mean, scale).log_prob(grid).exp().mean(0)
    truth = float(torch.trapezoid(-torch.xlogy(density, density), grid))
    found = mixture_information(mean, scale, noise=normal(3000, 2, 1))["H[Z]"]
    assert found.lower == pytest.approx(truth, abs=0.04)
    assert found.upper > found.lower + 0.1


def test_identities_hold_and_differences_take_opposite_ends() -> None:
    y = torch.arange(600) % 3
    found = mixture_information(normal(600, 4) + y.unsqueeze(1), normal(600, 4, seed=1).exp(), y)
    for name, (first, second) in IDENTITIES.items():
        a, b, difference = found[first], found[second], found[name]
        assert difference.value == pytest.approx(a.value - b.value, abs=1e-12)
        assert difference.lower == pytest.approx(a.lower - b.upper, abs=1e-12)
        assert difference.upper == pytest.approx(a.upper - b.lower, abs=1e-12)
    assert found["I[X;Z]"].value == pytest.approx(found["I[Y;Z]"].value + found["I[X;Z|Y]"].value, abs=1e-12)
    assert found["H[Y|Z]"].value == pytest.approx(math.log(3) - found["I[Y;Z]"].value, abs=1e-12)


def test_nothing_known_and_one_class() -> None:
    """Where all means are equal every log-density ratio is 1: no information, to rounding, whatever the noise."""
    found = mixture_information(torch.ones(50, 3), 0.2, torch.zeros(50, dtype=torch.long))
    for name in ("I[X;Z]", "I[Y;Z]", "I[X;Z|Y]", "H[Y|Z]"):
        assert found[name].value == pytest.approx(0, abs=1e-12)
        assert found[name].upper - found[name].lower == pytest.approx(0, abs=1e-12)


def test_saturation_is_flagged_and_the_lower_end_stays_a_bound() -> None:
    """Every mean alone: I[X;Z] of the population is far above ln N, which is all that N samples can show."""
    y = torch.arange(500) % 5
    found = mixture_information(100 * normal(500, 10) + 1e4 * y.unsqueeze(1), SILENT, y)
    for name in ("H[Z]", "I[X;Z]", "H[Z|Y]", "I[X;Z|Y]", "I[Y;Z]", "H[Y|Z]"):
        assert found[name].saturated, name
    assert "ln N = 6.21" in found["H[Z]"].reason
    assert found["H[Z]"].lower == pytest.approx(math.log(500), abs=1e-6)
    assert not found["H[Z|X]"].saturated


def test_only_what_is_saturated_is_flagged() -> None:
    """Classes far apart, each a single point: I[X;Z|Y] = 0 of ln 40, but I[X;Z] = ln 25 of ln 1000."""
    y = torch.arange(1000) % 25
    found = mixture_information(1000 * normal(25, 8)[y], SILENT, y)
    assert not any(estimate.saturated for estimate in found.values())
    rare = mixture_information(1000 * normal(500, 8)[torch.arange(1000) % 500], SILENT, torch.arange(1000) % 500)
    assert rare["I[X;Z]"].saturated and rare["I[X;Z|Y]"].saturated


def test_numbers_beyond_float64_are_flagged() -> None:
    mean, scale = normal(100, 2), torch.tensor([1e-7, 1.0])
    assert "rounding" in mixture_information(mean, scale)["I[X;Z]"].reason
    assert "rounding" in batch_bounds(mean, scale, 50).reason
    assert "rounding" in pairwise_estimate(mean, scale).reason


@pytest.mark.parametrize("shared", [True, False])
def test_a_class_of_one_takes_only_what_needs_it(shared: bool) -> None:
    y = torch.arange(300) % 3
    mean, scale = normal(300, 2) + y.unsqueeze(1), 0.7 if shared else normal(300, 2, seed=1).exp()
    noise = normal(1, 300, 2, seed=2)
    whole = mixture_information(mean, scale, y, noise=noise)
    alone = mixture_information(mean, scale, torch.where(torch.arange(300) == 7, 9, y), noise=noise)
    for quantity in ("H[Z]", "H[Z|X]", "I[X;Z]"):
        assert alone[quantity].value == pytest.approx(whole[quantity].value, abs=1e-12)
        assert not alone[quantity].saturated
    for quantity in ("H[Z|Y]", "I[X;Z|Y]", "I[Y;Z]", "H[Y|Z]"):
        assert alone[quantity].value == pytest.approx(whole[quantity].value, abs=0.03)
        assert alone[quantity].saturated and "class 9 has 1 sample" in alone[quantity].reason
    assert alone["H[Z|Y]"].lower < alone["H[Z|Y]"].value and alone["H[Z|Y]"].upper is None
    assert alone["I[Y;Z]"].upper > alone["I[Y;Z]"].value and alone["I[Y;Z]"].lower is None
    each = mixture_information(mean, scale, torch.arange(300), noise=noise)["I[X;Z|Y]"]
    assert each.lower == pytest.approx(0, abs=0.01)


def test_draws_and_generators() -> None:
    mean = gaussian_means(300, 10, 2.0, 3)
    one = mixture_information(mean, SILENT, generator=Generator().manual_seed(4))
    assert one == mixture_information(mean, SILENT, generator=Generator().manual_seed(4))
    assert one != mixture_information(mean, SILENT, generator=Generator().manual_seed(5))
    many = mixture_information(mean, SILENT, draws=8)["H[Z]"]
    assert many.stderr < one["H[Z]"].stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mean": torch.tensor([[0.0], [math.nan]])}, "mean has 1 values that are NaN"),
        ({"mean": torch.zeros(1, 2)}, "2 samples or more"),
        ({"mean": torch.zeros(3, 2, 2)}, "must have the shape"),
        ({"scale": 0.0}, "scale must be positive"),
        ({"scale": torch.tensor([1.0, math.inf])}, "positive and finite"),
        ({"scale": torch.ones(3)}, r"not \(3,\)"),
        ({"y": torch.zeros(4)}, "labels must be integers"),
        ({"y": torch.zeros(3, dtype=torch.long)}, r"labels must have the shape \(4,\)"),
        ({"draws": 0}, "draws must be 1"),
        ({"noise": torch.zeros(4, 2)}, "noise must be finite with the shape"),
    ],
)
def test_bad_input_is_one_clear_line(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mixture_information(**{"mean": torch.zeros(4, 2), "scale": 1.0, **arguments})


def test_batches_bound_from_both_sides_and_tighten() -> None:
    truth = 2.0
    mean = gaussian_means(3000, 5, truth, 3)
    small, large = (batch_bounds(mean, SILENT, batch) for batch in (60, 1000))
    assert small.lower < large.lower < truth + 3 * large.stderr
    assert small.upper > large.upper > truth - 3 * large.stderr
    assert small.lower < math.log(60) and large.n == 3000
    assert batch_bounds(mean, SILENT, 7).saturated
    with pytest.raises(ValueError, match="batch must lie between 2"):
        batch_bounds(mean, SILENT, 3001)


@pytest.mark.parametrize("shared", [True, False])
def test_pairwise_terms_against_divergences_of_torch(shared: bool) -> None:
    """KL from torch, and the Bhattacharyya distance −ln ∫ √(p q) by an integral for one dimension."""
    mean = normal(40, 1) * 2
    scale = torch.full((1,), 0.6).double() if shared else normal(40, 1, seed=1).exp()
    each = scale.expand_as(mean)
    components = [Independent(Normal(m, s), 1) for m, s in zip(mean, each)]
    kl = torch.stack([torch.distributions.kl_divergence(p, Independent(Normal(mean, each), 1)) for p in components])
    grid = torch.linspace(-40, 40, 8001, dtype=torch.float64)
    roots = (Normal(mean, each).log_prob(grid) / 2).exp()
    overlap = roots @ roots.T * (grid[1] - grid[0])
    for kind, weights in (("kl", (-kl).exp()), ("bhattacharyya", overlap)):
        assert torch.allclose(pairwise_information(mean, scale, kind), -weights.mean(1).log(), atol=1e-6)


def test_pairwise_bounds_enclose_the_lower_end_of_the_sandwich() -> None:
    """Which is unbiased for the entropy of the N components, the truth that the pairwise bounds are about."""
    mean, scale = normal(400, 3) * 3, normal(400, 3, seed=1).mul(0.3).exp()
    bounds, sandwich = pairwise_estimate(mean, scale), mixture_information(mean, scale, draws=4)["I[X;Z]"]
    assert bounds.lower < sandwich.lower < bounds.upper < math.log(400)
    assert pairwise_estimate(100 * mean, 0.1).saturated
    with pytest.raises(ValueError, match="positive"):
        pairwise_estimate(mean, -scale)


@pytest.mark.parametrize("kind", ["kl", "bhattacharyya"])
@pytest.mark.parametrize("shape", [(6, 3), (3,)])
def test_pairwise_gradients_blocks_and_vmap(kind: str, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    mean, scale = normal(6, 3).requires_grad_(), normal(*shape, seed=1).exp().requires_grad_()
    assert torch.autograd.gradcheck(lambda m, s: pairwise_information(m, s, kind), (mean, scale))
    whole = pairwise_information(mean, scale, kind)
    stacked = torch.func.vmap(lambda m, s: pairwise_information(m, s, kind))(
        torch.stack([mean, 2 * mean]), torch.stack([scale, scale])
    )
    assert torch.allclose(stacked[0], whole)
    assert torch.allclose(stacked[1], pairwise_information(2 * mean, scale, kind))
    monkeypatch.setattr("ib_cli.estimators.pairwise.BLOCK", 20)
    assert torch.allclose(pairwise_information(mean, scale, kind), whole)
    assert pairwise_information(mean.float(), scale.float(), kind).dtype == torch.float32
