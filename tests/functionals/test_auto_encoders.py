"""The Lagrangians of the family of auto-encoders on random tensors, in float64, and the sign of B."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Independent, Laplace, Normal
from torch.nn.functional import cross_entropy

from ib_cli.config.catalogue import lagrangian, objective
from ib_cli.contracts.passes import Judged, Pass
from ib_cli.functionals.objective import Objective
from ib_cli.model.blocks.densities import Labels

S, B, K, X = 3, 5, 2, 4  # draws, samples, dimensions of z and of x
GIVEN = {"beta": 0.7, "alpha": 0.4, "lambda": 1.3, "rho": 0.6}


@pytest.fixture
def p() -> Pass:
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    mean, scale, z = normal(B, K), normal(B, K).exp(), normal(S, B, K)
    zero = torch.zeros(K, dtype=torch.float64)
    return Pass(
        x=(normal(B, X) > 0).double(),
        y=torch.tensor([0, 2, 1, 1, 0]),
        z=mean + scale * z,
        encoder=Independent(Normal(mean, scale), 1),
        marginal=Independent(Normal(zero, zero + 1), 1),
        decoder=Independent(Bernoulli(logits=normal(S, B, X)), 1),
        label_density=Labels(normal(S, B, 3)),
        prior_z=normal(B, K),
        judged_z=Judged(normal(B), normal(B)),
        judged_x=Judged(normal(B), normal(B)),
        feature_distance=normal(B).square(),
        mmd_z=normal(B),
    )


def a(p: Pass) -> Tensor:
    """Term A: E_x KL(q(z|x) ‖ N(0, I)) (Variational Glasses, eq. 27), by hand."""
    mean, scale = p.encoder.mean, p.encoder.stddev
    return (0.5 * (mean.square() + scale.square() - 1) - scale.log()).sum(-1).mean()


def c_x(p: Pass) -> Tensor:
    """Term C: E log p(x|z) (eq. 28), by hand."""
    logits = p.decoder.base_dist.logits
    return (p.x * logits - logits.exp().log1p()).sum(-1).mean()


def b(p: Pass) -> Tensor:
    """Term B, as the critic has it."""
    return p.judged_z.estimate.mean()


def d_x(p: Pass) -> Tensor:
    """Term D of eq. 28, as the critic has it."""
    return p.judged_x.estimate.mean()


def c(p: Pass) -> Tensor:
    """H(C|Z) of eq. 9."""
    return torch.stack([cross_entropy(logits, p.y) for logits in p.label_density.logits]).mean()


def weights(p: Pass) -> Tensor:
    """log d(x|z) m(z)/q(z|x) of each draw, (S, B)."""
    return p.decoder.log_prob(p.x) + p.marginal.log_prob(p.z) - p.encoder.log_prob(p.z)


β, α, λ, ρ = GIVEN["beta"], GIVEN["alpha"], GIVEN["lambda"], GIVEN["rho"]
EQUATIONS: dict[str, Callable[[Pass], Tensor]] = {
    "vae": lambda p: a(p) - c_x(p),  # (30)
    "beta_vae": lambda p: β * a(p) - c_x(p),  # Higgins et al.: β on the rate, unlike (31)
    "aae": lambda p: b(p) - β * c_x(p),  # (32)
    "info_vae_glasses": lambda p: a(p) - b(p) - β * c_x(p),  # (33)
    "info_vae": lambda p: ρ * a(p) + λ * p.mmd_z.mean() - c_x(p),  # Zhao et al., eq. 6
    "gan": lambda p: d_x(p) - λ * c_x(p),  # (24), negative
    "vae_gan": lambda p: a(p) - β * c_x(p) + β * λ * d_x(p),  # (34) at λ = 1
    "vae_gan_features": lambda p: a(p) + β * p.feature_distance.mean() + β * λ * d_x(p),
    "bib_ae": lambda p: (a(p) - α * b(p)) - β * (c_x(p) - λ * d_x(p)),  # (26) to (28) at α = λ = 1
    "bib_classifier": lambda p: (a(p) - b(p)) + β * c(p),  # (9), (12)
    "iwae": lambda p: -(weights(p).exp().mean(0)).log().mean(),  # Burda et al., eq. 8
    "vamp_vae": lambda p: a(p) - c_x(p),
}


def lagrange(p: Pass, name: str, **given: float) -> Tensor:
    return Objective(objective(name)["objective"]["minimise"])(p, {**GIVEN, **given})[0]


@pytest.mark.parametrize("name", EQUATIONS)
def test_an_objective_is_its_equation(p: Pass, name: str) -> None:
    assert float(lagrange(p, name)) == pytest.approx(float(EQUATIONS[name](p)), rel=1e-12)


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("bib_ae", {"alpha": 0.0, "lambda": 0.0, "beta": 1.0}, "vae"),
        ("vae_gan", {"lambda": 0.0, "beta": 1.0}, "vae"),
        ("info_vae", {"lambda": 0.0, "rho": 1.0}, "vae"),
        ("info_vae", {"lambda": 0.0, "rho": β}, "beta_vae"),
        ("beta_vae", {"beta": 1.0}, "vae"),
    ],
)
def test_weights_of_zero_leave_the_vae_and_the_beta_vae(p: Pass, name: str, given: Any, expected: str) -> None:
    assert float(lagrange(p, name, **given)) == float(lagrange(p, expected))
    alone = replace(p, judged_z=None, judged_x=None, mmd_z=None, prior_z=None)
    assert float(lagrange(alone, name, **given)) == float(lagrange(alone, expected))  # and they need no critic


def test_weights_of_zero_leave_the_others(p: Pass) -> None:
    assert float(lagrange(p, "bib_ae", alpha=0.0)) == float(lagrange(p, "vae_gan"))
    assert float(lagrange(p, "bib_ae", **{"alpha": 1.0, "lambda": 0.0})) == float(lagrange(p, "info_vae_glasses"))
    single = replace(p, z=p.z[:1], decoder=Independent(Bernoulli(logits=p.decoder.base_dist.logits[:1]), 1))
    assert float(lagrange(single, "iwae")) == pytest.approx(float((-weights(p)[0]).mean()))


SIGNS = [("aae", 1), ("info_vae_glasses", -1), ("bib_ae", -α), ("bib_classifier", -1)]


@pytest.mark.parametrize(("name", "sign"), SIGNS)
def test_the_sign_of_b(p: Pass, name: str, sign: float) -> None:
    more = replace(p, judged_z=Judged(p.judged_z.estimate + 1, p.judged_z.of_p))
    assert float(lagrange(more, name) - lagrange(p, name)) == pytest.approx(sign)


def test_the_printed_lines_show_on_which_side_beta_and_b_stand() -> None:
    assert {name: lagrangian(name) for name in EQUATIONS} == {
        "vae": "D + R",
        "beta_vae": "D + beta R",
        "aae": "B + beta D",
        "info_vae_glasses": "R - B + beta D",
        "info_vae": "D + rho R + lambda MMD",
        "gan": "D_x + lambda D",
        "vae_gan": "R + beta D + beta lambda D_x",
        "vae_gan_features": "R + beta D_features + beta lambda D_x",
        "bib_ae": "R - alpha B + beta D + beta lambda D_x",
        "bib_classifier": "R - B + beta C",
        "iwae": "NLL",
        "vamp_vae": "D + R",
    }


def test_more_draws_lower_the_importance_weighted_bound_on_average() -> None:
    """x = z + ε of unit Gaussians, so −ln p(x) is known; q is too wide."""
    generator = torch.Generator().manual_seed(1)
    x = math.sqrt(2) * torch.randn(2000, 1, generator=generator, dtype=torch.float64)
    one = torch.ones(2000, 1, dtype=torch.float64)
    q, m = Independent(Normal(x / 2, one), 1), Independent(Normal(0 * one[0], one[0]), 1)
    found = []
    for draws in (1, 5, 50):
        z = x / 2 + torch.randn(draws, 2000, 1, generator=generator, dtype=torch.float64)
        decoder = Independent(Normal(z, one), 1)
        p = Pass(x=x, y=torch.zeros(2000), z=z, encoder=q, marginal=m, decoder=decoder)
        found.append(float(Objective({"NLL": 1})(p, {})[0]))
    exact = float(-Normal(0, math.sqrt(2)).log_prob(x).mean())
    assert found[0] > found[1] > found[2] and exact - 0.01 < found[2] < exact + 0.02


def test_the_laplace_distortion_is_the_l1_norm(p: Pass) -> None:
    """Eq. 19: λ ‖x − g(z)‖₁ with λ = 1/scale, up to the normalising constant."""
    g = torch.randn(1, B, X, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    scale = torch.tensor(0.5, dtype=torch.float64)
    distortion, _ = Objective({"D": 1})(replace(p, decoder=Independent(Laplace(g, scale), 1)), {})
    expected = (p.x - g[0]).abs().sum(1).mean() / 0.5 + X * math.log(2 * 0.5)
    assert float(distortion) == pytest.approx(float(expected), rel=1e-12)
