"""A run's folder: the truth about a run. Whatever is written here survives a kill at any moment."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

import torch

from ib_cli.contracts.errors import BusyError, ConfigError
from ib_cli.system.atomic import as_json, replace_durably, write_atomically
from ib_cli.system.json_lines import JsonLines


class Records:
    """config.yaml, metrics.jsonl, estimates.jsonl, checkpoint.pt and result.json of one run, in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.metrics = JsonLines(folder / "metrics.jsonl")  # a line an evaluation
        self.estimates = JsonLines(folder / "estimates.jsonl")  # a line an estimate
        self._lock: TextIO | None = None

    @property
    def result(self) -> dict[str, Any] | None:
        """The content of result.json, or None while the run has none that can be read."""
        try:
            found = json.loads((self.folder / "result.json").read_text())
        except (OSError, json.JSONDecodeError, UnicodeDecodeError):
            return None
        return found if isinstance(found, dict) and "status" in found else None

    def open(self, config: str) -> None:
        """Make the folder, take its lock and write config.yaml.

        Raises ConfigError where the folder cannot be written, BusyError where another process is at this very run.
        """
        if self._lock is not None:
            raise BusyError(f"output: this process is at this run already ({self.folder}): wait for it")
        try:
            (self.folder / "figures").mkdir(parents=True, exist_ok=True)
            self._lock = (self.folder / ".lock").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            write_atomically(self.folder / "config.yaml", config)
        except BlockingIOError:
            self.close()
            raise BusyError(
                f"output: another process is at this run ({self.folder}): wait for it, or change the "
                "config or the study's name"
            ) from None
        except OSError as error:
            raise ConfigError(
                f"output: cannot write {error.filename or self.folder} ({error.strerror}): "
                "choose a folder that you may write to, as in output=/tmp/outputs"
            ) from None

    def close(self) -> None:
        """Let go of the files and the lock."""
        for lines in self._lines:
            lines.close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def clear(self) -> None:
        """Forget what an earlier run left here, so that this one starts at the beginning."""
        for name in ("result.json", "checkpoint.pt"):
            (self.folder / name).unlink(missing_ok=True)
        for lines in self._lines:
            lines.delete()

    @property
    def _lines(self) -> tuple[JsonLines, ...]:
        return self.metrics, self.estimates

    def save_checkpoint(self, state: dict[str, Any]) -> None:
        """Replace checkpoint.pt, noting how many lines the other files have at this moment; all is then on the disk."""
        for lines in self._lines:
            lines.sync()
        part = self.folder / ".checkpoint.pt.part"
        with part.open("wb") as handle:
            torch.save({**state, "lines": [lines.count() for lines in self._lines]}, handle)
            handle.flush()
            os.fsync(handle.fileno())
        replace_durably(part, self.folder / "checkpoint.pt")

    def read_checkpoint(self, device: torch.device) -> dict[str, Any] | None:
        """The last checkpoint with its tensors on the device, or None; no file changes.

        Raises ConfigError for a file that is no checkpoint of this program.
        """
        file = self.folder / "checkpoint.pt"
        if not file.exists():
            return None
        try:
            state = torch.load(file, map_location=device, weights_only=True)
            _ = state["lines"]
        except Exception as error:
            raise ConfigError(
                f"output: {file} cannot be read ({type(error).__name__}): start this run anew with rerun=true"
            ) from error
        return state

    def load_checkpoint(self, device: torch.device) -> dict[str, Any] | None:
        """`read_checkpoint`, to go on from it: the lines of the other files are cut back to its moment."""
        state = self.read_checkpoint(device)
        if state is None:
            for lines in self._lines:
                lines.delete()  # of an attempt that came to no checkpoint
            return None
        for lines, count in zip(self._lines, state["lines"]):
            lines.keep(count)
        return state

    def finish(self, result: Mapping[str, Any]) -> None:
        """Write result.json: the last thing that a run does."""
        write_atomically(self.folder / "result.json", as_json(result, indent=2) + "\n")
