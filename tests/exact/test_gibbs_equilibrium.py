"""Equilibria of a categorical z: against definitions, closed forms and implicit differentiation."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from torch import Tensor

from ib_cli.exact.gibbs import Law, Parameters, best_parameters, costs, encoder, free_energy
from ib_cli.exact.gibbs_equilibrium import Equilibrium, equilibrium, random_start
from tests.exact.gibbs_laws import clouds

LAMBDA, GAMMA, STATES = 0.3, 1.0, 4


@cache
def solved() -> Equilibrium:
    start = random_start(clouds(), STATES, LAMBDA, GAMMA, restarts=4, seed=0)
    return equilibrium(clouds(), LAMBDA, GAMMA, start)


def at(lambda_: float, gamma: float) -> Equilibrium:
    """The equilibrium at a place nearby, on the same branch."""
    return equilibrium(clouds(), lambda_, gamma, solved().theta)


def implicit() -> tuple[Tensor, Tensor]:
    """Hess F (2, 2) by λ and γ: J_ll − J_lθ A⁺ J_θl, with the dense Hessian of J."""
    law, theta = clouds(), solved().theta
    flat = theta.flat

    def value(whole: Tensor) -> Tensor:
        of = costs(law, theta.like(whole[:-2]))
        return -law.p @ (-(of.rate + whole[-2] * of.distortion + whole[-1] * of.error)).logsumexp(1)

    whole = torch.cat([flat, torch.tensor([LAMBDA, GAMMA], dtype=torch.float64)])
    hessian = torch.func.hessian(value)(whole)
    A, across, own = hessian[:-2, :-2], hessian[:-2, -2:], hessian[-2:, -2:]
    return own - across.T @ torch.linalg.pinv(A, rtol=1e-10, hermitian=True) @ across, A


def test_the_gradient_is_rounding() -> None:
    assert solved().gradient_norm <= 1e-10


def test_f_is_what_it_says_by_other_means() -> None:
    """R, D and C by loops over numpy arrays."""
    law, found = clouds(), solved()
    m = np.exp(found.theta.m.numpy()) / np.exp(found.theta.m.numpy()).sum()
    c = np.exp(found.theta.c.numpy())
    c /= c.sum(1, keepdims=True)
    R = D = C = 0.0
    for x, row in zip(law.x.numpy(), law.joint.numpy()):
        p, share = row.sum(), row / row.sum()
        d = ((x - found.theta.means.numpy()) ** 2).sum(1)
        error = -(np.log(c) @ share)
        e = m * np.exp(-LAMBDA * d - GAMMA * error)
        e /= e.sum()
        R, D, C = R + p * (e @ np.log(e / m)), D + p * (e @ d), C + p * (e @ error)
    assert pytest.approx((R, D, C)) == (found.R, found.D, found.C)
    assert pytest.approx(R + LAMBDA * D + GAMMA * C) == found.F
    assert float(free_energy(law, found.theta, LAMBDA, GAMMA)) == pytest.approx(found.F)


def test_theta_is_the_encoders_own() -> None:
    """m = p(z), means = E[x|z], c = p(y|z): a fixed point of alternating minimisation, on which all states differ."""
    law, theta = clouds(), solved().theta
    again = best_parameters(law, encoder(law, theta, LAMBDA, GAMMA), theta)
    torch.testing.assert_close(again.means, theta.means, atol=1e-8, rtol=0)
    torch.testing.assert_close(again.m.softmax(0), theta.m.softmax(0), atol=1e-8, rtol=0)
    torch.testing.assert_close(again.c.softmax(1), theta.c.softmax(1), atol=1e-8, rtol=0)
    assert float(torch.pdist(theta.means).min()) > 0.1


def test_f_is_a_minimum() -> None:
    _, A = implicit()
    values = torch.linalg.eigvalsh(A)
    assert int((values.abs() < 1e-9).sum()) == 1 + STATES  # a constant added to the logits of m, and of each c
    assert float(values.min()) > -1e-9


def test_slopes_of_f_are_d_and_c() -> None:
    h = 1e-3
    of_lambda = (at(LAMBDA + h, GAMMA).F - at(LAMBDA - h, GAMMA).F) / (2 * h)
    of_gamma = (at(LAMBDA, GAMMA + h).F - at(LAMBDA, GAMMA - h).F) / (2 * h)
    assert of_lambda == pytest.approx(solved().D, rel=1e-5)
    assert of_gamma == pytest.approx(solved().C, rel=1e-5)


def test_the_laws_hold_and_implicit_differentiation_agrees() -> None:
    """Maxwell's ∂C/∂λ = ∂D/∂γ, and F concave; slopes by re-solving against the dense Hessian of J."""
    h = 1e-4
    sides = {
        "lambda": (at(LAMBDA + h, GAMMA), at(LAMBDA - h, GAMMA)),
        "gamma": (at(LAMBDA, GAMMA + h), at(LAMBDA, GAMMA - h)),
    }
    found = torch.tensor(
        [
            [(getattr(above, name) - getattr(below, name)) / (2 * h) for above, below in sides.values()]
            for name in ("D", "C")
        ],
        dtype=torch.float64,
    )
    hessian, _ = implicit()
    torch.testing.assert_close(found, hessian, rtol=1e-5, atol=1e-7)
    assert float(found[0, 1]) == pytest.approx(float(found[1, 0]), rel=1e-6)
    assert float(torch.linalg.eigvalsh(hessian).max()) < -0.01


