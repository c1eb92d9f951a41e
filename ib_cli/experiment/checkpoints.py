"""The checkpoint of a run, and the one before it in case the last is damaged."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from ib_cli.contracts.errors import DamagedError, WriteError
from ib_cli.experiment.damage import CHECKPOINTS, REMEDY
from ib_cli.system.atomic import write_atomically
from ib_cli.system.torch_files import read_torch, torch_bytes

log = logging.getLogger(__name__)

Fits = Callable[[Mapping[str, Any], Mapping[str, Any]], None]  # (state, notes); raises DamagedError


class Checkpoints:
    """checkpoint.pt and checkpoint.previous.pt in a run's folder. The second is deleted when the run is done."""

    def __init__(self, folder: Path) -> None:
        self.last, self.previous = folder / CHECKPOINTS[0], folder / CHECKPOINTS[1]

    def save(self, state: Mapping[str, Any], notes: Mapping[str, Any]) -> None:
        """Replace checkpoint.pt; the old one becomes the previous one, where the disk has room for both.

        `notes`: JSON that can be read without torch.
        """
        content = torch_bytes(state, notes)
        try:
            write_atomically(self.last, content, self.previous)
        except WriteError:
            if not self.previous.exists():
                raise
            self.previous.unlink()  # a full disk: what it takes may be what the new one needs
            write_atomically(self.last, content)

    def read(self, device: torch.device, fits: Fits) -> tuple[dict[str, Any], Path] | None:
        """The newest state that is whole and fits, with its tensors on the device, and its file; None without any.

        A warning says where it is not the last one. Raises DamagedError if there are checkpoints and none will do.
        """
        files = [file for file in (self.last, self.previous) if file.exists()]
        wrong = f"{self.last} is missing" if files == [self.previous] else ""
        for file in files:
            try:
                state, notes = read_torch(file, device)
                if "lines" not in state:
                    raise DamagedError(f"{file} cannot be read (it is no checkpoint of this program)")
                fits(state, notes)
            except DamagedError as error:
                wrong = wrong or str(error)
                continue
            if wrong:
                log.warning("%s: it goes on from epoch %s, of %s", wrong, state.get("epoch", "?"), file.name)
            return state, file
        if wrong:
            raise DamagedError(f"{wrong}: {REMEDY}")
        return None

    def read_previous(self, device: torch.device, fits: Fits) -> dict[str, Any] | None:
        """The state before the last one, with its tensors on the device; None where it is not whole or does not fit."""
        try:
            state, notes = read_torch(self.previous, device)
            fits(state, notes)
        except DamagedError:
            return None
        return state

    def settle(self, file: Path) -> None:
        """Make this file the last checkpoint: what came after it is damaged."""
        if file == self.previous:
            file.replace(self.last)

    def end(self) -> None:
        """The run is done: one checkpoint is enough."""
        self.previous.unlink(missing_ok=True)

    def delete(self) -> None:
        """Delete both."""
        for file in (self.last, self.previous):
            file.unlink(missing_ok=True)
