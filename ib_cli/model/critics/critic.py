"""A critic: a network that tells samples of two laws apart, and so estimates how far these are from each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Gt, Interval, Len
from torch import Tensor, nn

from ib_cli.contracts.noise import Tape
from ib_cli.contracts.passes import Judged
from ib_cli.model.critics.divergences import DIVERGENCES, Kind

Betas = Annotated[list[Annotated[float, Interval(ge=0, lt=1)]], Len(2, 2)]


@dataclass(frozen=True)
class Training:
    """How a critic is trained: by Adam, `turns` steps before each step of the model."""

    turns: int
    lr: float
    betas: tuple[float, float]
    decay: float  # factor of the learning rate from one epoch to the next


class Critic(nn.Module):
    """T: samples (n, *shape) → (n,), for samples of P and Q. A subclass makes `network`.

    It trains apart from the model and against it, as `training_plan` says. A divergence that needs a smooth T adds
    `penalty` E (‖∇T‖ − 1)² to the critic's loss, on lines between samples of P and Q (Gulrajani et al. 2017).
    """

    network: nn.Module

    def __init__(
        self,
        *,
        divergence: Kind,
        penalty: Annotated[float, Ge(0)],
        turns: Annotated[int, Gt(0)],
        lr: Annotated[float, Gt(0)],
        betas: Betas,
        decay: Annotated[float, Interval(gt=0, le=1)],
    ) -> None:
        super().__init__()
        self.divergence, self.penalty = DIVERGENCES[divergence](), penalty
        self.training_plan = Training(turns, lr, (betas[0], betas[1]), decay)

    def forward(self, of_p: Tensor, of_q: Tensor, tape: Tape) -> Judged:
        """Samples (S, B, *shape) of P and (S', B, *shape) of Q → their divergence and the critic's loss."""
        p, q = self._judge(of_p), self._judge(of_q)
        loss = self.divergence.loss(p, q)
        if self.divergence.penalised:
            loss = loss + self.penalty * self._roughness(of_p[0], of_q[0], tape)
        return Judged(self.divergence.estimate(p, q), loss)

    def _judge(self, samples: Tensor) -> Tensor:
        return self.network(samples.flatten(0, 1)).view(samples.shape[:2])

    def _roughness(self, of_p: Tensor, of_q: Tensor, tape: Tape) -> Tensor:
        """(‖∇T‖ − 1)² at a random place between each pair of samples, (B,)."""
        share = tape.uniform(len(of_p), *(1,) * (of_p.dim() - 1))
        with torch.enable_grad():  # in evaluations too
            between = (share * of_p.detach() + (1 - share) * of_q.detach()).requires_grad_()
            (slope,) = torch.autograd.grad(self.network(between).sum(), between, create_graph=True)
        return (slope.flatten(1).norm(dim=1) - 1).square()
