"""torch's optimisers without the compiler: the same steps, the same state."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, optim
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_pre_hook

from ib_cli.system import eager_optimisers as eager

KINDS: list[tuple[type[Optimizer], type[Optimizer], dict[str, Any]]] = [
    (eager.Adam, optim.Adam, {"lr": 0.1, "fused": True, "weight_decay": 0.01}),
    (eager.AdamW, optim.AdamW, {"lr": 0.1, "fused": True, "weight_decay": 0.01}),
    (eager.SGD, optim.SGD, {"lr": 0.01, "momentum": 0.9, "nesterov": True, "fused": True}),
    (eager.LBFGS, optim.LBFGS, {"lr": 0.5, "line_search_fn": "strong_wolfe"}),
]


def descended(
    kind: Callable[..., Optimizer], keys: dict[str, Any], steps: int, state: Any = None
) -> tuple[Tensor, Any]:
    """Where `steps` steps on a bent valley lead, and the optimiser's state there."""
    at = torch.tensor([1.5, -0.5]) if state is None else state[0].clone()
    at.requires_grad_()
    optimizer = kind([at], **keys)
    if state is not None:
        optimizer.load_state_dict(state[1])

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = (1 - at[0]).square() + 5 * (at[1] - at[0].square()).square()
        value.backward()
        return value

    for _ in range(steps):
        optimizer.step(closure)
    return at.detach(), optimizer.state_dict()


@pytest.mark.parametrize(("ours", "theirs", "keys"), KINDS)
def test_steps_and_state_are_those_of_torch(ours, theirs, keys) -> None:
    (at, state), (peer, peers) = descended(ours, keys, 5), descended(theirs, keys, 5)
    assert torch.equal(at, peer) and repr(state) == repr(peers)
    assert torch.equal(descended(ours, keys, 5, (at, state))[0], descended(theirs, keys, 5, (peer, peers))[0])
    assert issubclass(ours, theirs)


def test_hooks_of_steps_are_called() -> None:
    seen: list[Optimizer] = []
    hook = register_optimizer_step_pre_hook(lambda optimizer, *_: seen.append(optimizer))
    try:
        descended(eager.Adam, {}, 2)
    finally:
        hook.remove()
    assert len(seen) == 2 and isinstance(seen[0], optim.Adam)


@pytest.mark.slow
def test_no_optimiser_of_ours_imports_the_compiler() -> None:
    code = """
import sys, torch
from ib_cli.system import eager_optimisers as eager
for kind in (eager.Adam, eager.AdamW, eager.SGD, eager.LBFGS):
    at = torch.ones(2, requires_grad=True)
    optimizer = kind([at], lr=0.1)
    optimizer.zero_grad()
    at.square().sum().backward()
    optimizer.step(lambda: at.square().sum())
    optimizer.load_state_dict(optimizer.state_dict())
assert 'torch._dynamo' not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
