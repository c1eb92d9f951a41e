"""A convolutional decoder for images."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from annotated_types import Gt, Len
from torch import Tensor, nn
from torch.distributions import Distribution

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.passes import Spec
from ib_cli.model.blocks.layers import ACTIVATIONS, Linear
from ib_cli.model.blocks.likelihoods import Kind, Likelihood

LAYERS = 4  # transposed convolutions
SMALLEST = 4  # least side of the grid below the transposed convolutions, in pixels


class Deconv(nn.Module):
    """A linear layer to a small grid, then four transposed convolutions up to the parameters of d(x|z).

    Gao and Chaudhari (2020, App. A) decode CIFAR-10 with such a network, batch norm and ReLU, but leave sizes open.
    Here the grid is the image halved up to four times, while its sides are even and at least 4×4 pixels remain: 4×4 for
    32×32 images, 7×7 for 28×28. For each halving one transposed convolution doubles the grid (4×4, stride 2); the rest
    keep its size (3×3).

    Raises `ConfigError` unless x is an image with an even height and width of at least 8, or if the likelihood does
    not suit the data.
    """

    def __init__(
        self,
        size: int,
        spec: Spec,
        *,
        channels: Annotated[list[Annotated[int, Gt(0)]], Len(4, 4)],
        activation: Literal["relu", "softplus", "elu", "gelu", "leaky_relu"],
        likelihood: Kind,
        scale: Annotated[float, Gt(0)],
    ) -> None:
        super().__init__()
        self.likelihood = Likelihood(likelihood, scale, spec)
        doublings = _doublings(spec.input_shape)
        grid = (channels[0], *(side // 2**doublings for side in spec.input_shape[1:]))
        # Only the last convolution has a bias: batch norm would remove it from the others.
        layers = [Linear(size, math.prod(grid)), nn.Unflatten(1, grid)]
        for layer, (inputs, outputs) in enumerate(zip(channels, [*channels[1:], self.likelihood.shape[0]])):
            layers += [nn.BatchNorm2d(inputs), ACTIVATIONS[activation]()]
            kernel, stride = (4, 2) if layer < doublings else (3, 1)
            last = layer == LAYERS - 1
            layers.append(nn.ConvTranspose2d(inputs, outputs, kernel, stride, padding=1, bias=last))
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Distribution:
        """z (S, B, K) → d(x|z): batch (S, B), event input_shape."""
        return self.likelihood(self.layers(z.flatten(0, 1)).unflatten(0, z.shape[:2]))


def _doublings(input_shape: tuple[int, ...]) -> int:
    """How many of the transposed convolutions double the grid."""
    for times in range(LAYERS, 0, -1):
        sides = input_shape[1:]
        if len(sides) == 2 and all(side % 2**times == 0 and side >= SMALLEST * 2**times for side in sides):
            return times
    raise ConfigError(
        "decoder=deconv makes images with an even height and width of at least 8, but the data set "
        f"has shape {input_shape}: choose decoder=mlp"
    )
