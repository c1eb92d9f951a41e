"""The all-convolutional networks of Information Dropout (Achille and Soatto 2018, Table 2)."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from annotated_types import Gt
from torch import Tensor, nn

from ib_cli.contracts.noise import Tape
from ib_cli.model.architectures.images import image_shape
from ib_cli.model.blocks.layers import ACTIVATIONS, Chain, Dropout, DropoutRate
from ib_cli.model.noise.noise import Noise, Place
from ib_cli.model.noise.none import NO_NOISE

STAGES = {32: (96, 192), 96: (32, 64, 96, 192)}  # filters of each stage; a stage halves height and width
LAST = 192  # filters of the two layers below the classifier


class AllCnn(nn.Module):
    """Stages of three 3×3 convolutions, the third with stride 2 and dropout, then a 3×3 and a 1×1 convolution.

    Every convolution is followed by batch norm and the activation. The table ends with a 1×1 convolution to the
    classes and a spatial average. The two commute, so the features are the spatial average of the layer below, and a
    linear classifier on top is the table's last layer, except for the table's batch norm and ReLU on the logits.

    The paper leaves the padding open; here it keeps the size. `variant` names the table; images may have another
    size. `width` scales the number of filters. Every convolution with stride 2 is a place for noise, as in the table.

    Raises `ConfigError` for anything but images of at least 4×4 (variant 32) or 16×16 pixels (variant 96).
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        noise: Noise = NO_NOISE,
        *,
        variant: Literal[32, 96],
        width: Annotated[float, Gt(0)],
        activation: Literal["relu", "softplus"],
        dropout: DropoutRate,
        input_dropout: DropoutRate,
        monte_carlo: bool,
    ) -> None:
        super().__init__()
        stages = STAGES[variant]
        channels, *_ = image_shape("all_cnn", input_shape, smallest=2 ** len(stages))
        layers: list[nn.Module] = [Dropout(input_dropout, monte_carlo=monte_carlo)]
        for number, stage in enumerate(stages, start=1):
            filters = _scaled(stage, width)
            place = Place(number, len(stages), activation, partial(nn.Conv2d, filters, filters, 3, 2, padding=1))
            reduction = noise.after(place, _convolution(filters, filters, activation, stride=2))
            layers += [
                _convolution(channels, filters, activation),
                _convolution(filters, filters, activation),
                Chain(*reduction, Dropout(dropout, monte_carlo=monte_carlo)),
            ]
            channels = filters
        self.features = _scaled(LAST, width)
        layers += [
            _convolution(channels, self.features, activation),
            _convolution(self.features, self.features, activation, size=1),
        ]
        self.layers = Chain(*layers)

    def forward(self, x: Tensor, tape: Tape) -> Tensor:
        """x (B, channels, height, width) → features (B, features)."""
        return self.layers(x, tape).mean((2, 3))


def _scaled(filters: int, width: float) -> int:
    return max(1, round(filters * width))


def _convolution(inputs: int, outputs: int, activation: str, size: int = 3, stride: int = 1) -> Chain:
    # Batch norm subtracts the mean, so a bias before it would have no effect.
    convolution = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)
    return Chain(convolution, nn.BatchNorm2d(outputs), ACTIVATIONS[activation]())
