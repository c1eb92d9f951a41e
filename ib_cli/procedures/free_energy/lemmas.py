"""How θ, R, D and C move along the surface: Lemmas 5 and 9 of A Free-Energy Principle for Representation Learning.

At an equilibrium ∂J/∂θ = 0 for every λ, γ and t, so that θ moves by A θ_λ = b_λ with the Hessian A of J and
b_λ = −∂/∂λ ∂J/∂θ, and likewise by γ and t (17, 25). As ∂J/∂λ = D and ∂J/∂γ = C at fixed θ, b_λ = −∂D/∂θ and
b_γ = −∂C/∂θ, derivatives that include the Gibbs encoder's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from ib_cli.exact.gibbs import Law
from ib_cli.exact.newton import Quadratic, conjugate_gradients, damped, quadratic
from ib_cli.procedures.free_energy.exact_laws import sides_of
from ib_cli.procedures.free_energy.gibbs_model import GibbsModel
from ib_cli.procedures.free_energy.surface import Direction, Estimated, Place, Quantity, Slopes

QUANTITIES: tuple[Quantity, ...] = ("R", "D", "C", "F")
RESIDUAL = 1e-8, 0.1  # of A θ_λ = b_λ, relative: least and largest at which conjugate gradients end
OFF = 10.0  # least ε, relative to the gradient's norm
MOST = 2_000  # Hessian-vector products for each direction


@dataclass(frozen=True)
class Motion:
    """Derivatives of θ, and of R, D, C and F, along directions on the surface."""

    theta: dict[Direction, Tensor]  # θ_λ, θ_γ, θ_t, (P,) each
    slopes: Slopes
    residuals: dict[Direction, float]  # |b − A θ_λ|/|b|: what is left where A is singular along b


def motion(
    model: GibbsModel,
    theta: Tensor,
    place: Place,
    law_at: Callable[[float], Law],
    directions: Sequence[Direction],
    damping: float,
    difference: float,
) -> Motion:
    """θ_λ, θ_γ and θ_t at an equilibrium, with C_λ, C_γ (21) and C_t (27) and the other slopes.

    A + ε is inverted by conjugate gradients on Hessian-vector products, ε being `damping` times the curvature of A
    along b. Symmetries make A singular: a constant added to logits, and more parameters than values of z can use. At an
    equilibrium b has no part along them, and conjugate gradients from 0 stay without, so that ε only keeps rounding
    from growing there. Off it, where ∂J/∂θ = g, A is about |g| along them; ε is then at least `OFF` |g|, and the search
    ends at a residual of |g|, so that θ does not wander. `difference`: of t, for the partial derivatives by t at fixed
    θ; a mixture is linear in t, and its are exact.
    """
    law, (lambda_, gamma, _) = law_at(place.t), place
    local = quadratic(lambda at: model.free_energy(at, lambda_, gamma, law), theta)
    of_theta, of_lambda, of_gamma = _derivatives(model, theta, place, law)
    by_theta = dict(zip(QUANTITIES, of_theta))
    fixed: dict[Direction, Tensor] = {"lambda": of_lambda, "gamma": of_gamma}
    right: dict[Direction, Tensor] = {"lambda": -by_theta["D"], "gamma": -by_theta["C"]}
    envelope = None
    if "t" in directions:
        fixed["t"], right["t"] = _along_t(model, theta, place, law_at, difference)
        envelope = Estimated(float(fixed["t"][QUANTITIES.index("F")]))
    found, left = {}, {}
    slopes: dict[tuple[Quantity, Direction], Estimated] = {}
    for direction in directions:
        found[direction], left[direction] = _solved(local, right[direction], damping)
        for i, quantity in enumerate(QUANTITIES):
            total = fixed[direction][i] + by_theta[quantity] @ found[direction]
            slopes[quantity, direction] = Estimated(float(total))
    return Motion(found, Slopes(slopes, envelope), left)


def _along_t(
    model: GibbsModel, theta: Tensor, place: Place, law_at: Callable[[float], Law], difference: float
) -> tuple[Tensor, Tensor]:
    """∂/∂t at fixed θ of R, D, C and F, (4,), and b_t = −∂/∂t ∂J/∂θ, (P,)."""
    lambda_, gamma, t = place
    values, right = torch.zeros(len(QUANTITIES), dtype=torch.float64), torch.zeros_like(theta)
    for weight, at in sides_of(t, difference):
        law = law_at(at)
        values += weight * _values(model, theta, lambda_, gamma, law).detach()
        right -= weight * quadratic(partial(model.free_energy, lambda_=lambda_, gamma=gamma, law=law), theta).gradient
    return values, right


def _values(model: GibbsModel, theta: Tensor, lambda_: float | Tensor, gamma: float | Tensor, law: Law) -> Tensor:
    """R, D, C and F of the Gibbs encoder, (4,); differentiable in θ, λ and γ."""
    of = model.costs(theta, law)
    hamiltonian = of.rate + lambda_ * of.distortion + gamma * of.error
    log_z = (-hamiltonian).logsumexp(1)
    log_e = -hamiltonian - log_z[:, None]
    joint = law.p[:, None] * log_e.exp()
    means = ((joint * cost).sum() for cost in (log_e + of.rate, of.distortion, of.error))
    return torch.stack([*means, -law.p @ log_z])


def _derivatives(model: GibbsModel, theta: Tensor, place: Place, law: Law) -> tuple[list[Tensor], Tensor, Tensor]:
    """∂/∂θ of R, D, C and F, (P,) each, and their ∂/∂λ and ∂/∂γ at fixed θ, (4,) each."""
    at = theta.detach().requires_grad_()
    lambda_, gamma = (torch.tensor(each, dtype=torch.float64, requires_grad=True) for each in place[:2])
    values = _values(model, at, lambda_, gamma, law)
    rows = [torch.autograd.grad(value, (at, lambda_, gamma), retain_graph=True) for value in values]
    by_theta, by_lambda, by_gamma = zip(*rows)
    return list(by_theta), torch.stack(by_lambda), torch.stack(by_gamma)


def _solved(local: Quadratic, right: Tensor, damping: float) -> tuple[Tensor, float]:
    """A⁻¹ b, and what is left of b, relative."""
    norm = float(right.norm())
    if norm == 0:
        return torch.zeros_like(right), 0.0
    off = float(local.gradient.norm())
    epsilon = max(damping * abs(float(right @ local.product(right))) / norm**2, OFF * off)
    least, largest = RESIDUAL
    residual = max(least, min(off / norm, largest))
    found, left = conjugate_gradients(damped(local.product, epsilon), right, residual, MOST)
    return found, float(left.norm()) / norm
