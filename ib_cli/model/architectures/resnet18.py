"""The residual network with 18 layers (He et al. 2016)."""

from __future__ import annotations

from functools import partial
from typing import Literal

from torch import Tensor, nn

from ib_cli.contracts.noise import Tape
from ib_cli.model.architectures.images import image_shape
from ib_cli.model.blocks.layers import Chain
from ib_cli.model.noise.noise import Noise, Place
from ib_cli.model.noise.none import NO_NOISE
from ib_cli.system.torchvision_import import import_torchvision

STAGES = ("layer1", "layer2", "layer3", "layer4")


class Resnet18(nn.Module):
    """torchvision's ResNet18 for any number of channels, without its last layer: 512 features.

    `stem: imagenet` is the original first layer, a 7×7 convolution with stride 2 and max-pooling, which reduces a
    32×32 image to 8×8 pixels. `stem: cifar` is a 3×3 convolution with stride 1 and no pooling. Each of the four stages
    is a place for noise.

    Raises `ConfigError` for anything but images of at least 8×8 (cifar) or 32×32 pixels (imagenet).
    """

    def __init__(
        self, input_shape: tuple[int, ...], noise: Noise = NO_NOISE, *, stem: Literal["cifar", "imagenet"]
    ) -> None:
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
        inputs = network.conv1.out_channels
        for number, name in enumerate(STAGES, start=1):
            stage = getattr(network, name)
            outputs, stride = stage[-1].conv2.out_channels, stage[0].stride
            place = Place(number, len(STAGES), "relu", partial(nn.Conv2d, inputs, outputs, 3, stride, padding=1))
            (noisy,) = noise.after(place, stage)
            setattr(network, name, noisy)
            inputs = outputs
        self.network = network

    def forward(self, x: Tensor, tape: Tape) -> Tensor:
        """x (B, channels, height, width) → features (B, 512)."""
        network = self.network
        h = network.maxpool(network.relu(network.bn1(network.conv1(x))))
        h = Chain(*(getattr(network, name) for name in STAGES))(h, tape)
        return network.avgpool(h).flatten(1)
