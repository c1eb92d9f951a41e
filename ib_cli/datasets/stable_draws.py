"""Random whole numbers that are the same on every machine and with every version of NumPy and torch."""

from __future__ import annotations

import zlib

import numpy as np


class StableDraws:
    """Numbers of one seed and purpose, each purpose with a stream of its own.

    They are made from the raw output of PCG64, which NumPy keeps for good, unlike the methods of its `Generator`
    (NEP 19).
    """

    def __init__(self, seed: int, purpose: str) -> None:
        self.bits = np.random.PCG64([seed, zlib.crc32(purpose.encode())])

    def below(self, limit: int, *shape: int) -> np.ndarray:
        """Uniform on 0 … limit − 1, for a limit up to 2^31: int64 of this shape.

        A number u of 32 random bits becomes ⌊u · limit / 2^32⌋; chances differ by less than 2^-32.
        """
        drawn = self.bits.random_raw(int(np.prod(shape)))
        drawn >>= np.uint64(32)
        drawn *= np.uint64(limit)
        drawn >>= np.uint64(32)
        return drawn.view(np.int64).reshape(shape)

    def order(self, count: int) -> np.ndarray:
        """0 … count − 1 in random order, int64: the order of as many raw numbers."""
        return np.argsort(self.bits.random_raw(count), kind="stable")
