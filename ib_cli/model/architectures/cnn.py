"""The small convolutional network with dropout of the MNIST example that comes with PyTorch."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from annotated_types import Gt, Len
from torch import Tensor, nn

from ib_cli.contracts.noise import Tape
from ib_cli.model.architectures.images import image_shape
from ib_cli.model.blocks.layers import Chain, Dropout, DropoutRate, Linear
from ib_cli.model.noise.noise import Noise, Place
from ib_cli.model.noise.none import NO_NOISE


class Cnn(nn.Module):
    """Two 3×3 convolutions without padding, 2×2 max-pooling and a fully connected layer, all with ReLU.

    The features are the fully connected layer's output after dropout. With the defaults this is the network below the
    latent of Kirsch et al. (2020, §7.2). Its two places for noise are those of its dropout. Noise after the pooling is
    computed by a 4×4 convolution with stride 2, which sees what a pooled pixel depends on.

    Raises `ConfigError` for anything but images of at least 6×6 pixels.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        noise: Noise = NO_NOISE,
        *,
        channels: Annotated[list[Annotated[int, Gt(0)]], Len(2, 2)],
        hidden: Annotated[int, Gt(0)],
        dropout_conv: DropoutRate,
        dropout_dense: DropoutRate,
        monte_carlo: bool,
    ) -> None:
        super().__init__()
        inputs, height, width = image_shape("cnn", input_shape, smallest=6)
        first, second = channels
        pooled = ((height - 4) // 2) * ((width - 4) // 2)
        self.features = hidden
        pooling = Place(1, 2, "relu", partial(nn.Conv2d, first, second, 4, 2))
        dense = Place(2, 2, "relu", partial(Linear, second * pooled, hidden))
        self.layers = Chain(
            nn.Conv2d(inputs, first, 3),
            nn.ReLU(),
            *noise.after(pooling, nn.Conv2d(first, second, 3), nn.ReLU(), nn.MaxPool2d(2)),
            Dropout(dropout_conv, monte_carlo=monte_carlo),
            nn.Flatten(),
            *noise.after(dense, Linear(second * pooled, hidden), nn.ReLU()),
            Dropout(dropout_dense, monte_carlo=monte_carlo),
        )

    def forward(self, x: Tensor, tape: Tape) -> Tensor:
        """x (B, channels, height, width) → features (B, hidden)."""
        return self.layers(x, tape)
