"""A call of a model with other tensors in place of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call


class Place(NamedTuple):
    """Where a module holds one of its tensors."""

    path: str  # the tensor's name in the whole model
    held: dict[str, Tensor | None]  # the module's own parameters or buffers
    name: str  # the tensor's name in it
    tensor: Tensor


def called(
    module: nn.Module, tensors: Mapping[str, Tensor], arguments: tuple[Any, ...], keys: Mapping[str, Any]
) -> Any:
    """What `torch.func.functional_call` returns: the module's result with these parameters and buffers, by name.

    A tensor that stands in several places is replaced in all of them. Afterwards the module has its own tensors again.
    torch's function looks for them through all modules several times: 0.2 ms more for a VAE of four layers.
    """
    if torch.compiler.is_compiling():  # which knows torch's function
        return functional_call(module, dict(tensors), arguments, dict(keys))
    places = list(_places(module))
    replaced = {id(each.tensor): tensors[each.path] for each in places if each.path in tensors}
    own = [each for each in places if id(each.tensor) in replaced]
    try:
        for each in own:
            each.held[each.name] = replaced[id(each.tensor)]
        return module(*arguments, **keys)
    finally:
        for each in own:
            each.held[each.name] = each.tensor


def _places(module: nn.Module, prefix: str = "") -> Iterator[Place]:
    """The places of all parameters and buffers of a module and the modules in it."""
    for held in (module._parameters, module._buffers):
        for name, tensor in held.items():
            if tensor is not None:
                yield Place(prefix + name, held, name, tensor)
    for name, inner in module._modules.items():
        if inner is not None:
            yield from _places(inner, f"{prefix}{name}.")
