"""What holds for every decoder, and the sizes of the convolutional one."""

import math

import pytest
import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.passes import Spec
from ib_cli.model.decoders.deconv import Deconv
from ib_cli.model.decoders.mlp import Mlp

MLP = {"widths": [6], "activation": "relu", "batch_norm": True, "scale": 0.5}
DECONV = {"channels": [5, 4, 3, 2], "activation": "softplus", "scale": 0.5}
DECODERS = [(Mlp, MLP), (Deconv, DECONV)]
KINDS = ["bernoulli", "gaussian", "laplace", "categorical"]


def images(*shape: int) -> Spec:
    return Spec(input_shape=shape, classes=10, train_size=100, interval=(0.0, 1.0), levels=4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("decoder, options", DECODERS)
def test_density_has_the_promised_shape_and_trains_every_parameter(decoder, options, kind):
    torch.manual_seed(0)
    spec = images(3, 8, 12)
    model = decoder(7, spec, likelihood=kind, **options)
    density = model(torch.randn(2, 5, 7))
    assert (density.batch_shape, density.event_shape) == ((2, 5), spec.input_shape)
    assert density.mean.shape == (2, 5, 3, 8, 12)
    log_prob = density.log_prob(torch.rand(5, 3, 8, 12))
    assert log_prob.shape == (2, 5)
    log_prob.sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


@pytest.mark.parametrize("decoder, options", DECODERS)
def test_each_z_is_decoded_in_its_own_place(decoder, options):
    torch.manual_seed(0)
    model = decoder(7, images(1, 8, 8), likelihood="categorical", **options).eval()
    z = torch.randn(2, 3, 7)
    means = model(z).mean
    for s in range(2):
        for b in range(3):
            torch.testing.assert_close(means[s, b], model(z[s, b].expand(1, 1, 7)).mean[0, 0])


@pytest.mark.parametrize(
    "shape, doublings", [((3, 32, 32), 3), ((1, 28, 28), 2), ((1, 8, 8), 1), ((3, 96, 96), 4), ((1, 8, 30), 1)]
)
def test_deconv_meets_the_image_exactly(shape, doublings):
    model = Deconv(3, images(*shape), likelihood="gaussian", **DECONV)
    assert model(torch.randn(1, 2, 3)).event_shape == shape
    convolutions = [m for m in model.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert [m.stride[0] for m in convolutions] == [2] * doublings + [1] * (4 - doublings)


@pytest.mark.parametrize("shape", [(5,), (1, 7, 8), (1, 6, 8), (1, 9, 9)])
def test_deconv_refuses_other_shapes(shape):
    with pytest.raises(ConfigError, match=r"decoder=deconv makes images .* choose decoder=mlp$"):
        Deconv(3, images(*shape), likelihood="gaussian", **DECONV)


def test_mlp_decodes_vectors_and_may_be_linear():
    spec = Spec(input_shape=(6,), classes=2, train_size=10, interval=None, levels=None)
    model = Mlp(3, spec, likelihood="laplace", **MLP | {"widths": []})
    assert sum(p.numel() for p in model.parameters()) == 3 * 6 + 6
    assert model(torch.randn(2, 4, 3)).event_shape == (6,)


@pytest.mark.parametrize("kind", KINDS)
def test_many_trained_together_equal_each_alone(kind):
    torch.manual_seed(0)
    spec = images(1, 2, 2)
    models = [Mlp(3, spec, likelihood=kind, **MLP) for _ in range(2)]
    z, x = torch.randn(2, 1, 5, 3), torch.rand(5, 1, 2, 2)
    parameters, buffers = stack_module_state(models)
    skeleton = Mlp(3, spec, likelihood=kind, **MLP)

    def log_prob(parameters, buffers, z):
        return functional_call(skeleton, (parameters, buffers), (z,)).log_prob(x)

    together = vmap(log_prob)(parameters, buffers, z)
    torch.testing.assert_close(together, torch.stack([model(mine).log_prob(x) for model, mine in zip(models, z)]))


def test_scale_belongs_to_the_density():
    spec, z, x = images(1, 2, 2), torch.randn(1, 1, 3), torch.rand(1, 1, 2, 2)
    model = Mlp(3, spec, likelihood="gaussian", **MLP).eval()
    squared = (x - model(z).mean).square().sum()
    expected = -squared / (2 * 0.25) - 4 * (math.log(0.5) + 0.5 * math.log(2 * math.pi))
    torch.testing.assert_close(model(z).log_prob(x)[0, 0], expected)
