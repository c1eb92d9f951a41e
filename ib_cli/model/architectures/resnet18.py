"""The residual network with 18 layers (He et al. 2016)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from ib_cli.contracts.noise import Tape
from ib_cli.model.architectures.images import image_shape
from ib_cli.system.torchvision_import import import_torchvision


class Resnet18(nn.Module):
    """torchvision's ResNet18 for any number of channels, without its last layer: 512 features.

    `stem: imagenet` is the original first layer, a 7×7 convolution with stride 2 and max-pooling, which reduces a
    32×32 image to 8×8 pixels. `stem: cifar` is a 3×3 convolution with stride 1 and no pooling.

    Raises `ConfigError` for anything but images of at least 8×8 (cifar) or 32×32 pixels (imagenet).
    """

    def __init__(self, input_shape: tuple[int, ...], *, stem: Literal["cifar", "imagenet"]) -> None:
        super().__init__()
        channels, *_ = image_shape("resnet18", input_shape, smallest=8 if stem == "cifar" else 32)
        network = import_torchvision().models.resnet18(weights=None)
        self.features = network.fc.in_features
        network.fc = nn.Identity()
        size, stride, padding = (3, 1, 1) if stem == "cifar" else (7, 2, 3)
        network.conv1 = nn.Conv2d(channels, network.conv1.out_channels, size, stride, padding, bias=False)
        nn.init.kaiming_normal_(network.conv1.weight, mode="fan_out", nonlinearity="relu")  # as torchvision does
        if stem == "cifar":
            network.maxpool = nn.Identity()
        self.network = network

    def forward(self, x: Tensor, tape: Tape) -> Tensor:
        """x (B, channels, height, width) → features (B, 512)."""
        return self.network(x)
