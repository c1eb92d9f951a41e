"""The exact frontier of a table p(x, y): least ρR + δD + γC over all encoders, marginals, decoders and classifiers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from ib_cli.exact import bottleneck
from ib_cli.exact.fixed_point import Problem, reduced, step
from ib_cli.exact.partitions import best_partition
from ib_cli.exact.solution import Solution, from_encoder
from ib_cli.exact.table import Table, entropy

AT_ONCE = 10_000_000  # elements (problems × states × values of x) of the tables solved at once
SAME = 10  # decimals: values of x whose p(y|x) agree to so many are lumped together
SPREAD = 5.0  # standard deviation of the logits of random encoders

Multipliers = float | Sequence[float] | Tensor
Setting = tuple[float, float, float]  # ρ, δ, γ


def solve(
    table: Table,
    rho: float,
    delta: float,
    gamma: float,
    *,
    states: int | None = None,
    restarts: int = 32,
    tolerance: float = 1e-9,
    seed: int = 0,
) -> Solution:
    """Least ρR + δD + γC with K = `states` values of z (None: as many as x has), in nats (TherML, eq. 17 and App. B).

    Stationary is e(z|x) ∝ m(z) d(x|z)^(δ/ρ) exp((γ/ρ) Σ_y p(y|x) ln c(y|z)) with m, d and c by Bayes. Eliminating d,
    e(z|x) ∝ m(z) exp(γ/(ρ − δ) Σ_y p(y|x) ln c(y|z)). Then D = H(X) − I(X;Z), and the objective is

        δ H(X) + τ I(X;Z) + γ H(Y|Z),  τ = ρ − δ,

    so τ alone decides:

    - τ > 0 is an information bottleneck with β = γ/τ, convex in the distribution of c(y|z), so that an optimum over any
      number of states can be told from a stationary point: no c(y) has A(c) above 1 (`ceiling`). What the proof finds
      above it becomes a value of z, and the problem is solved again.
    - τ < 0 rewards information: z is x.
    - τ = 0: every z that keeps I(X;Y) is optimal. Returned is the limit τ → 0+, the optimum of least R, where values
      of x with the same p(y|x) share a state.

    These cases include ρ = 0. Where such an optimum uses more than K states, the best of `restarts` random encoders
    (τ > 0) or partitions (τ ≤ 0) is returned.

    `gap` is proven and holds for any number of states, also where K is less: J is at most so far above the least J. It
    is `certified` where it is within `tolerance`, times ρ if that is more than 1. The effort of the proof grows
    exponentially with the number of labels, or of values of x if that is less: from six on most optima are not
    certified, and `gap` is large, although no better encoder is found.

    Raises ValueError for multipliers that are negative, not finite or all 0, and for `states` or `restarts` below 1.
    """
    return frontier(table, [rho], [delta], [gamma], states=states, restarts=restarts, tolerance=tolerance, seed=seed)[0]


def frontier(
    table: Table,
    rho: Multipliers,
    delta: Multipliers,
    gamma: Multipliers,
    *,
    states: int | None = None,
    restarts: int = 32,
    tolerance: float = 1e-9,
    seed: int = 0,
) -> list[Solution]:
    """`solve` for many multipliers at once, numbers or sequences (broadcast together); the solutions in order."""
    settings = _settings(rho, delta, gamma)
    if (states is not None and states < 1) or restarts < 1:
        raise ValueError(f"states and restarts must be 1 or more, not {states} and {restarts}")
    solver = _Solver(table, len(table.x) if states is None else states, restarts, tolerance, seed)
    stochastic = [setting for setting in settings if setting[2] > 0 and _tau(*setting[:2]) > 0]
    found = dict(zip(stochastic, solver.bottlenecks(stochastic)))
    return [found.get(setting) or solver.deterministic(setting) for setting in settings]


def _settings(*multipliers: Multipliers) -> list[Setting]:
    """(ρ, δ, γ) of each point."""
    columns = torch.broadcast_tensors(*(torch.as_tensor(each, dtype=torch.float64).flatten() for each in multipliers))
    settings = list(zip(*(column.tolist() for column in columns)))
    for rho, delta, gamma in settings:
        if not all(math.isfinite(value) and value >= 0 for value in (rho, delta, gamma)):
            raise ValueError(f"rho, delta and gamma must be finite and not negative, not {rho}, {delta}, {gamma}")
        if rho == delta == gamma == 0:
            raise ValueError("rho, delta and gamma are all 0: there is nothing to minimise")
    return settings


def _tau(rho: float, delta: float) -> float:
    """ρ − δ; 0 where only rounding keeps them apart."""
    return 0.0 if math.isclose(rho, delta, rel_tol=1e-12) else rho - delta


class _Solver:
    """One table; values of x with the same p(y|x) are lumped to t (`lump`): p(t) is `x`, p(y|t) `y_given_x`."""

    def __init__(self, table: Table, states: int, restarts: int, tolerance: float, seed: int) -> None:
        self.table, self.states, self.restarts, self.tolerance = table, states, restarts, tolerance
        self.generator = Generator().manual_seed(seed)
        self.support = (table.x > 0).nonzero()[:, 0]
        joint = table.joint[self.support]
        _, self.lump = table.y_given_x[self.support].round(decimals=SAME).unique(dim=0, return_inverse=True)
        self.joint = joint.new_zeros(int(self.lump.max()) + 1, joint.shape[1]).index_add_(0, self.lump, joint)
        self.x = self.joint.sum(1)
        self.y_given_x = self.joint / self.x[:, None]

    def bottlenecks(self, settings: Sequence[Setting]) -> list[Solution]:
        """The optima for τ > 0 and γ > 0, as many at a time as memory allows."""
        rows = max(len(self.x), self.restarts * min(self.states, len(self.x)))
        at_once = max(AT_ONCE // (len(self.x) * rows), 1)
        parts = [settings[start : start + at_once] for start in range(0, len(settings), at_once)]
        return [solution for part in parts for solution in self._bottlenecks(part)]

    def _bottlenecks(self, settings: Sequence[Setting]) -> list[Solution]:
        beta = torch.tensor([gamma / _tau(rho, delta) for rho, delta, gamma in settings], dtype=torch.float64)
        problem = Problem(self.x, self.y_given_x, beta)
        start = torch.cat([self.joint, torch.zeros_like(self.joint[:1])])  # with a spare state
        found = bottleneck.solve(problem, start.expand(len(beta), -1, -1), self.tolerance / 2)
        tau = torch.tensor([_tau(rho, delta) for rho, delta, _ in settings], dtype=torch.float64)
        bottleneck.prove(problem, found, self.tolerance / 2, self.tolerance / 2 / tau.clamp(max=1))
        for i in torch.arange(len(beta))[:, None]:
            found.joint[i] = reduced(problem.of(i), found.joint[i][0])
        last = step(problem, found.joint)
        bound = self._lower_bound(beta, last.value - found.gap)
        encoder = last.encoder[:, : self.states]
        few = ((found.joint.sum(-1) > 0).sum(-1) > self.states).nonzero()[:, 0]
        if len(few):
            encoder[few], found.residual[few], found.iterations[few] = self._few_states(problem.of(few))
        told = bound.tolist(), found.residual.tolist(), found.iterations.tolist()
        return [self._solution(*each) for each in zip(settings, encoder, *told)]

    def _lower_bound(self, beta: Tensor, proven: Tensor) -> Tensor:
        """A lower bound (B,) of the table's F from one of the lumped table's.

        I(X;Z) ≥ I(Y;Z) ≤ I(X;Y) gives F ≥ β H(Y) − max(β − 1, 0) I(X;Y) without any proof. Lumping moves P(z, y) by a
        total variation ε and so H(Y|Z) by at most ε ln(Y − 1) + h(ε), h the binary entropy (Zhang 2007).
        """
        lumped = Table(self.joint)
        least = beta * lumped.y_entropy - (beta - 1).clamp(min=0) * lumped.information
        moved = (self.table.y_given_x[self.support] - self.y_given_x[self.lump]).abs().sum(1)
        epsilon = float(self.table.x[self.support] @ moved) / 2
        binary = float(entropy(torch.tensor([epsilon, 1 - epsilon], dtype=torch.float64)))
        return torch.maximum(proven, least) - beta * (epsilon * math.log(max(len(lumped.y) - 1, 1)) + binary)

    def _few_states(self, problem: Problem) -> tuple[Tensor, Tensor, Tensor]:
        """Encoders (B, K, X), residuals and iterations of the best restarts with the K states that are allowed."""
        size = len(problem.beta)
        many = problem.of(torch.arange(size).repeat_interleave(self.restarts))
        logits = torch.randn(len(many.beta), self.states, len(self.x), generator=self.generator, dtype=torch.float64)
        found = bottleneck.solve(many, (SPREAD * logits).softmax(1) @ self.joint, self.tolerance)
        last = step(many, found.joint)
        best = last.value.view(size, -1).argmin(1) + torch.arange(size) * self.restarts
        return last.encoder[best], found.residual[best], found.iterations[best]

    def deterministic(self, setting: Setting) -> Solution:
        """The optimum for τ ≤ 0 or γ = 0: z is a function of x."""
        rho, delta, gamma = setting
        tau, table = _tau(rho, delta), self.table
        of_support, sweeps = torch.arange(len(self.support)), 0
        if tau >= 0 and gamma == 0:
            of_support = torch.zeros_like(of_support)
        elif tau == 0:
            of_support, sweeps = self._partition(self.joint, tau, gamma)
            of_support = of_support[self.lump]
        elif len(self.support) > self.states:
            of_support, sweeps = self._partition(table.joint[self.support], tau, gamma)
        encoder = table.x.new_zeros(len(table.x), self.states)
        encoder[self.support, of_support] = 1
        bound = (delta + min(tau, 0)) * table.x_entropy + gamma * table.conditional_entropy  # I(X;Z) ≤ H(X), for any K
        return from_encoder(table, setting, encoder, bound, self.tolerance, iterations=sweeps)

    def _partition(self, joint: Tensor, tau: float, gamma: float) -> tuple[Tensor, int]:
        if len(joint) <= self.states:
            return torch.arange(len(joint)), 0
        return best_partition(joint, tau, gamma, self.states, self.restarts, self.generator)

    def _solution(self, setting: Setting, encoder: Tensor, bound: float, residual: float, iterations: int) -> Solution:
        """The solution with an encoder (K', X') of the lumped table and a lower bound of I(X;Z) + β H(Y|Z)."""
        rho, delta, _ = setting
        wide = encoder.new_zeros(len(self.table.x), self.states)
        wide[self.support, : len(encoder)] = encoder.T[self.lump]
        bound = delta * self.table.x_entropy + _tau(rho, delta) * bound
        return from_encoder(self.table, setting, wide, bound, self.tolerance, residual, iterations)
