"""A critic: a network that tells samples of two laws apart, and so estimates how far these are from each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Gt, Interval, Len
from torch import Tensor, nn
from torch.func import grad

from ib_cli.contracts.noise import Tape
from ib_cli.contracts.passes import Judged
from ib_cli.model.blocks.layers import full_precision
from ib_cli.model.critics.divergences import DIVERGENCES, Kind

Betas = Annotated[list[Annotated[float, Interval(ge=0, lt=1)]], Len(2, 2)]


@dataclass(frozen=True)
class Training:
    """How a critic is trained: by Adam, `turns` steps before each step of the model."""

    turns: int
    lr: float
    betas: tuple[float, float]
    decay: float  # factor of the learning rate from one epoch to the next


@dataclass(frozen=True)
class Verdict:
    """T at samples of P, and at those of each source of Q, (S, B) each."""

    of_p: Tensor
    of_q: Sequence[Tensor]


class Critic(nn.Module):
    """T: samples (n, *shape) → (n,), for samples of P and Q. A subclass makes `network`.

    It trains apart from the model and against it, as `training_plan` says. A divergence that needs a smooth T adds
    `penalty` E (‖∇T‖ − 1)² to the critic's loss, on lines between samples of P and Q (Gulrajani et al. 2017). The
    others add `smoothing` E_P ‖∇T‖², without which critic and generator circle around each other (Mescheder, Geiger and
    Nowozin 2018, eq. 9, whose γ/2 this is); T is then flatter than ln p/q.
    Q may have several sources, each of which counts alike: Q is their mixture.
    """

    network: nn.Module

    def __init__(
        self,
        *,
        divergence: Kind,
        penalty: Annotated[float, Ge(0)],
        smoothing: Annotated[float, Ge(0)],
        turns: Annotated[int, Gt(0)],
        lr: Annotated[float, Gt(0)],
        betas: Betas,
        decay: Annotated[float, Interval(gt=0, le=1)],
    ) -> None:
        super().__init__()
        self.divergence, self.penalty, self.smoothing = DIVERGENCES[divergence](), penalty, smoothing
        self.training_plan = Training(turns, lr, (betas[0], betas[1]), decay)

    def forward(self, of_p: Tensor, of_q: Sequence[Tensor]) -> Verdict:
        """T at samples (S, B, *shape) of P and (S', B, *shape) of each source of Q."""
        return Verdict(self._judge(of_p), [self._judge(source) for source in of_q])

    def judged(self, verdict: Verdict) -> Judged:
        """The divergence, and T at the samples of P."""
        estimates = [self.divergence.estimate(verdict.of_p, of_q) for of_q in verdict.of_q]
        return Judged(torch.stack(estimates).mean(0), verdict.of_p.mean(0))

    def loss(self, verdict: Verdict, of_p: Tensor, of_q: Sequence[Tensor], tape: Tape) -> Tensor:
        """What this critic minimises, (B,), from its verdict on these samples."""
        found = torch.stack([self.divergence.loss(verdict.of_p, of_q) for of_q in verdict.of_q]).mean(0)
        if self.divergence.penalised:
            found = found + self.penalty * torch.stack([self._bent(of_p[0], each[0], tape) for each in of_q]).mean(0)
        elif self.smoothing:
            found = found + self.smoothing * self._slope(of_p[0].detach())
        return found

    def _judge(self, samples: Tensor) -> Tensor:
        return self._score(samples.flatten(0, 1)).view(samples.shape[:2])

    def _score(self, samples: Tensor) -> Tensor:
        return full_precision(self.network(samples)).squeeze(-1)

    def _bent(self, of_p: Tensor, of_q: Tensor, tape: Tape) -> Tensor:
        """(‖∇T‖ − 1)² at a random place between each pair of samples, (B,)."""
        share = tape.uniform(len(of_p), *(1,) * (of_p.dim() - 1))
        between = share * of_p.detach() + (1 - share) * of_q.detach()
        # The root's gradient at 0 is not a number.
        return ((self._slope(between) + TINY).sqrt() - 1).square()

    def _slope(self, places: Tensor) -> Tensor:
        """‖∇T‖² at places (B, *shape), (B,), with a gradient for T; in evaluations too."""
        return grad(lambda x: self._score(x).sum())(places).flatten(1).square().sum(1)


TINY = 1e-12  # added to a squared slope
