"""The gradient of the loss, as it is or compiled."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torch.func import grad_and_value

from ib_cli.contracts.passes import Batch
from ib_cli.engine.loss import LossFunction, Tensors

Compile = Literal[False, True, "step"]


def _kept(guards: Sequence[Any]) -> list[bool]:
    """True for the guards to check before each call: arguments and global state. The many modules never change."""
    return [guard.guard_type in ("TENSOR_MATCH", "GLOBAL_STATE") for guard in guards]


def _compiled(function: Callable[..., Any], graphs: bool) -> Callable[..., Any]:
    """The compiled function, apart from any other.

    torch finds compiled code by its code object. `_kept` checks the arguments alone, so that another model with the
    same shapes would get this model's code. A new code object for each function prevents it.
    """

    def own(*arguments: Any) -> Any:
        return function(*arguments)

    own.__code__ = own.__code__.replace()  # a new object
    options: dict[str, Any] = {"triton.cudagraphs": graphs, "guard_filter_fn": _kept}
    # A graph break raises an error instead of running uncompiled.
    return torch.compile(own, fullgraph=True, dynamic=False, options=options)


class Backward:
    """Calls a loss: sets the gradient of each parameter and returns the loss's parts.

    `compile=True` compiles the loss, and autograd finds its gradient as usual. `compile="step"` compiles both as one
    function, which saves most where a step is small. Compiling takes half a minute for each batch size; `unread`
    returns the seconds. On CUDA, compiled code runs as a CUDA graph, whose results the next call overwrites.
    """

    def __init__(self, loss: LossFunction, compile: Compile, device: torch.device) -> None:
        self.loss, self._seconds = loss, 0.0
        self._graphs = bool(compile) and device.type == "cuda"
        self._sizes: set[torch.Size] = set()
        self._run: Callable[..., dict[str, Tensor]]
        self._compiled: Callable[..., Any] | None
        if compile == "step":
            gradient = grad_and_value(self._total, has_aux=True)
            self._run, self._compiled = self._together, _compiled(gradient, self._graphs)
        else:
            self._run, self._compiled = self._apart, _compiled(loss, self._graphs) if compile else None

    def __call__(
        self, params: Tensors, buffers: Tensors, batch: Batch, noise: tuple[Tensor, ...], multipliers: Tensors
    ) -> dict[str, Tensor]:
        """The parts: scalars, or (M,) for a loss of M runs, whose losses are summed before the gradient."""
        start, new = time.monotonic(), self._compiled is not None and batch.x.shape not in self._sizes
        if new:  # once uncompiled: fills torch's caches, such as the KL of two classes, which cannot be compiled
            with torch.no_grad():
                self.loss(params, {name: b.clone() for name, b in buffers.items()}, batch, noise, multipliers)
        if self._graphs:
            torch.compiler.cudagraph_mark_step_begin()
        parts = self._run(params, buffers, batch, noise, multipliers)
        if new:
            self._sizes.add(batch.x.shape)
            self._seconds += time.monotonic() - start
        return parts

    def unread(self) -> float:
        """Seconds spent on compiling since the last call."""
        seconds, self._seconds = self._seconds, 0.0
        return seconds

    def _apart(self, params: Tensors, *rest: Any) -> dict[str, Tensor]:
        J, parts = (self._compiled or self.loss)(params, *rest)
        for p in params.values():
            p.grad = None
        J.sum().backward()
        return parts

    def _together(self, params: Tensors, *rest: Any) -> dict[str, Tensor]:
        assert self._compiled is not None  # with "step" there is one
        trained = {name: p.detach() for name, p in params.items() if p.requires_grad}
        gradients, (_, parts) = self._compiled(trained, {n: p for n, p in params.items() if n not in trained}, *rest)
        for name in trained:
            params[name].grad = gradients[name]
        return parts

    def _total(self, trained: Tensors, others: Tensors, *rest: Any) -> tuple[Tensor, dict[str, Tensor]]:
        J, parts = self.loss({**trained, **others}, *rest)
        return J.sum(), parts
