"""q(z|x): densities, draws, and what has none."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import softplus

from ib_cli.contracts.noise import Planner, Request, Tape
from ib_cli.model.bottlenecks.deterministic import Deterministic
from ib_cli.model.bottlenecks.dropout import Dropout
from ib_cli.model.bottlenecks.gaussian import Gaussian
from ib_cli.model.bottlenecks.zero_entropy_noise import ZeroEntropyNoise


@pytest.mark.parametrize(
    "scale, positive",
    [("softplus", softplus), ("exp", torch.exp), ("log_variance", lambda h: h.exp().sqrt())],
)
def test_gaussian_scales(scale: str, positive: object) -> None:
    bottleneck = Gaussian(5, size=3, scale=scale, offset=-5.0, initialisation="torch")
    features, noise = torch.randn(4, 5), torch.randn(2, 4, 3)
    q, z = bottleneck(features, Tape([noise]), 2)
    mean, rho = (features @ bottleneck.parameters_of_z.weight + bottleneck.parameters_of_z.bias).split(3, dim=-1)
    assert torch.allclose(q.stddev, positive(rho - 5))
    assert torch.allclose(z, mean + positive(rho - 5) * noise)


def test_zero_entropy_noise_has_entropy_zero() -> None:
    q, _ = ZeroEntropyNoise(5, size=3, initialisation="torch")(torch.randn(4, 5), Tape([torch.randn(1, 4, 3)]), 1)
    assert torch.allclose(q.entropy(), torch.zeros(4), atol=1e-6)
    assert q.variance.unique().item() == pytest.approx(1 / (2 * math.pi * math.e))


def test_deterministic_is_the_features_or_a_linear_map_without_density() -> None:
    features = torch.randn(4, 5)
    q, z = Deterministic(5, size=None, initialisation="torch")(features, Tape([]), 3)
    assert q is None and torch.equal(z, features.unsqueeze(0))
    mapped = Deterministic(5, size=2, initialisation="xavier")
    assert mapped(features, Tape([]), 1)[1].shape == (1, 4, 2)
    assert mapped.size == 2


def test_dropout_has_a_mask_for_each_draw_in_evaluations_too() -> None:
    features, numbers = torch.rand(4, 5) + 1, torch.rand(200, 4, 5)
    q, z = Dropout(5, size=None, dropout=0.25, initialisation="torch").eval()(features, Tape([numbers]), 200)
    assert q is None
    torch.testing.assert_close(z, features * (numbers >= 0.25) / 0.75)
    mapped = Dropout(5, size=2, dropout=0.25, initialisation="torch")
    _, of_map = mapped(features, Tape([numbers]), 200)
    torch.testing.assert_close(of_map, z @ mapped.map.weight + mapped.map.bias)


def test_what_is_asked_of_the_tape() -> None:
    planner = Planner("cpu")
    Gaussian(5, size=3, scale="exp", offset=0.0, initialisation="torch")(torch.randn(4, 5), planner, 7)
    assert planner.requests == [Request("normal", (7, 4, 3))]


def test_a_tape_of_other_shape_or_too_short_is_refused() -> None:
    for numbers in ([], [torch.zeros(3)]):
        with pytest.raises(RuntimeError, match="differs from the planned one"):
            Tape(numbers).normal(2)
