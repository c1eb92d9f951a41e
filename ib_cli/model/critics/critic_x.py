"""Critics that tell the data from what the decoder makes."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Interval
from torch import nn

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.passes import Spec
from ib_cli.model.blocks.layers import Activation, Linear, perceptron
from ib_cli.model.critics.critic import Betas, Critic
from ib_cli.model.critics.divergences import Kind

Sees = Literal["both", "samples", "reconstructions"]


class CriticX(Critic):
    """T(x) of the data, P, and of the decoder's means, Q: its divergence is D_x (Variational Glasses, eq. 18).

    `sees`: the means at draws of m(z) (`samples`), at z of the data (`reconstructions`), or both (fn. 8).
    """

    def __init__(
        self,
        *,
        sees: Sees,
        divergence: Kind,
        penalty: Annotated[float, Ge(0)],
        turns: Annotated[int, Gt(0)],
        lr: Annotated[float, Gt(0)],
        betas: Betas,
        decay: Annotated[float, Interval(gt=0, le=1)],
    ) -> None:
        super().__init__(divergence=divergence, penalty=penalty, turns=turns, lr=lr, betas=betas, decay=decay)
        if divergence == "density_ratio":
            raise ConfigError(
                "critic_x.divergence=density_ratio: has no gradient for the decoder, whose samples are the second law: "
                "choose reverse_kl, kl, jensen_shannon or wasserstein"
            )
        self.sees_samples, self.sees_reconstructions = sees != "reconstructions", sees != "samples"


class Mlp(CriticX):
    """A perceptron of all values of x."""

    def __init__(
        self,
        size: int,
        spec: Spec,
        *,
        widths: list[Annotated[int, Gt(0)]],
        activation: Activation,
        sees: Sees,
        divergence: Kind,
        penalty: Annotated[float, Ge(0)],
        turns: Annotated[int, Gt(0)],
        lr: Annotated[float, Gt(0)],
        betas: Betas,
        decay: Annotated[float, Interval(gt=0, le=1)],
    ) -> None:
        super().__init__(
            sees=sees, divergence=divergence, penalty=penalty, turns=turns, lr=lr, betas=betas, decay=decay
        )
        values = 1
        for side in spec.input_shape:
            values *= side
        self.network: nn.Module = nn.Sequential(nn.Flatten(), *perceptron(values, 1, widths, activation, "torch"))


class Cnn(CriticX):
    """Strided 4 × 4 convolutions that halve the image's sides, and a linear map."""

    def __init__(
        self,
        size: int,
        spec: Spec,
        *,
        channels: list[Annotated[int, Gt(0)]],
        sees: Sees,
        divergence: Kind,
        penalty: Annotated[float, Ge(0)],
        turns: Annotated[int, Gt(0)],
        lr: Annotated[float, Gt(0)],
        betas: Betas,
        decay: Annotated[float, Interval(gt=0, le=1)],
    ) -> None:
        super().__init__(
            sees=sees, divergence=divergence, penalty=penalty, turns=turns, lr=lr, betas=betas, decay=decay
        )
        if len(spec.input_shape) != 3:
            raise ConfigError("critic_x=cnn needs images: choose critic_x=mlp for vectors")
        before, *side = spec.input_shape
        blocks: list[nn.Module] = []
        for count in channels:
            blocks += [nn.Conv2d(before, count, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
            before, side = count, [length // 2 for length in side]
        if min(side) < 1:
            raise ConfigError(f"critic_x.channels: {len(channels)} convolutions halve these images to nothing")
        self.network: nn.Module = nn.Sequential(*blocks, nn.Flatten(), Linear(before * side[0] * side[1], 1))
