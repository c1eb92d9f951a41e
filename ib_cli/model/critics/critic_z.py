"""A perceptron that tells q(z), the law of z over the data, from m(z)."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Gt, Interval
from torch import nn

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.passes import Spec
from ib_cli.model.blocks.layers import Activation, perceptron
from ib_cli.model.critics.critic import Betas, Critic
from ib_cli.model.critics.divergences import Kind


class CriticZ(Critic):
    """T(z) of q(z), here P, and m(z), here Q: its divergence is B = KL(q(z)‖m(z)) (Variational Glasses, eq. 12)."""

    def __init__(
        self,
        size: int,
        spec: Spec,
        *,
        widths: list[Annotated[int, Gt(0)]],
        activation: Activation,
        divergence: Kind,
        penalty: Annotated[float, Ge(0)],
        smoothing: Annotated[float, Ge(0)],
        turns: Annotated[int, Gt(0)],
        lr: Annotated[float, Gt(0)],
        betas: Betas,
        decay: Annotated[float, Interval(gt=0, le=1)],
    ) -> None:
        super().__init__(
            divergence=divergence, penalty=penalty, smoothing=smoothing, turns=turns, lr=lr, betas=betas, decay=decay
        )
        if not self.divergence.reaches_p:
            raise ConfigError(
                f"critic_z.divergence={divergence}: has no gradient for the encoder, whose z is the first law: choose "
                "density_ratio, kl, jensen_shannon, hellinger, pearson or wasserstein"
            )
        self.network: nn.Module = perceptron(size, 1, widths, activation, "torch")
