"""Random streams that depend on the run's seed, their purpose and the epoch, and on nothing that was drawn before.

An interrupted run therefore draws the same numbers when it goes on, without having saved them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from hashlib import blake2b

import torch
from torch import Generator, Tensor

log = logging.getLogger(__name__)


def derived_seed(seed: int, *purpose: str | int) -> int:
    """A 63-bit seed for one purpose, such as ("noise", epoch)."""
    digest = blake2b("/".join(map(str, (seed, *purpose))).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator(device: torch.device | str, seed: int, *purpose: str | int) -> Generator:
    """A generator on the device, seeded for one purpose."""
    return Generator(device).manual_seed(derived_seed(seed, *purpose))


def continued(device: torch.device | str, states: Mapping[int, Tensor | None], *purpose: str | int) -> list[Generator]:
    """A generator for each seed, at the state where it was saved; at its start where the state is None.

    Generators of a CPU and of a GPU have states of different lengths, and different numbers. Where a state is the other
    kind's, the generator is a new one of the same seed and purpose, and a warning says so.
    """
    found = {seed: generator(device, seed, *purpose) for seed in states}
    foreign = False
    for seed, state in states.items():
        if state is None:
            continue
        if len(state) == len(found[seed].get_state()):
            found[seed].set_state(state.cpu())
        else:
            found[seed], foreign = generator(device, seed, *purpose, "another device"), True
    if foreign:
        log.warning(
            "saved on another kind of device within an epoch: the rest of it draws anew, and may repeat samples"
        )
    return list(found.values())
