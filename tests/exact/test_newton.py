"""Newton's method with conjugate gradients, on functions whose minimum is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ib_cli.exact.newton import conjugate_gradients, minimise, quadratic


def rosenbrock(at: Tensor) -> Tensor:
    return (100 * (at[1:] - at[:-1].square()).square() + (1 - at[:-1]).square()).sum()


def test_a_bent_valley_is_followed_to_its_end() -> None:
    found = minimise(rosenbrock, torch.full((6,), -1.2, dtype=torch.float64), tolerance=1e-10, iterations=200)
    assert found.gradient_norm <= 1e-10 and found.value < 1e-20
    torch.testing.assert_close(found.at, torch.ones(6, dtype=torch.float64))


def test_a_saddle_is_left() -> None:
    """x⁴ − x² + y² has minima at x = ±√½; the start has negative curvature along x."""
    found = minimise(
        lambda at: at[0] ** 4 - at[0] ** 2 + at[1] ** 2,
        torch.tensor([1e-3, 1.0], dtype=torch.float64),
        tolerance=1e-12,
        iterations=100,
    )
    assert found.at.tolist() == pytest.approx([0.5**0.5, 0], abs=1e-10)


def test_iterations_end_the_search_and_the_gradient_says_so() -> None:
    found = minimise(rosenbrock, torch.full((6,), -1.2, dtype=torch.float64), tolerance=1e-10, iterations=2)
    assert found.iterations == 2 and found.gradient_norm > 1e-3


def test_products_are_those_of_the_hessian() -> None:
    at = torch.tensor([0.3, -0.7, 1.1], dtype=torch.float64)
    local, hessian = quadratic(rosenbrock, at), torch.func.hessian(rosenbrock)(at)
    vector = torch.tensor([1.0, 2.0, -1.0], dtype=torch.float64)
    torch.testing.assert_close(local.product(vector), hessian @ vector)
    torch.testing.assert_close(local.gradient, torch.func.grad(rosenbrock)(at))


def test_a_singular_system_has_its_shortest_solution() -> None:
    generator = torch.Generator().manual_seed(0)
    factor = torch.randn(8, 5, generator=generator, dtype=torch.float64)
    matrix = factor @ factor.T  # of rank 5
    right = matrix @ torch.randn(8, generator=generator, dtype=torch.float64)
    found, left = conjugate_gradients(lambda vector: matrix @ vector, right, 1e-12, 100)
    torch.testing.assert_close(found, torch.linalg.pinv(matrix) @ right)
    assert float(left.norm()) <= 1e-12 * float(right.norm())
