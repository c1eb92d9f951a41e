"""How much an evaluation takes at a time: less where memory runs out."""

from __future__ import annotations

import gc
import logging
import re
from collections.abc import Callable
from typing import TypeVar

import torch

from ib_cli.contracts import errors
from ib_cli.contracts.labels import counted

T = TypeVar("T")
# What torch's errors say when no memory is left; those of libraries and of the CPU's allocator are plain RuntimeErrors.
SIGNS = ("out of memory", "can't allocate memory", "ALLOC_FAILED")

log = logging.getLogger(__name__)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the device, or the machine, has no memory left."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in SIGNS)


def in_a_line(error: BaseException) -> str:
    """An error of memory in a line: what asked, and for how much, without the places in torch's code."""
    if asked := re.search(r"tried to allocate (\d+) bytes", str(error)):  # the CPU's allocator
        return f"out of memory: could not allocate {int(asked[1]) / 2**20:,.0f} MiB"
    if isinstance(error, MemoryError):
        return errors.in_a_line(error)
    first = (str(error).strip().splitlines() or [""])[0].partition(". GPU")[0].rstrip(".")
    return ": ".join(part for part in (type(error).__name__.lstrip("_"), first) if part)


class Portions:
    """Samples at a time in evaluations, and copies at a time in those of a group; halved where memory runs out.

    Fewer copies change no number. Fewer samples meet the random numbers of an `eval_batch_size` as small.
    """

    def __init__(self, samples: int) -> None:
        self.samples = samples
        self.copies: int | None = None  # None: memory has not limited them

    def fitted(self, work: Callable[[], T], rows: int, copies: Callable[[], int] = lambda: 1) -> T:
        """The result of `work`, which reads `samples` and `copies` and is done anew with less where memory runs out.

        `rows`: samples in all. `copies`: how many `work` takes at a time. A warning says each time what is less now.
        Raises the error where one sample of one copy does not fit.
        """
        while True:
            try:
                return work()
            except (RuntimeError, MemoryError) as error:
                told = ""
                if isinstance(error, errors.TooLargeError):
                    told = self._take(error.fits, min(self.samples, rows)) if error.fits else ""
                elif out_of_memory(error):
                    told = self._halve(rows, copies())
                if not told:
                    raise
            # Only here, where the error is gone, nothing holds the tensors of `work` any more.
            gc.collect()
            if torch.cuda.is_initialized():
                torch.cuda.empty_cache()
            log.warning("%s", told)

    def _halve(self, rows: int, copies: int) -> str:
        """Halve the copies, or else the samples; what is to be told, or '' where there is no less."""
        if copies > 1:
            self.copies = copies // 2
            return (
                f"memory ran out: evaluations take {counted(self.copies, 'run')} at a time from here on, not {copies}"
            )
        before = min(self.samples, rows)
        return "" if before == 1 else self._take(before // 2, before)

    def _take(self, samples: int, before: int) -> str:
        """So many samples from here on; what is to be told."""
        self.samples = samples
        return (
            f"memory ran out: evaluations take {counted(self.samples, 'sample')} at a time from here on, not {before}, "
            f"as with eval_batch_size={self.samples}"
        )
