"""Quasi-Newton descent of F, for problems on which the iteration is slow."""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import logsumexp
from torch import Tensor

from ib_cli.exact.fixed_point import FORBIDDEN, Problem

OPTIONS = {"maxiter": 500, "maxcor": 20, "ftol": 0.0, "gtol": 1e-12}


def descended(problem: Problem, joint: Tensor) -> Tensor:
    """P(z, y) (B, K, Y) after L-BFGS (Liu and Nocedal 1989) in √P(z, y), problem by problem; F does not rise.

    Near a point where a state splits in two, F is flat along the shift of probability between them, and the iteration
    takes thousands of steps. A cell of probability 0 stays 0.
    """
    x, rows = problem.x.numpy(), problem.y_given_x.numpy()
    found = joint.clone()
    for i, beta in enumerate(problem.beta.tolist()):
        start = joint[i].numpy()
        best = minimize(_value, np.sqrt(start).ravel(), (x, rows, beta), jac=True, method="L-BFGS-B", options=OPTIONS)
        if best.fun < _value(np.sqrt(start).ravel(), x, rows, beta)[0]:
            squares = torch.from_numpy(best.x.reshape(start.shape) ** 2)
            found[i] = squares / squares.sum()
    return found


def _value(root: np.ndarray, x: np.ndarray, rows: np.ndarray, beta: float) -> tuple[float, np.ndarray]:
    """F at P = a² / Σ a², and its gradient by a; `root` is a, flat.

    With the iteration's next Q(z, y) and m'(z) of it, ∂F/∂P = −β Q / P − (1 − β) m' / m.
    """
    root = root.reshape(-1, rows.shape[1])
    total = (root**2).sum()
    P = root**2 / total
    m = P.sum(1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_c = np.where(P > 0, np.log(P / m), FORBIDDEN)
        terms = np.log(m) + beta * (log_c @ rows.T)  # (K, X)
        log_mix = logsumexp(terms, axis=0)
        encoder = np.exp(terms - log_mix)
        Q = (encoder * x) @ rows
        of_m = np.where(m > 0, (encoder @ x)[:, None] / m, 0)
        slope = np.where(root != 0, -beta * Q / root, 0) - (1 - beta) * of_m * root / total
    return -float(log_mix @ x), (2 * (slope + root / total)).ravel()
