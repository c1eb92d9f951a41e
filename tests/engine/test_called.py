"""A call with other tensors is torch's functional call."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from ib_cli.engine.called import called


class Shared(nn.Module):
    """One matrix in two layers, one module under two names, and batch normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3, bias=False)
        self.second.weight = self.first.weight
        self.norm = nn.BatchNorm1d(3)
        self.again, self.absent = self.norm, None

    def forward(self, x: Tensor, scale: float = 1.0) -> Tensor:
        if scale < 0:
            raise ValueError("negative")
        return scale * self.again(self.second(self.norm(self.first(x))))


def others(module: nn.Module) -> dict[str, Tensor]:
    named = [*module.named_parameters(), *module.named_buffers()]
    return {name: t.detach() + 1 if t.is_floating_point() else t.clone() for name, t in named}


def test_it_returns_what_functional_call_returns_and_moves_the_given_buffers_alone() -> None:
    module, x = Shared(), torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    own, given = {**dict(module.named_parameters()), **dict(module.named_buffers())}, others(module)
    again = {name: t.clone() for name, t in given.items()}
    before = {name: t.detach().clone() for name, t in own.items()}
    expected = functional_call(deepcopy(module), again, (x,), {"scale": 2.0})
    assert torch.equal(called(module, given, (x,), {"scale": 2.0}), expected)
    assert all(torch.equal(given[name], again[name]) for name in given)
    assert given["norm.num_batches_tracked"] == 2 and not torch.equal(given["norm.running_mean"], torch.ones(3))
    after = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    assert all(after[name] is own[name] and torch.equal(own[name], before[name]) for name in own)


def test_the_gradient_is_of_the_given_tensors() -> None:
    module, x = Shared().eval(), torch.ones(2, 3)
    given = {name: p.detach().clone().requires_grad_() for name, p in module.named_parameters()}
    called(module, given, (x,), {}).sum().backward()
    assert given["first.weight"].grad.abs().sum() > 0
    assert all(p.grad is None for p in module.parameters())


def test_a_name_that_is_not_given_keeps_its_own_tensor() -> None:
    module, x = Shared().eval(), torch.ones(2, 3)
    given = {"first.bias": torch.full((3,), 4.0)}
    assert torch.equal(called(module, given, (x,), {}), functional_call(module, given, (x,)))
    assert not torch.equal(called(module, given, (x,), {}), module(x))


def test_an_error_leaves_the_module_its_own_tensors() -> None:
    module = Shared()
    own = dict(module.named_parameters())
    with pytest.raises(ValueError, match="negative"):
        called(module, others(module), (torch.ones(2, 3),), {"scale": -1.0})
    assert all(p is own[name] for name, p in module.named_parameters())


def test_it_maps_over_stacked_tensors() -> None:
    module, x = Shared().eval(), torch.ones(2, 3)
    given = {name: torch.stack([t, 2 * t]) for name, t in others(module).items()}
    found = vmap(lambda tensors: called(module, tensors, (x,), {}))(given)
    for each in range(2):
        alone = functional_call(module, {name: t[each] for name, t in given.items()}, (x,))
        torch.testing.assert_close(found[each], alone)