@pytest.mark.parametrize("lambda_", [0.1, 0.45, 0.55, 1.0, 4.0])
def test_two_points_have_the_mean_field_of_a_magnet(lambda_: float) -> None:
    """x = ±1, two values of z, γ = 0: the means are ±μ with μ = tanh(2λμ), which is 0 up to λ = ½.

    J = λ(1 + μ²) − ln cosh(2λμ): each z has probability ½ by symmetry.
    """
    law = Law(torch.tensor([[1.0], [-1.0]], dtype=torch.float64), torch.tensor([[0.5], [0.5]], dtype=torch.float64))
    start = Parameters(
        torch.zeros(2, dtype=torch.float64),
        torch.tensor([[0.9], [-0.9]], dtype=torch.float64),
        torch.zeros(2, 1).double(),
    )
    found = equilibrium(law, lambda_, 0, start)
    mu = 0.0 if lambda_ <= 0.5 else brentq(lambda u: math.tanh(2 * lambda_ * u) - u, 1e-6, 1, xtol=1e-14)
    assert float(found.theta.means.max()) == pytest.approx(mu, abs=1e-8 if lambda_ > 0.5 else 1e-6)
    assert pytest.approx(lambda_ * (1 + mu**2) - math.log(math.cosh(2 * lambda_ * mu)), abs=1e-12) == found.F


def test_a_large_lambda_is_k_means_with_hard_shares() -> None:
    """λ → ∞ at γ = 0: every x goes to the nearest mean, which is the mean of its x; R is the entropy of the shares."""
    law = clouds(spread=0.1)
    start = random_start(law, 3, 200.0, 0.0, restarts=8, seed=1)
    found = equilibrium(law, 200.0, 0.0, start)
    nearest = torch.cdist(law.x, found.theta.means).argmin(1)
    share = torch.zeros(3, dtype=torch.float64).index_add_(0, nearest, law.p)
    means = torch.zeros(3, 2, dtype=torch.float64).index_add_(0, nearest, law.p[:, None] * law.x) / share[:, None]
    torch.testing.assert_close(found.theta.means, means, atol=1e-6, rtol=0)
    assert pytest.approx(float(-(share * share.log()).sum()), abs=1e-6) == found.R
    assert pytest.approx(float(law.p @ (law.x - means[nearest]).square().sum(1)), abs=1e-6) == found.D


def test_without_a_weight_of_d_and_c_nothing_is_told() -> None:
    law = clouds()
    found = equilibrium(law, 0.0, 0.0, random_start(law, 3, 0.0, 0.0, restarts=1, seed=0))
    mean = law.p @ law.x
    assert pytest.approx((0, 0), abs=1e-12) == (found.R, found.F)
    assert pytest.approx(float(law.p @ (law.x - mean).square().sum(1))) == found.D
    marginal = law.joint.sum(0)
    assert pytest.approx(float(-(marginal * marginal.log()).sum())) == found.C


def test_hard_labels_and_a_large_gamma_end_at_the_boundary() -> None:
    """With γ > 1 and labels without noise c(y|z) → 0 for most pairs, the logits → −∞: the gradient still is 0."""
    law = clouds(noise=0.0)
    found = equilibrium(law, 0.5, 8.0, random_start(law, 3, 0.5, 8.0, restarts=4, seed=0))
    assert found.gradient_norm <= 1e-10
    assert found.C < 1e-9 and found.accuracy == pytest.approx(1)
    assert math.isfinite(found.F)


def test_the_names_of_z_and_the_order_of_x_do_not_matter() -> None:
    law, found = clouds(), solved()
    order = torch.randperm(len(law.x), generator=torch.Generator().manual_seed(3))
    names = torch.tensor([2, 0, 3, 1])
    start = random_start(law, STATES, LAMBDA, GAMMA, restarts=4, seed=0)
    other = Law(law.x[order], law.joint[order])
    again = equilibrium(other, LAMBDA, GAMMA, Parameters(*(part[names] for part in start)))
    for name in ("R", "D", "C", "F"):
        assert getattr(again, name) == pytest.approx(getattr(found, name), abs=1e-9)
    torch.testing.assert_close(again.theta.means, found.theta.means[names], atol=1e-8, rtol=0)


def test_x_may_be_moved_turned_and_its_unit_changed() -> None:
    law, found = clouds(), solved()
    turn = torch.linalg.qr(torch.randn(2, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)).Q
    moved = Law(3 * law.x @ turn + 5, law.joint)
    start = found.theta._replace(means=3 * found.theta.means @ turn + 5)
    again = equilibrium(moved, LAMBDA / 9, GAMMA, start)
    assert pytest.approx((found.R, found.C), abs=1e-9) == (again.R, again.C)
    assert pytest.approx(9 * found.D) == again.D


def test_an_x_split_in_two_is_the_same_law() -> None:
    law = clouds()
    twice = Law(torch.cat([law.x, law.x]), torch.cat([0.3 * law.joint, 0.7 * law.joint]))
    again = equilibrium(twice, LAMBDA, GAMMA, solved().theta)
    assert pytest.approx(solved().F) == again.F


@pytest.mark.parametrize(
    "lambda_, gamma, wrong", [(-1.0, 1.0, "lambda"), (1.0, math.nan, "gamma"), (math.inf, 1, "lambda")]
)
def test_what_is_no_weight_is_refused(lambda_: float, gamma: float, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        equilibrium(clouds(), lambda_, gamma, solved().theta)


def test_what_is_no_law_is_refused() -> None:
    x = torch.zeros(2, 1, dtype=torch.float64)
    with pytest.raises(ValueError, match="do not fit"):
        Law(x, torch.ones(3, 1, dtype=torch.float64) / 3)
    with pytest.raises(ValueError, match="sum to 1"):
        Law(x, torch.ones(2, 1, dtype=torch.float64))
    with pytest.raises(ValueError, match="states"):
        random_start(clouds(), 0, 1, 1, restarts=1, seed=0)
