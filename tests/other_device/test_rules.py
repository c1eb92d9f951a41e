"""The other device has the rules of CUDA, and computes what the CPU does."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from tests.other_device.device import DEVICE, checked_generators, generator, storages
from tests.other_device.waits import WAITS

MIXED: dict[str, Callable[[Tensor], object]] = {
    "a sum": lambda x: x + torch.ones(2, 3),
    "a sum with the CPU first": lambda x: torch.ones(2, 3) + x,
    "a product of matrices": lambda x: x @ torch.ones(3, 2),
    "a linear layer": lambda x: nn.functional.linear(x, torch.ones(2, 3)),
    "a convolution": lambda x: nn.functional.conv1d(x[None], torch.ones(1, 2, 1)),
    "joined": lambda x: torch.cat([x, torch.ones(2, 3)]),
    "stacked scalars": lambda x: torch.stack([x.sum(), torch.tensor(1.0)]),
    "gathered": lambda x: x.gather(1, torch.zeros(2, 1, dtype=torch.int64)),
    "a choice": lambda x: torch.where(torch.ones(2, 3) > 0, x, x),
    "within a map": lambda x: vmap(lambda row: row @ torch.ones(3))(x),
    "in place, on the CPU": lambda x: torch.ones(2, 3).add_(x),
    "in place, a scalar on the CPU": lambda x: torch.tensor(1.0).add_(x.sum()),
    "an index of a CPU tensor": lambda x: torch.ones(2)[x.sum().long()[None]],
}
ALLOWED: dict[str, Callable[[Tensor], object]] = {
    "a scalar of the CPU": lambda x: x * torch.tensor(2.0) + torch.tensor(1.0),
    "a scalar in a choice": lambda x: torch.where(x > 0, x, torch.tensor(0.0)),
    "a filled mask": lambda x: x.clone().masked_fill_(x > 0, torch.tensor(0.0)),
    "values where a mask is true": lambda x: x.clone().__setitem__(x > 0, 0.0),
    "numbers made there": lambda x: torch.randn(3, device=DEVICE, generator=generator(DEVICE)),
    "a matrix's factor without a check": lambda x: torch.linalg.cholesky_ex(torch.eye(3, device=DEVICE)),
}
READ: dict[str, Callable[[Tensor], object]] = {
    "item": lambda x: x.sum().item(),
    "float": lambda x: float(x.sum()),
    "bool": lambda x: bool((x > 0).all()),
    "int": lambda x: int(x.sum()),
    "if": lambda x: 1 if x.sum() > 0 else 0,
    "tolist": lambda x: x.tolist(),
    "cpu": lambda x: x.cpu(),
    "to the CPU": lambda x: x.to("cpu", torch.float64),
    "from the CPU": lambda x: torch.ones(2, 3).to(DEVICE),
    "a tensor of a number": lambda x: torch.tensor(1.0, device=DEVICE),
    "nonzero": lambda x: x.nonzero(),
    "a mask as an index": lambda x: x[x > 0],
    "rows at a mask": lambda x: x[torch.arange(2, device=DEVICE) > 0],
    "an index of the CPU": lambda x: x[torch.tensor([0])],
    "rows written at a mask": lambda x: x.clone().__setitem__(x[:, 0] > 0, torch.zeros_like(x[:1])),
    "masked_select": lambda x: x.masked_select(x > 0),
    "unique": lambda x: x.unique(),
    "equal": lambda x: torch.equal(x, x),
    "allclose": lambda x: torch.allclose(x, x),
    "repeated by counts": lambda x: x[0].repeat_interleave(torch.arange(3, device=DEVICE)),
    "counted": lambda x: torch.bincount(torch.arange(3, device=DEVICE)),
    "drawn without replacement": lambda x: torch.multinomial(x.exp(), 2, generator=generator(DEVICE)),
    "a checked factor": lambda x: torch.linalg.cholesky(torch.eye(3, device=DEVICE)),
    "eigenvalues": lambda x: torch.linalg.eigvalsh(torch.eye(3, device=DEVICE)),
    "a normal law with a number": lambda x: torch.distributions.Normal(x, 1.0, validate_args=False),
    "checked arguments": lambda x: torch.distributions.Normal(x, x.exp(), validate_args=True),
}  # fmt: skip


@pytest.fixture
def x() -> Tensor:
    return torch.arange(6.0).view(2, 3).to(DEVICE) - 1


@pytest.mark.parametrize("operation", MIXED.values(), ids=MIXED)
def test_a_cpu_tensor_raises(x: Tensor, operation: Callable[[Tensor], object]) -> None:
    with pytest.raises(RuntimeError, match="same device"):
        operation(x)


@pytest.mark.parametrize("operation", ALLOWED.values(), ids=ALLOWED)
def test_what_cuda_takes_is_taken_without_a_wait(x: Tensor, operation: Callable[[Tensor], object]) -> None:
    with WAITS.watched() as waits:
        operation(x)
    assert not waits


@pytest.mark.parametrize("operation", READ.values(), ids=READ)
def test_what_reads_a_value_is_a_wait(x: Tensor, operation: Callable[[Tensor], object]) -> None:
    with WAITS.watched() as waits:
        operation(x)
    assert waits


def test_a_generator_of_the_other_device_raises() -> None:
    with pytest.raises(RuntimeError, match="generator"):
        torch.randn(3, device=DEVICE, generator=torch.Generator())
    with checked_generators(), pytest.raises(RuntimeError, match="generator"):
        torch.randn(3, generator=generator(DEVICE))
    with checked_generators():
        there = torch.randn(3, device=DEVICE, generator=generator(DEVICE).manual_seed(1))
        here = torch.randn(3, generator=torch.Generator().manual_seed(1))
    assert torch.equal(there.cpu(), here)
    with pytest.raises(RuntimeError):  # the states differ, as those of CUDA do
        torch.Generator().set_state(generator(DEVICE).get_state())


def test_views_share_memory_and_copies_do_not(x: Tensor) -> None:
    row, turned, alias = x[1], x.t(), torch.zeros(3, device=DEVICE)
    alias.data = x[0]
    copied = x.clone()
    x.mul_(0).add_(7)
    for each in (row, turned, alias):
        assert each.device == DEVICE and bool((each == 7).all())
    assert not bool((copied == 7).any())
    with pytest.raises(TypeError):
        x.numpy()


def test_gradients_and_maps_are_those_of_a_cpu() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv1d(2, 3, 2), nn.BatchNorm1d(3), nn.ReLU(), nn.Flatten(), nn.Linear(6, 2))
    there, inputs = deepcopy(model).to(DEVICE), torch.randn(5, 2, 3)

    def of_copies(module: nn.Module, x: Tensor) -> list[Tensor]:
        params = {
            name: torch.stack([p.detach(), 2 * p.detach()]).requires_grad_() for name, p in module.named_parameters()
        }
        buffers = {name: torch.stack([b, b]) for name, b in module.named_buffers()}
        losses = vmap(lambda *own: functional_call(module, own[:2], (x,)).logsumexp(1).mean())(params, buffers)
        losses.sum().backward()
        return [losses, *(p.grad for p in params.values()), *buffers.values()]

    with storages():
        for ours, expected in zip(of_copies(there, inputs.to(DEVICE)), of_copies(model, inputs)):
            assert ours.device == DEVICE
            torch.testing.assert_close(ours.cpu(), expected)
        assert deepcopy(there)[1].running_mean.device == DEVICE
