"""Optimisers, as functions of parameters and their config. All are torch's own fused implementations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from annotated_types import Ge, Gt, Interval, Len
from torch import Tensor
from torch.optim import Optimizer

from ib_cli.system.eager_optimisers import SGD, Adam, AdamW

Fraction = Annotated[float, Interval(ge=0, lt=1)]
Betas = Annotated[list[Fraction], Len(2, 2)]


def adam(
    parameters: Iterable[Tensor],
    *,
    lr: Annotated[float, Gt(0)],
    betas: Betas,
    eps: Annotated[float, Gt(0)],
    weight_decay: Annotated[float, Ge(0)],
) -> Optimizer:
    """Adam (Kingma and Ba 2015); weight_decay is an L2 penalty's gradient added before the moments."""
    return Adam(parameters, lr=lr, betas=(betas[0], betas[1]), eps=eps, weight_decay=weight_decay, fused=True)


def adamw(
    parameters: Iterable[Tensor],
    *,
    lr: Annotated[float, Gt(0)],
    betas: Betas,
    eps: Annotated[float, Gt(0)],
    weight_decay: Annotated[float, Ge(0)],
) -> Optimizer:
    """AdamW (Loshchilov and Hutter 2019): weight decay apart from the moments."""
    return AdamW(parameters, lr=lr, betas=(betas[0], betas[1]), eps=eps, weight_decay=weight_decay, fused=True)


def sgd(
    parameters: Iterable[Tensor],
    *,
    lr: Annotated[float, Gt(0)],
    momentum: Fraction,
    nesterov: bool,
    weight_decay: Annotated[float, Ge(0)],
) -> Optimizer:
    """Stochastic gradient descent with momentum; Nesterov's form needs momentum > 0."""
    return SGD(
        parameters, lr=lr, momentum=momentum, nesterov=nesterov and momentum > 0, weight_decay=weight_decay, fused=True
    )
