"""Draws of z that no memory holds are refused before they are made: the system ends a process that takes too much."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Distribution

from ib_cli.contracts.errors import TooLargeError
from ib_cli.contracts.noise import Request
from ib_cli.contracts.passes import Batch, Pass
from ib_cli.system.free_memory import free_on_machine

MANY = 1000  # draws of z; fewer are not looked at, which costs two small passes
GIB = 2**30
TIMES = 2  # what a pass takes, over what it keeps: what is measured takes about as much again


def free_memory(device: torch.device) -> int | None:
    """Bytes that may still be taken on a device; None where the system does not say."""
    return int(_left_on_gpu(device)) if device.type == "cuda" else free_on_machine()


def _left_on_gpu(device: torch.device) -> float:
    """Bytes that torch may still use: free ones within this process's fraction, and those that it holds unused."""
    free, total = torch.cuda.mem_get_info(device)
    reserved = torch.cuda.memory_reserved(device)
    allowed = torch.cuda.get_per_process_memory_fraction(device.index) * total - reserved
    return min(free, max(allowed, 0)) + reserved - torch.cuda.memory_allocated(device)


def few(batch: Batch, count: int = 2) -> Batch:
    """The samples of a batch's first `count` distinct inputs."""
    rows = count * (len(batch.y) // len(batch.x))
    weight, y_probabilities = (None if part is None else part[:rows] for part in batch[2:])
    return Batch(batch.x[:count], batch.y[:rows], weight, y_probabilities)


def check_draws(each: int, draws: int, samples: int, device: torch.device) -> None:
    """Raises TooLargeError where a pass of so many samples and draws takes more memory than is free.

    `each`: the bytes that a pass keeps for a draw of a sample.
    """
    one = each * draws * TIMES
    free = free_memory(device)
    if free is None or one * samples <= free:
        return
    raise TooLargeError(
        f"{draws} draws of z of each sample take about {one / GIB:,.1f} GiB for one sample, and {free / GIB:,.1f} GiB "
        "are free: choose fewer draws",
        fits=free // one,
    )


def check_result(size: int, device: torch.device, told: str) -> None:
    """Raises TooLargeError where a result of so many bytes, put together from parts, takes more than is free."""
    places = {device, torch.device("cpu")}
    for free in (free_memory(place) for place in places):
        if free is not None and 2 * size > free:
            raise TooLargeError(
                f"{told} take {size / GIB:,.1f} GiB, twice that while they are put together, and "
                f"{free / GIB:,.1f} GiB are free: choose fewer"
            )


def bytes_kept(p: Pass, requests: Sequence[Request]) -> int:
    """Bytes of a pass's random numbers, of z, and of what predicts x and y from it."""
    tensors = [p.z, *_tensors(p.label_density), *_tensors(p.decoder)]
    storages = {each.untyped_storage().data_ptr(): each.untyped_storage().nbytes() for each in tensors}
    return sum(4 * math.prod(request.shape) for request in requests) + sum(storages.values())


def _tensors(part: Distribution | None) -> list[Tensor]:
    """The tensors that a distribution is made of."""
    found: list[Tensor] = []
    for value in vars(part).values() if part is not None else ():
        found += [value] if isinstance(value, Tensor) else _tensors(value) if isinstance(value, Distribution) else []
    return found
