"""Random streams that depend on the run's seed, their purpose and the epoch, and on nothing that was drawn before.

An interrupted run therefore draws the same numbers when it goes on, without having saved them.
"""

from __future__ import annotations

from hashlib import blake2b

import torch
from torch import Generator


def derived_seed(seed: int, *purpose: str | int) -> int:
    """A 63-bit seed for one purpose, such as ("noise", epoch)."""
    digest = blake2b("/".join(map(str, (seed, *purpose))).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator(device: torch.device | str, seed: int, *purpose: str | int) -> Generator:
    """A generator on the device, seeded for one purpose."""
    return Generator(device).manual_seed(derived_seed(seed, *purpose))
