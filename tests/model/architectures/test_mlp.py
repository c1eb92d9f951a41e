"""The perceptron, alone and many together."""

import copy

import torch
from torch.func import functional_call, stack_module_state, vmap

from ib_cli.contracts.noise import Planner, Tape, draw
from ib_cli.model.architectures.mlp import Mlp

OPTIONS = {"widths": [6, 4], "activation": "relu", "batch_norm": True, "dropout": 0.3, "monte_carlo": False,
    "initialisation": "torch",
}  # fmt: skip


def test_no_widths_pass_x_on():
    model = Mlp((2, 3, 4), **OPTIONS | {"widths": []})
    x = torch.rand(5, 2, 3, 4)
    assert model.features == 24 and list(model.parameters()) == []
    torch.testing.assert_close(model(x, Tape(())), x.flatten(1))


def test_parameters_of_the_alemi_encoder():
    model = Mlp((1, 28, 28), **OPTIONS | {"widths": [1024, 1024], "batch_norm": False})
    assert sum(p.numel() for p in model.parameters()) == 784 * 1024 + 1024 + 1024 * 1024 + 1024


def test_many_trained_together_equal_each_alone():
    torch.manual_seed(0)
    models = [Mlp((5,), **OPTIONS) for _ in range(3)]
    x, planner = torch.rand(7, 5), Planner("cpu")
    copy.deepcopy(models[0])(x, planner)
    numbers = [draw(planner.requests, torch.Generator().manual_seed(seed)) for seed in range(3)]
    parameters, buffers = stack_module_state(models)

    def features(parameters, buffers, *numbers):
        return functional_call(skeleton, (parameters, buffers), (x, Tape(numbers)))

    skeleton = copy.deepcopy(models[0])
    together = vmap(features)(parameters, buffers, *map(torch.stack, zip(*numbers)))
    alone = torch.stack([model(x, Tape(mine)) for model, mine in zip(models, numbers)])
    torch.testing.assert_close(together, alone)
    for name, buffer in buffers.items():  # the running statistics moved in place
        torch.testing.assert_close(buffer, torch.stack([model.get_buffer(name) for model in models]))
    gradients = torch.autograd.grad(together.square().sum(), list(parameters.values()))
    alone.square().sum().backward()
    for name, gradient in zip(parameters, gradients):
        torch.testing.assert_close(gradient, torch.stack([model.get_parameter(name).grad for model in models]))
