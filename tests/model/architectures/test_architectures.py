"""What holds for every architecture."""

import pytest
import torch
from torch import nn

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.noise import Planner, Tape, draw
from ib_cli.model.architectures.all_cnn import AllCnn
from ib_cli.model.architectures.cnn import Cnn
from ib_cli.model.architectures.mlp import Mlp
from ib_cli.model.architectures.resnet18 import Resnet18

MLP = {"widths": [12, 8], "activation": "softplus", "batch_norm": True, "dropout": 0.1, "monte_carlo": False,
    "initialisation": "torch",
}  # fmt: skip
CNN = {"channels": [3, 4], "hidden": 8, "dropout_conv": 0.1, "dropout_dense": 0.1, "monte_carlo": False}
ALL_CNN = {"variant": 32, "width": 0.05, "activation": "softplus", "dropout": 0.1, "input_dropout": 0.1,
    "monte_carlo": False,
}  # fmt: skip
CASES = {
    "mlp": (Mlp, MLP, (1, 4, 4)),
    "mlp on vectors": (Mlp, MLP | {"initialisation": "xavier"}, (6,)),
    "cnn": (Cnn, CNN, (2, 9, 7)),
    "all_cnn 32": (AllCnn, ALL_CNN, (3, 8, 12)),
    "all_cnn 96": (AllCnn, ALL_CNN | {"variant": 96, "activation": "relu"}, (1, 32, 32)),
    "resnet18": (Resnet18, {"stem": "cifar"}, (2, 16, 16)),
    "resnet18 imagenet": (Resnet18, {"stem": "imagenet"}, (1, 40, 32)),
}


@pytest.fixture(params=CASES)
def case(request):
    architecture, options, shape = CASES[request.param]
    torch.manual_seed(0)
    return architecture(shape, **options), torch.rand(8, *shape)


def numbers_for(model: nn.Module, x: torch.Tensor, seed: int = 0) -> tuple[torch.Tensor, ...]:
    planner = Planner("cpu")
    model(x, planner)
    return draw(planner.requests, torch.Generator().manual_seed(seed))


def test_features_have_the_promised_shape(case):
    model, x = case
    assert model(x, Tape(numbers_for(model, x))).shape == (8, model.features)


def test_gradients_reach_every_parameter(case):
    model, x = case
    features = model(x, Tape(numbers_for(model, x)))
    (features * torch.randn_like(features)).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


def test_randomness_comes_from_the_tape_alone_and_none_is_left_over(case):
    model, x = case
    numbers = numbers_for(model, x)
    first = Tape(numbers)
    torch.testing.assert_close(model(x, first), model(x, Tape(numbers)), rtol=0, atol=0)
    with pytest.raises(RuntimeError, match="none are left"):
        first.uniform(1)


def test_evaluation_asks_for_no_randomness(case):
    model, x = case
    model.eval()
    assert model(x, Tape(())).isfinite().all()


@pytest.mark.parametrize(
    "architecture, options, name, least",
    [
        (Cnn, CNN, "cnn", 6),
        (AllCnn, ALL_CNN, "all_cnn", 4),
        (AllCnn, ALL_CNN | {"variant": 96}, "all_cnn", 16),
        (Resnet18, {"stem": "cifar"}, "resnet18", 8),
        (Resnet18, {"stem": "imagenet"}, "resnet18", 32),
    ],
)
def test_shapes_that_do_not_fit_are_one_clear_line(architecture, options, name, least):
    with pytest.raises(ConfigError) as vector:
        architecture((5,), **options)
    assert str(vector.value) == (
        f"architecture={name} takes images (channels, height, width), but the data set has "
        "shape (5,): choose architecture=mlp"
    )
    with pytest.raises(ConfigError, match=f"architecture={name} takes images of at least {least}×{least} pixels"):
        architecture((1, 64, least - 1), **options)
    model = architecture((1, least, least), **options).eval()
    assert model(torch.rand(2, 1, least, least), Tape(())).isfinite().all()
