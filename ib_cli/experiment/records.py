"""A run's folder: the truth about a run. Whatever is written here survives a kill at any moment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ib_cli.contracts.errors import BusyError, ConfigError, DamagedError, WriteError
from ib_cli.experiment.checkpoints import Checkpoints
from ib_cli.experiment.damage import (
    BEST,
    LINES,
    MORE,
    check_finished,
    check_links,
    check_order,
    check_places,
    remove_parts,
)
from ib_cli.system.atomic import as_json, write_atomically, writing
from ib_cli.system.digests import SUMS, digest_of, read_sums, sealed_text, write_sums, zip_notes
from ib_cli.system.folder_lock import FolderLock, at_this_run
from ib_cli.system.json_lines import JsonLines
from ib_cli.system.torch_files import read_torch, torch_bytes


class Records:
    """config.yaml, metrics.jsonl, estimates.jsonl, checkpoint.pt and result.json of one run, in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.begun = ""  # when the run's first attempt began; every checkpoint keeps it
        self.metrics, self.estimates = (JsonLines(folder / name) for name in LINES)  # a line an evaluation, an estimate
        self.checkpoints = Checkpoints(folder)
        self._lock = FolderLock(folder)

    @property
    def result(self) -> dict[str, Any] | None:
        """The content of result.json, or None while the run has none that can be read, and is as it was written."""
        if not (self.folder / "result.json").is_file():
            return None
        try:
            content = (self.folder / "result.json").read_bytes()
            found = json.loads(content)
        except (OSError, ValueError):
            return None
        try:
            digest = read_sums(self.folder).get("result.json")
        except DamagedError:  # `done` tells; what the run itself says is all that there is
            digest = None
        if digest not in (None, digest_of(content)):
            return None
        return found if isinstance(found, dict) and "status" in found else None

    @property
    def done(self) -> dict[str, Any] | None:
        """The result of a run that is done; None for any other run.

        Raises DamagedError where one of the run's other records is not what was written.
        """
        check_places(self.folder)
        found = self.result
        if found is None or found["status"] != "done":
            return None
        check_finished(self.folder, found)
        return found

    def open(self, config: str) -> None:
        """Make the folder, take its lock and write config.yaml.

        Raises ConfigError where the folder is no place to write to, WriteError where the disk is full and the like,
        DamagedError where a record is no file, BusyError where another process is at this very run.
        """
        if self._lock.held:
            raise BusyError(f"output: this process is at this run already ({self.folder}): wait for it")
        try:
            check_places(self.folder)
            check_links(self.folder)
            with writing(self.folder):
                (self.folder / "figures").mkdir(parents=True, exist_ok=True)
            with writing(self.folder / ".lock"):
                taken = self._lock.take()
            if not taken:
                holder = self._lock.holder() or "another process"
                text = f"output: {at_this_run(holder)} ({self.folder}): wait for it, or change the config or the "
                raise BusyError(f"{text}study's name", str(self.folder), holder)
            with writing(self.folder):
                remove_parts(self.folder)
            write_atomically(self.folder / "config.yaml", sealed_text(config))
        except DamagedError:
            self.close()
            raise
        except WriteError as error:
            self.close()
            if not error.wrong_place:
                raise
            raise ConfigError(error.remedy) from None

    def close(self) -> None:
        """Let go of the files and the lock."""
        for lines in self._lines:
            lines.close()
        self._lock.release()

    def clear(self) -> None:
        """Forget what an earlier run left here, so that this one starts at the beginning."""
        self.forget_result()
        self.checkpoints.delete()
        (self.folder / BEST).unlink(missing_ok=True)
        for lines in self._lines:
            lines.delete()

    def forget_result(self) -> None:
        """Delete the result of an attempt that failed, or whose result cannot be read."""
        for name in ("result.json", SUMS, *MORE):
            (self.folder / name).unlink(missing_ok=True)

    @property
    def _lines(self) -> tuple[JsonLines, ...]:
        return self.metrics, self.estimates

    def save_checkpoint(self, state: dict[str, Any]) -> None:
        """Replace checkpoint.pt, noting how many lines the other files have at this moment; all is then on the disk.

        Raises WriteError, and leaves the old one, where it cannot be written.
        """
        for lines in self._lines:
            lines.sync()
        counts = [lines.count() for lines in self._lines]
        notes = {lines.file.name: [lines.count(), lines.digest()] for lines in self._lines}
        self.checkpoints.save({**state, "lines": counts, "run": self.folder.name, "begun": self.begun}, notes)

    def save_best(self, state: Mapping[str, Any], about: Mapping[str, Any]) -> None:
        """Replace best.pt; `about`: its epoch, and what is best of it. Raises WriteError where it cannot be written."""
        content = torch_bytes({**state, **about, "run": self.folder.name}, about)
        write_atomically(self.folder / BEST, content)

    @property
    def best(self) -> dict[str, Any] | None:
        """Of best.pt: `epoch`, `split`, and `value` of the measure `watch` there; None without one that is whole."""
        try:
            return zip_notes((self.folder / BEST).read_bytes())
        except (OSError, ValueError):
            return None

    def read_best(self, device: torch.device) -> dict[str, Any] | None:
        """The content of best.pt, with its tensors on the device; None without one.

        Raises DamagedError where it is not whole, or another run's.
        """
        file = self.folder / BEST
        if not file.exists():
            return None
        state, _ = read_torch(file, device)
        if state.get("run") != (self.result or {}).get("run", self.folder.name) or "params" not in state:
            raise DamagedError(f"{file} is not of this run")
        return state

    def read_checkpoint(self, device: torch.device) -> dict[str, Any] | None:
        """The last checkpoint that is whole, with its tensors on the device, or None; no file changes.

        Raises DamagedError where there are files and none is a whole checkpoint of this run.
        """
        name = (self.result or {}).get("run")  # a folder that was copied may have another one
        found = self.checkpoints.read(device, lambda state, notes: self._check_run(state, name))
        return None if found is None else found[0]

    def load_checkpoint(self, device: torch.device) -> dict[str, Any] | None:
        """`read_checkpoint`, to go on from it: the lines of the other files are cut back to its moment.

        These lines must be there, as they were: without them an earlier checkpoint is taken, or DamagedError raised.
        """
        found = self.checkpoints.read(device, self._check_lines)
        if found is None:
            for lines in self._lines:
                lines.delete()  # of an attempt that came to no checkpoint
            return None
        self._return_to(*found)
        return found[0]

    def go_back(self, device: torch.device, epoch: int, step: int) -> dict[str, Any] | None:
        """The checkpoint before the last, to go on from it, if it is whole and of this step of this epoch.

        Else None, and no file changes.
        """
        state = self.checkpoints.read_previous(device, self._check_lines)
        if state is None or (state["epoch"], state.get("step_in_epoch", 0)) != (epoch, step):
            return None
        self._return_to(state, self.checkpoints.previous)
        return state

    def _return_to(self, state: Mapping[str, Any], file: Path) -> None:
        for lines, count in zip(self._lines, state["lines"]):
            lines.keep(count)
        self.checkpoints.settle(file)

    def _check_run(self, state: Mapping[str, Any], name: str | None) -> None:
        """Raises DamagedError for a state that another run wrote. Earlier versions wrote no name."""
        if name is not None and state.get("run", name) != name:
            raise DamagedError(f"{self.checkpoints.last} is the checkpoint of another run, {state['run']}")

    def _check_lines(self, state: Mapping[str, Any], notes: Mapping[str, Any]) -> None:
        self._check_run(state, self.folder.name)
        for lines, count in zip(self._lines, state["lines"]):
            lines.check(count, notes[lines.file.name][1] if notes else None)
            if not notes:  # an earlier version's
                check_order(lines.file, lines.read()[:count])

    def finish(self, result: Mapping[str, Any]) -> None:
        """Write result.json, the last thing that a run does, and before it the digests of all records."""
        content = as_json({"status": result["status"], "run": self.folder.name, **result}, indent=2) + "\n"
        digests = {"config.yaml": digest_of((self.folder / "config.yaml").read_bytes())}
        digests |= {lines.file.name: lines.digest() for lines in self._lines if lines.file.exists()}
        files = {name: self.folder / name for name in MORE}
        digests |= {name: digest_of(file.read_bytes()) for name, file in files.items() if file.exists()}
        write_sums(self.folder, digests | {"result.json": digest_of(content.encode())})
        self.checkpoints.end()  # before the result: nobody comes back to a run that has one
        try:
            write_atomically(self.folder / "result.json", content)
        except WriteError:
            (self.folder / SUMS).unlink()  # it is of a result that is not there
            raise
