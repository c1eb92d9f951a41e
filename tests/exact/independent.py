"""A minimiser that shares nothing with the exact solver: L-BFGS over logits of e(z|x), from many starts, in NumPy."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, logsumexp, xlogy

OPTIONS = {"maxiter": 4000, "maxfun": 8000, "ftol": 1e-15, "gtol": 1e-10, "maxcor": 20}


def objective(flat: np.ndarray, joint: np.ndarray, weights: tuple[float, float, float]) -> tuple[float, np.ndarray]:
    """J = ρR + δD + γC in nats, and its gradient, at logits of e(z|x), flat from (X, K). `joint`: no empty rows.

    With m, d and c by Bayes, ∂J/∂e(z|x) = p(x) (ρ − δ) ln e(z|x)/m(z) − γ Σ_y p(x, y) ln c(y|z).
    """
    rho, delta, gamma = weights
    x = joint.sum(1, keepdims=True)
    log_e = log_softmax(flat.reshape(len(joint), -1), 1)
    log_m = logsumexp(np.log(x) + log_e, 0)
    e, d = np.exp(log_e), np.exp(np.log(x) + log_e - log_m)  # e(z|x), d(x|z)
    c = d.T @ (joint / x)
    of_y, log_c = np.exp(log_m)[:, None] * c, np.log(np.where(c > 0, c, 1))
    rate = float((x * e * (log_e - log_m)).sum())
    J = rho * rate + delta * (-xlogy(x, x).sum() - rate) - gamma * float((of_y * log_c).sum())
    slope = (rho - delta) * x * (log_e - log_m) - gamma * joint @ log_c.T
    return J, (e * (slope - (e * slope).sum(1, keepdims=True))).ravel()


def least(
    joint: np.ndarray, weights: tuple[float, float, float], states: int, restarts: int = 16, seed: int = 0
) -> float:
    """The least ρR + δD + γC that the restarts find with so many states."""
    joint = joint[joint.sum(1) > 0]
    rng = np.random.default_rng(seed)
    found = []
    for i in range(restarts):
        start = rng.normal(scale=(1, 3, 6)[i % 3], size=len(joint) * states)
        found.append(minimize(objective, start, (joint, weights), jac=True, method="L-BFGS-B", options=OPTIONS).fun)
    return min(found)
