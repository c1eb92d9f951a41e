"""Random tables and weights of R, D and C: with zeros, of few draws, of full support, and of few likely labels."""

from __future__ import annotations

import numpy as np

Case = tuple[np.ndarray, tuple[float, float, float]]  # p(x, y), and ρ, δ, γ


def case(seed: int) -> Case:
    """A table of 2 to 6 values of x and 2 to 5 labels, with weights as in the IB Lagrangian, VIB, TherML, or any."""
    rng = np.random.default_rng(seed)
    X, Y = int(rng.integers(2, 7)), int(rng.integers(2, 6))
    joint = (_zeros, _few_draws, _full, _peaked)[seed % 4](rng, X, Y)
    gamma = float(np.exp(rng.uniform(np.log(1.05), np.log(rng.choice([4, 30])))))
    anything = (float(rng.uniform(0.1, 2)), float(rng.uniform(0, 1)), gamma)
    weights = ((1.0, 0.0, gamma), (1 / gamma, 0.0, 1.0), (0.9, 0.4, gamma), anything)[int(rng.integers(4))]
    return joint / joint.sum(), weights


def _zeros(rng: np.random.Generator, X: int, Y: int) -> np.ndarray:
    joint = rng.random((X, Y)) * (rng.random((X, Y)) < 0.6)
    joint[np.arange(X), rng.integers(Y, size=X)] += 0.1
    return joint


def _few_draws(rng: np.random.Generator, X: int, Y: int) -> np.ndarray:
    """50 draws, with three or four labels."""
    Y = int(rng.integers(3, 5))
    return rng.multinomial(50, rng.dirichlet(np.full(X * Y, 0.7))).reshape(X, Y).astype(float)


def _full(rng: np.random.Generator, X: int, Y: int) -> np.ndarray:
    return rng.random((X, Y)) ** 3


def _peaked(rng: np.random.Generator, X: int, Y: int) -> np.ndarray:
    return rng.dirichlet(np.full(Y, rng.choice([0.1, 0.3, 1.0])), size=X) * rng.dirichlet(np.ones(X))[:, None]
