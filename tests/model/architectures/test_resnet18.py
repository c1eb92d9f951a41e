"""ResNet18 against the published network."""

import pytest
import torch

from ib_cli.contracts.noise import Tape
from ib_cli.model.architectures.resnet18 import Resnet18


@pytest.mark.parametrize(
    "channels, stem, expected",
    [
        (3, "cifar", 11_173_962),
        (1, "cifar", 11_173_962 - 2 * 9 * 64),
        (3, "imagenet", 11_689_512 - 512 * 990 - 990),  # torchvision states the first for 1000 classes
    ],
)
def test_parameters_with_a_linear_classifier_of_ten_classes(channels, stem, expected):
    model = Resnet18((channels, 32, 32), stem=stem)
    assert sum(p.numel() for p in model.parameters()) + 512 * 10 + 10 == expected


def test_cifar_stem_keeps_the_resolution():
    model = Resnet18((3, 32, 32), stem="cifar").eval()
    sizes = []
    model.network.layer1.register_forward_hook(lambda _, inputs, output: sizes.append(tuple(inputs[0].shape[2:])))
    model.network.layer4.register_forward_hook(lambda _, inputs, output: sizes.append(tuple(output.shape[2:])))
    model(torch.rand(1, 3, 32, 32), Tape(()))
    assert sizes == [(32, 32), (4, 4)]
