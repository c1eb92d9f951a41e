"""The MNIST example's network, and dropout as it uses it."""

import torch

from ib_cli.contracts.noise import Planner, Tape, draw
from ib_cli.model.architectures.cnn import Cnn

DEFAULTS = {"channels": [32, 64], "hidden": 128, "dropout_conv": 0.25, "dropout_dense": 0.5, "monte_carlo": False}


def test_parameters_and_noise_of_the_example():
    model, planner = Cnn((1, 28, 28), **DEFAULTS), Planner("cpu")
    assert sum(p.numel() for p in model.parameters()) + 128 * 10 + 10 == 1_199_882
    assert model(torch.rand(2, 1, 28, 28), planner).shape == (2, 128)
    assert [r.shape for r in planner.requests] == [(2, 64, 12, 12), (2, 128)]


def test_dropout_keeps_the_mean_and_is_off_in_evaluation():
    torch.manual_seed(0)
    model = Cnn((1, 8, 8), **DEFAULTS | {"channels": [2, 3], "hidden": 6, "dropout_conv": 0.0})
    x = torch.rand(1, 1, 8, 8)
    off = model.eval()(x, Tape(()))
    many, planner = x.expand(20_000, -1, -1, -1), Planner("cpu")
    model.train()(many, planner)
    on = model(many, Tape(draw(planner.requests, torch.Generator().manual_seed(0))))
    assert off.any()
    torch.testing.assert_close(on.mean(0, keepdim=True), off, rtol=0.04, atol=0)
    zeros = (on == 0)[:, off[0] > 0].float().mean()
    torch.testing.assert_close(zeros, torch.tensor(0.5), rtol=0, atol=0.01)
