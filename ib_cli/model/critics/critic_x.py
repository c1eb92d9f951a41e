"""Critics that tell the data from what the decoder makes."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Interval, MinLen
from torch import Tensor, nn

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.labels import counted
from ib_cli.contracts.passes import Spec
from ib_cli.model.blocks.layers import Activation, Linear, full_precision, perceptron
from ib_cli.model.critics.critic import Betas, Critic
from ib_cli.model.critics.divergences import Kind

Sees = Literal["both", "samples", "reconstructions"]


class CriticX(Critic):
    """T(x) of the data, P, and of the decoder's means, Q: its divergence is D_x (Variational Glasses, eq. 18).

    `sees`: the means at draws of m(z) (`samples`), at z of the data (`reconstructions`), or both (fn. 8). `layer`: the
    hidden layer, from 1, in which D_features compares x with its reconstruction.
    """

    network: nn.Sequential

    def __init__(
        self,
        *,
        sees: Sees,
        layer: Annotated[int, Gt(0)],
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
        if not self.divergence.reaches_q:
            raise ConfigError(
                f"critic_x.divergence={divergence}: has no gradient for the decoder, whose samples are the second law: "
                "choose reverse_kl, kl, jensen_shannon, hellinger, pearson, non_saturating or wasserstein"
            )
        self.sees_samples, self.sees_reconstructions = sees != "reconstructions", sees != "samples"
        self.layer = layer

    @property
    @abstractmethod
    def layers(self) -> list[int]:
        """Modules of `network` up to and with each hidden layer, from the input."""

    def check_layer(self) -> None:
        """Raises ConfigError where there is no hidden layer `layer`. A subclass calls it when its network is made."""
        if self.layer > len(self.layers):
            has = counted(len(self.layers), "hidden layer")
            raise ConfigError(f"critic_x.layer={self.layer}: this critic has {has}")

    def distance(self, x: Tensor, made: Tensor) -> Tensor:
        """½ ‖f(x) − f(made)‖², (B,), f the hidden layer `layer`; x (B, *input_shape), made (S, B, *input_shape)."""
        f = self.network[: self.layers[self.layer - 1]]
        of_x, of_made = full_precision(f(x)).flatten(1), full_precision(f(made.flatten(0, 1))).flatten(1)
        return (of_x - of_made.view(len(made), *of_x.shape)).square().sum(-1).mean(0) / 2


class Mlp(CriticX):
    """A perceptron of all values of x."""

    def __init__(
        self,
        size: int,
        spec: Spec,
        *,
        widths: Annotated[list[Annotated[int, Gt(0)]], MinLen(1)],
        activation: Activation,
        sees: Sees,
        layer: Annotated[int, Gt(0)],
        divergence: Kind,
        penalty: Annotated[float, Ge(0)],
        smoothing: Annotated[float, Ge(0)],
        turns: Annotated[int, Gt(0)],
        lr: Annotated[float, Gt(0)],
        betas: Betas,
        decay: Annotated[float, Interval(gt=0, le=1)],
    ) -> None:
        super().__init__(
            sees=sees, layer=layer, divergence=divergence, penalty=penalty, smoothing=smoothing, turns=turns, lr=lr,
            betas=betas, decay=decay,
        )  # fmt: skip
        values = 1
        for side in spec.input_shape:
            values *= side
        self.network = nn.Sequential(nn.Flatten(), *perceptron(values, 1, widths, activation, "torch"))
        self.check_layer()

    @property
    def layers(self) -> list[int]:
        """After each activation: nn.Flatten comes first, then pairs of a linear map and an activation."""
        return list(range(3, len(self.network), 2))


class Cnn(CriticX):
    """Strided 4 × 4 convolutions that halve the image's sides, and a linear map."""

    def __init__(
        self,
        size: int,
        spec: Spec,
        *,
        channels: Annotated[list[Annotated[int, Gt(0)]], MinLen(1)],
        sees: Sees,
        layer: Annotated[int, Gt(0)],
        divergence: Kind,
        penalty: Annotated[float, Ge(0)],
        smoothing: Annotated[float, Ge(0)],
        turns: Annotated[int, Gt(0)],
        lr: Annotated[float, Gt(0)],
        betas: Betas,
        decay: Annotated[float, Interval(gt=0, le=1)],
    ) -> None:
        super().__init__(
            sees=sees, layer=layer, divergence=divergence, penalty=penalty, smoothing=smoothing, turns=turns, lr=lr,
            betas=betas, decay=decay,
        )  # fmt: skip
        if len(spec.input_shape) != 3:
            raise ConfigError("critic_x=cnn needs images: choose critic_x=mlp for vectors")
        before, *side = spec.input_shape
        blocks: list[nn.Module] = []
        for count in channels:
            blocks += [nn.Conv2d(before, count, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
            before, side = count, [length // 2 for length in side]
        if min(side) < 1:
            raise ConfigError(f"critic_x.channels: {len(channels)} convolutions halve these images to nothing")
        self.network = nn.Sequential(*blocks, nn.Flatten(), Linear(before * side[0] * side[1], 1))
        self.check_layer()

    @property
    def layers(self) -> list[int]:
        """After each activation: pairs of a convolution and an activation, then nn.Flatten and a linear map."""
        return list(range(2, len(self.network) - 1, 2))
