"""All-CNN against Table 2 of Achille and Soatto (2018)."""

import pytest
import torch
from torch import nn

from ib_cli.contracts.noise import Planner, Tape
from ib_cli.model.architectures.all_cnn import AllCnn
from ib_cli.model.blocks.layers import Dropout

OPTIONS = {"variant": 32, "width": 1.0, "activation": "relu", "dropout": 0.5, "input_dropout": 0.2,
    "monte_carlo": False,
}  # fmt: skip
TABLE_32 = [
    (3, 96, 3, 1),
    (96, 96, 3, 1),
    (96, 96, 3, 2),
    (96, 192, 3, 1),
    (192, 192, 3, 1),
    (192, 192, 3, 2),
    (192, 192, 3, 1),
    (192, 192, 1, 1),
]  # inputs, outputs, size, stride
TABLE_96 = [
    (1, 32, 3, 1),
    (32, 32, 3, 1),
    (32, 32, 3, 2),
    (32, 64, 3, 1),
    (64, 64, 3, 1),
    (64, 64, 3, 2),
    (64, 96, 3, 1),
    (96, 96, 3, 1),
    (96, 96, 3, 2),
    (96, 192, 3, 1),
    (192, 192, 3, 1),
    (192, 192, 3, 2),
    (192, 192, 3, 1),
    (192, 192, 1, 1),
]


@pytest.mark.parametrize("variant, shape, table", [(32, (3, 32, 32), TABLE_32), (96, (1, 96, 96), TABLE_96)])
def test_layers_are_those_of_the_table(variant, shape, table):
    model = AllCnn(shape, **OPTIONS | {"variant": variant})
    found = [
        (m.in_channels, m.out_channels, m.kernel_size[0], m.stride[0])
        for m in model.modules()
        if isinstance(m, nn.Conv2d)
    ]
    assert found == table
    weights = sum(inputs * outputs * size**2 + 2 * outputs for inputs, outputs, size, _ in table)
    assert sum(p.numel() for p in model.parameters()) == weights


def test_all_cnn_32_with_its_classifier_has_1_37_million_parameters():
    model = AllCnn((3, 32, 32), **OPTIONS)
    assert model.features == 192
    assert sum(p.numel() for p in model.parameters()) + 192 * 10 + 10 == 1_370_986


def test_dropout_sits_on_the_input_and_after_each_strided_convolution():
    planner = Planner("cpu")
    AllCnn((3, 32, 32), **OPTIONS)(torch.rand(2, 3, 32, 32), planner)
    assert [r.shape for r in planner.requests] == [(2, 3, 32, 32), (2, 96, 16, 16), (2, 192, 8, 8)]
    planner = Planner("cpu")
    AllCnn((3, 32, 32), **OPTIONS | {"dropout": 0.0, "input_dropout": 0.0})(torch.rand(2, 3, 32, 32), planner)
    assert planner.requests == []


def test_width_scales_the_filters_and_leaves_at_least_one():
    assert AllCnn((3, 32, 32), **OPTIONS | {"width": 0.25}).features == 48
    narrow = AllCnn((3, 32, 32), **OPTIONS | {"width": 1e-3})
    assert {m.out_channels for m in narrow.modules() if isinstance(m, nn.Conv2d)} == {1}


def test_a_linear_classifier_on_the_average_is_a_convolution_before_it():
    torch.manual_seed(0)
    model = AllCnn((3, 8, 8), **OPTIONS | {"width": 0.1}).eval().double()
    classifier = nn.Linear(model.features, 10).double()
    x = torch.rand(4, 3, 8, 8, dtype=torch.float64)
    maps = model.layers(x, Tape(()))
    table = nn.functional.conv2d(maps, classifier.weight[..., None, None], classifier.bias).mean((2, 3))
    torch.testing.assert_close(classifier(model(x, Tape(()))), table)


def test_noise_is_replaceable_with_the_convolution_that_feeds_it():
    blocks = [m for m in AllCnn((3, 32, 32), **OPTIONS).layers if len(list(m.children())) == 2]
    assert [type(block[1]) for block in blocks] == [Dropout, Dropout]
