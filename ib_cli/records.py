"""A run's folder: the truth about a run. Whatever is written here survives a kill at any moment."""

from __future__ import annotations

import fcntl
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

import torch

from ib_cli.errors import BusyError, ConfigError


def write_atomically(file: Path, content: str | bytes) -> None:
    """Replace a file as a whole: a kill leaves the old content or the new, never a part."""
    part = file.with_name(f".{file.name}.part")
    with part.open("wb") as handle:
        handle.write(content.encode() if isinstance(content, str) else content)
        handle.flush()
        os.fsync(handle.fileno())
    replace_durably(part, file)


def replace_durably(part: Path, file: Path) -> None:
    """Rename a file that is on the disk already, and wait until the disk knows its new name too."""
    part.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def as_json(value: Any, indent: int | None = None) -> str:
    """JSON as every reader accepts it: a number that is not finite becomes null."""

    def finite(part: Any) -> Any:
        if isinstance(part, float) and not math.isfinite(part):
            return None
        if isinstance(part, Mapping):
            return {key: finite(inner) for key, inner in part.items()}
        return [finite(inner) for inner in part] if isinstance(part, list | tuple) else part

    return json.dumps(finite(value), indent=indent, allow_nan=False)


class Records:
    """config.yaml, metrics.jsonl, checkpoint.pt and result.json of one run, in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._metrics: TextIO | None = None
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
        try:
            (self.folder / "figures").mkdir(parents=True, exist_ok=True)
            self._lock = (self.folder / ".lock").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            write_atomically(self.folder / "config.yaml", config)
        except BlockingIOError:
            self._lock.close()
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
        for handle in (self._metrics, self._lock):
            if handle is not None:
                handle.close()
        self._metrics = self._lock = None

    def clear(self) -> None:
        """Forget what an earlier run left here, so that this one starts at the beginning."""
        for name in ("result.json", "checkpoint.pt", "metrics.jsonl", "estimates.jsonl"):
            (self.folder / name).unlink(missing_ok=True)

    def log(self, line: Mapping[str, Any]) -> None:
        """Append one line to metrics.jsonl and flush it."""
        if self._metrics is None:
            self._metrics = (self.folder / "metrics.jsonl").open("a")
        self._metrics.write(as_json(line) + "\n")
        self._metrics.flush()

    def _count_lines(self) -> int:
        file = self.folder / "metrics.jsonl"
        return file.read_bytes().count(b"\n") if file.exists() else 0

    def metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl so far; a last line cut short by a kill does not count."""
        file = self.folder / "metrics.jsonl"
        if not file.exists():
            return []
        return [json.loads(line) for line in file.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def keep_lines(self, count: int) -> None:
        """Drop the lines of metrics.jsonl past the first `count`, which came after the checkpoint in use.

        Raises ConfigError where there are fewer, as some have been lost.
        """
        if self._metrics is not None:
            self._metrics.close()
            self._metrics = None
        file = self.folder / "metrics.jsonl"
        lines = file.read_bytes().splitlines(keepends=True) if file.exists() else []
        whole = [line for line in lines if line.endswith(b"\n")]
        if len(whole) < count:
            raise ConfigError(f"output: {file} has {len(whole)} lines where its checkpoint saw {count}: put them back, "
                              "or start this run anew with rerun=true")  # fmt: skip
        write_atomically(file, b"".join(whole[:count]))

    def save_checkpoint(self, state: dict[str, Any]) -> None:
        """Replace checkpoint.pt, noting how many lines metrics.jsonl has at this moment; both are then on the disk."""
        if self._metrics is not None:
            os.fsync(self._metrics.fileno())
        part = self.folder / ".checkpoint.pt.part"
        with part.open("wb") as handle:
            torch.save({**state, "lines": self._count_lines()}, handle)
            handle.flush()
            os.fsync(handle.fileno())
        replace_durably(part, self.folder / "checkpoint.pt")

    def load_checkpoint(self, device: torch.device) -> dict[str, Any] | None:
        """The last checkpoint with its tensors on the device, or None; metrics.jsonl is cut back to its moment.

        Raises ConfigError for a file that is no checkpoint of this program.
        """
        file = self.folder / "checkpoint.pt"
        if not file.exists():
            (self.folder / "metrics.jsonl").unlink(missing_ok=True)  # of an attempt that came to no checkpoint
            return None
        try:
            state = torch.load(file, map_location=device, weights_only=True)
            lines = state["lines"]
        except Exception as error:
            raise ConfigError(
                f"output: {file} cannot be read ({type(error).__name__}): start this run anew with rerun=true"
            ) from error
        self.keep_lines(lines)
        return state

    def finish(self, result: Mapping[str, Any]) -> None:
        """Write result.json: the last thing that a run does."""
        write_atomically(self.folder / "result.json", as_json(result, indent=2) + "\n")
