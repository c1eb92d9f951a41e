"""Newton's method with conjugate gradients: smooth functions of many variables, minimised to rounding."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

Function = Callable[[Tensor], Tensor]
HALVINGS = 40  # of a step, before it is given up
ARMIJO = 1e-4  # share of the slope that a step must descend
ROUNDING = 1e-14  # of a value, relative
PRODUCTS = 500  # with the Hessian, for each Newton step
EXACT = 1e-2  # largest residual of a Newton step, relative; smaller near the minimum
TRIES = 5  # steps in a row that rounding cuts to nothing, before the search ends


class Minimum(NamedTuple):
    """Where the search ended."""

    at: Tensor  # (P,)
    value: float
    gradient_norm: float
    iterations: int


class Quadratic(NamedTuple):
    """The gradient at a point, and the products with its Hessian."""

    value: float
    gradient: Tensor  # (P,)
    product: Function  # v ↦ Hessian v


def quadratic(function: Function, at: Tensor) -> Quadratic:
    """The function to second order at a point (P,), by automatic differentiation."""
    at = at.detach().requires_grad_()
    value = function(at)
    (gradient,) = torch.autograd.grad(value, at, create_graph=True)

    def product(vector: Tensor) -> Tensor:
        (found,) = torch.autograd.grad(gradient, at, vector, retain_graph=True)
        return found.detach()

    return Quadratic(float(value.detach()), gradient.detach(), product)


def conjugate_gradients(
    product: Function, right: Tensor, residual: float, most: int, scaled: Function = lambda vector: vector
) -> tuple[Tensor, Tensor]:
    """x of A x = b for a symmetric positive semi-definite A given by products, and what is left, b − A x.

    `scaled` is a symmetric positive preconditioner, about A⁻¹. Ends where |b − A x| ≤ `residual` |b|, after `most`
    products, or at a direction in which A is not positive, with the x before it. Starts at 0: where A is singular and b
    in its range, x has no part along the null space as long as `scaled` keeps it out.
    """
    found, left = torch.zeros_like(right), right.clone()
    towards = scaled(left)
    direction, squared = towards, left @ towards
    bound = residual * float(right.norm())
    for _ in range(most):
        if float(left.norm()) <= bound:
            break
        turned = product(direction)
        curvature = direction @ turned
        if not curvature > 0:
            break
        step = squared / curvature
        found, left = found + step * direction, left - step * turned
        towards = scaled(left)
        before, squared = squared, left @ towards
        if not squared > 0:
            break
        direction = towards + (squared / before) * direction
    return found, left


def minimise(
    function: Function,
    start: Tensor,
    *,
    tolerance: float,
    iterations: int,
    improved: Function = lambda at: at,
    scaling: Callable[[Tensor], Function] = lambda at: lambda vector: vector,
    damping: float = 0.0,
) -> Minimum:
    """Go down from `start` (P,) to a point whose gradient has a Euclidean norm of at most `tolerance`.

    Each iteration takes `improved`, which must not raise the function, such as an alternating minimisation, and then a
    Newton step with a line search. `scaling(at)` is the preconditioner there. `damping` times the gradient's norm is
    added to the Hessian, for functions whose minima form a manifold: along it the Hessian is singular at a minimum and
    about as large as the gradient elsewhere, and undamped steps go astray. Near it steps stay superlinear. Ends above
    the tolerance after `iterations`, or where rounding hides any descent.
    """
    at, taken, stuck = start.detach(), 0, 0
    for taken in range(iterations + 1):
        at = improved(at)
        local = quadratic(function, at)
        norm = float(local.gradient.norm())
        if norm <= tolerance or taken == iterations or stuck == TRIES:
            break
        scaled = scaling(at)
        accuracy = min(EXACT, max(norm, 1e-6))
        product = damped(local.product, damping * norm)
        direction, _ = conjugate_gradients(product, -local.gradient, accuracy, PRODUCTS, scaled)
        if not float(direction @ local.gradient) < 0:
            direction = -scaled(local.gradient)
        moved = _searched(function, at, local, direction)
        stuck = stuck + 1 if moved is None else 0
        at = at if moved is None else moved
    return Minimum(at, local.value, norm, taken)


def damped(product: Function, epsilon: float) -> Function:
    """The products of A + ε."""
    return lambda vector: product(vector) + epsilon * vector


def _searched(function: Function, at: Tensor, local: Quadratic, direction: Tensor) -> Tensor | None:
    """A point along a direction that is low enough (Armijo), or as low but with half the gradient; None: there is none.

    The second kind serves the last steps, whose descent is below rounding.
    """
    slope, step = float(direction @ local.gradient), 1.0
    noise = ROUNDING * max(abs(local.value), 1.0)
    for _ in range(HALVINGS):
        tried = at + step * direction
        with torch.no_grad():
            value = float(function(tried))
        if value <= local.value + ARMIJO * step * slope:
            return tried
        if value <= local.value + noise and -step * slope <= 100 * noise:
            gradient = quadratic(function, tried).gradient
            if float(gradient.norm()) <= 0.5 * float(local.gradient.norm()):
                return tried
        step /= 2
    return None
