"""What makes the host wait for the device, as CUDA's `set_sync_debug_mode` would tell it."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload

# The shape of the result depends on the values, or torch's CUDA code reads a value on the way.
ALWAYS = {
    "_local_scalar_dense": "a value is read",
    "equal": "a value is read",
    **dict.fromkeys(
        ("nonzero", "masked_select", "_unique2", "unique_dim", "unique_consecutive", "bincount"),
        "the shape depends on values",
    ),
    **dict.fromkeys(("_linalg_eigh", "_linalg_svd", "linalg_eig", "linalg_lstsq", "histc"), "torch reads a value"),
}
MAY_WAIT = {*ALWAYS, "index_put", "index_put_", "_index_put_impl_", "repeat_interleave", "multinomial", "normal"}
MASKS = (torch.bool, torch.uint8)


class Waits:
    """The waits within `watched`: what and where, in order."""

    def __init__(self) -> None:
        self._open: list[list[str]] = []

    def note(self, why: str) -> None:
        """Write a wait down, with the line of ours that it comes from."""
        if self._open:
            lines = [frame for frame in traceback.extract_stack() if "/ib_cli/" in frame.filename]
            place = f"{lines[-1].filename.partition('/ib_cli/')[2]}:{lines[-1].lineno}" if lines else "not of ours"
            self._open[-1].append(f"{why} ({place})")

    @contextmanager
    def watched(self) -> Iterator[list[str]]:
        """The list that the waits within the block are added to; an outer block does not see them."""
        found: list[str] = []
        self._open.append(found)
        try:
            yield found
        finally:
            self._open.pop()


WAITS = Waits()


def reason(op: OpOverload, arguments: Sequence[Any], keys: Mapping[str, Any]) -> str | None:
    """Why the host waits for this operation; None: it does not."""
    name = op.overloadpacket.__name__
    if name in ALWAYS:
        return f"{name}: {ALWAYS[name]}"
    given = {argument.name: value for argument, value in zip(op._schema.arguments, arguments)} | dict(keys)
    match name:
        case "index_put" | "index_put_" | "_index_put_impl_":  # `index` itself calls `nonzero` of a mask
            masked = any(each is not None and each.dtype in MASKS for each in given["indices"])
            return f"{name}: the shape depends on values" if masked and given["values"].numel() > 1 else None
        case "repeat_interleave":
            counted = isinstance(given["repeats"], Tensor) and given.get("output_size") is None
            return f"{name}: the shape depends on values" if counted else None
        case "multinomial":  # torch checks the probabilities
            checked = not given.get("replacement") or given["num_samples"] == 1
            return f"{name}: torch reads a value" if checked else None
        case "normal":  # torch checks that deviations are not negative
            return f"{name}: torch reads a value" if isinstance(given.get("std"), Tensor) else None
    return None
