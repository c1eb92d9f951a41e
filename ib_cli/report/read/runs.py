"""Folders → runs: the records of every run, also of killed, failed and damaged ones."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ib_cli.config.multipliers import MULTIPLIERS
from ib_cli.config.public_names import public_name
from ib_cli.config.settings import LATER
from ib_cli.contracts.errors import DamagedError
from ib_cli.experiment.damage import check_digests
from ib_cli.report.read import damage
from ib_cli.report.read.damage import SPLITS, is_number
from ib_cli.report.read.record_files import Lines, read_json, read_lines, read_yaml
from ib_cli.system.digests import SUMS
from ib_cli.system.file_systems import devices_without_files
from ib_cli.system.plain_text import printable
from ib_cli.system.secrets import masked, without_secrets

RECORDS = ("config.yaml", "result.json", "metrics.jsonl")
FILES = (*RECORDS, "estimates.jsonl", "thermodynamics.jsonl")
MARKS = (*FILES, ".lock", "checkpoint.pt", "run.log")  # a folder with two of these holds, or held, a run
EXACT = "exact_frontier"  # the procedure that computes exact optima
DEPTH = 5  # levels below a named folder: outputs/study/id needs two, a study's name with slashes more
NO_STUDIES = {"figures", "wandb", "node_modules"}
TRIES = 5  # to read a run that is being written
STATUSES = ("done", "failed", "unfinished", "damaged")
T = TypeVar("T")
__all__ = ["SPLITS", "STATUSES", "Reader", "RecordedRun", "is_number", "read_run"]


@dataclass(frozen=True)
class RecordedRun:
    """One run's records. `metrics` maps a measure to its column (n,), a row per line; missing values are NaN.

    A damaged run has no records: only folder, study and problem.
    """

    folder: Path
    study: str
    status: str  # one of STATUSES; unfinished: no result.json yet
    problem: str  # why the run is not done; else ''
    config: Mapping[str, Any] = field(default_factory=dict)  # flat: {"bottleneck.size": 32}; lists as JSON
    minimise: Mapping[str, str | float] = field(default_factory=dict)  # the objective: functionals and their weights
    result: Mapping[str, Any] = field(default_factory=dict)
    multipliers: Mapping[str, float] = field(default_factory=dict)
    metrics: Mapping[str, np.ndarray] = field(default_factory=dict)
    splits: np.ndarray = field(default_factory=lambda: np.array([], dtype=object))  # (n,): of each row of `metrics`
    estimates: tuple[Mapping[str, Any], ...] = ()
    laws: tuple[
        Mapping[str, Any], ...
    ] = ()  # lines of thermodynamics.jsonl: the laws of TherML as the run measured them
    unread: int = 0  # number of lines cut by a kill
    begun: int = 0  # modification time of the config, which an attempt begins with, in nanoseconds
    written: int = 0  # modification time of the result, in nanoseconds; 0 without one

    @property
    def id(self) -> str:
        """The folder's name, a hash of the config."""
        return printable(self.folder.name)

    @property
    def place(self) -> str:
        """The folder as text for tables and pages."""
        return printable(self.folder)

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why the run's own averages are not to be trusted, as it said itself."""
        found = self.result.get("doubts")
        return tuple(printable(str(doubt)) for doubt in found) if isinstance(found, list) else ()

    @property
    def exact(self) -> bool:
        """True for an exact optimum, from procedure=exact_frontier."""
        return self.config.get("procedure._target_") == EXACT and not self.baseline

    @property
    def baseline(self) -> bool:
        """True for what a linear Gaussian model attains, also from procedure=exact_frontier: it bounds nothing."""
        train = self.result.get("train")
        return isinstance(train, Mapping) and train.get("baseline") == 1

    @property
    def epochs(self) -> int:
        """Number of finished epochs."""
        seen = int(self.metrics["epoch"].max()) if len(self.splits) else 0
        return int(self.result.get("epochs", seen))


Read = tuple[tuple[Any, ...], RecordedRun | None]  # sizes and modification times of a folder's files, and its run


@dataclass
class Reader:
    """Reads runs; a later call reads changed runs only."""

    without: list[Path] = field(default_factory=list)  # folders of the last call that hold no run that can be read
    _known: dict[Path, Read] = field(default_factory=dict)
    _places: dict[tuple[int, int], Path] = field(default_factory=dict)  # device and inode → path where it was met first
    _empty: frozenset[int] = frozenset()  # devices that hold no files

    def read(self, folders: Iterable[Path]) -> list[RecordedRun]:
        """All runs in or below the folders, each once, sorted by path; also behind links and in folders mounted twice.

        A folder without a run, or with another program's `config.yaml`, adds nothing. A folder that cannot be read is
        a damaged run.
        """
        found: dict[Path, Read] = {}
        self.without, self._places, self._empty = [], {}, devices_without_files()
        for folder in folders:
            own: set[Path] = set()
            self._search(folder.resolve(), DEPTH, found, own)
            if not any(path in found and _holds_run(found[path]) for path in own):
                self.without.append(folder)
        self._known = dict(sorted(found.items()))
        return [run for _, run in self._known.values() if run is not None]

    @property
    def state(self) -> dict[Path, tuple[Any, ...]]:
        """Folder → sizes and modification times of its files; equal states mean that nothing has changed."""
        return {folder: stamp for folder, (stamp, _) in self._known.items()}

    def _search(self, folder: Path, depth: int, found: dict[Path, Read], seen: set[Path]) -> None:
        """Add what is in the folder, and below it unless it is a sound run. `seen`: folders met, as links may loop."""
        try:
            status = folder.stat()
            if status.st_dev in self._empty:
                return
            if status.st_ino:  # some file systems number nothing
                folder = self._places.setdefault((status.st_dev, status.st_ino), folder)
            if folder in seen:
                return
            seen.add(folder)
            with os.scandir(folder) as entries:
                below = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            seen.add(folder)
            found[folder] = (), _damaged(folder, f"the folder cannot be read ({error.strerror})")
            return
        if any(entry.name in MARKS and not _is_folder(entry) for entry in below):
            found[folder] = found.get(folder) or self._one(folder)
            if (run := found[folder][1]) is not None and run.status != "damaged":
                return
        for entry in below if depth > 0 else ():
            if entry.name.startswith(".") or entry.name in NO_STUDIES or not _is_folder(entry):
                continue
            path = Path(entry.path).resolve()
            if not folder.is_relative_to(path):  # a link upwards would bring in the neighbours of the folder
                self._search(path, depth - 1, found, seen)

    def _one(self, folder: Path) -> Read:
        known, stamp = self._known.get(folder), _stamps(folder)
        if known is not None and known[0] == stamp:
            return known
        for _ in range(TRIES):
            run, before, stamp = read_run(folder), stamp, _stamps(folder)
            if stamp == before:
                break  # else it was written in the meantime: its files may be of two moments
        return before, run


def _holds_run(read: Read) -> bool:
    """Whether there is a run, and not only a folder that cannot be read, which has no stamp."""
    stamp, run = read
    return run is not None and stamp != ()


def read_run(folder: Path) -> RecordedRun | None:
    """The run in a folder; None if the folder holds no run of ib-train.

    A run with records that cannot be right is damaged: its `problem` says why, and it has no numbers. Raises nothing.
    """
    found = _Found()
    config = found.take(read_yaml, folder / "config.yaml") or {}
    result = found.take(read_json, folder / "result.json")
    metrics, estimates, laws = (found.take(read_lines, folder / name) or Lines([], False) for name in FILES[2:])
    if not _is_ours(folder, config, result, metrics.lines, bool(found.reasons)):
        return None
    reasons = found.reasons or _changed(folder, result) or damages(config, result, metrics, estimates, laws)
    named = config.get("name")
    study = printable(named if isinstance(named, str) and named else folder.parent.name)
    if reasons:
        return _damaged(folder, "; ".join(reasons), study)
    return _sound(folder, study, config, result or {}, (metrics, estimates, laws))


def damages(
    config: Mapping[str, Any], result: Mapping[str, Any] | None, metrics: Lines, estimates: Lines, laws: Lines
) -> list[str]:
    """All that is wrong with records that could be read: a run with a reason is damaged. `result`: None without one."""
    reasons = damage.of_config(config)
    if result is not None:
        reasons += damage.of_result(result)
    reasons += damage.of_metrics(metrics.lines) + damage.of_estimates(estimates.lines) + damage.of_laws(laws.lines)
    if result is not None and result.get("status") == "done":
        if not metrics.lines:
            reasons.append("metrics.jsonl has no line")
        for name, lines in (("metrics.jsonl", metrics), ("estimates.jsonl", estimates)):
            if lines.cut:
                reasons.append(f"{name} ends within a line")
    return reasons


def _changed(folder: Path, result: Mapping[str, Any] | None) -> list[str]:
    """Why records are not what was written, by the digests that a run keeps of them."""
    try:
        check_digests(folder)
    except DamagedError as error:
        return [str(error).removeprefix(f"{folder}/")]
    if result is not None and "run" in result and not (folder / SUMS).exists():  # they are written together
        return [f"{SUMS} is missing"]
    return []


class _Found:
    """Reads files, and keeps the reasons against those that cannot be read."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def take(self, read: Callable[[Path], T | None], file: Path) -> T | None:
        """What `read` makes of a file; None without one, and if it cannot be read."""
        try:
            return read(file)
        except DamagedError as error:
            self.reasons.append(str(error))
            return None


def _is_ours(folder: Path, config: Mapping[str, Any], result: Any, lines: list[dict[str, Any]], broken: bool) -> bool:
    """Whether the records are of ib-train, and no other program's files of the same names."""
    if isinstance(config.get("objective"), Mapping) or (result or {}).get("status") in damage.STATUSES:
        return True
    if any(isinstance(line.get("split"), str) and is_number(line.get("epoch")) for line in lines):
        return True
    marks = [name for name in MARKS if os.path.lexists(folder / name)]
    return len(marks) > 1 and (broken or not config or ".lock" in marks)


def _damaged(folder: Path, why: str, study: str = "") -> RecordedRun:
    return RecordedRun(folder, study or printable(folder.parent.name), "damaged", why)


def _sound(
    folder: Path, study: str, config: dict[str, Any], result: dict[str, Any], lines: tuple[Lines, Lines, Lines]
) -> RecordedRun:
    config = {group: _named(group, node) for group, node in {**LATER, **config}.items()}
    metrics, estimates, laws = lines
    columns, splits = _columns(metrics.lines)
    multipliers = result.get("multipliers") or {name: config[name] for name in MULTIPLIERS if name in config}
    status = result.get("status", "unfinished")
    return RecordedRun(
        folder=folder,
        study=study,
        status=status,
        problem=_problem(status, result, config, columns),
        config=dict(_flat(without_secrets(config))),  # earlier versions wrote them
        minimise=config["objective"]["minimise"],
        result=result,
        multipliers={name: float(value) for name, value in multipliers.items()},
        metrics=columns,
        splits=splits,
        estimates=_printable_lines(estimates),
        laws=_printable_lines(laws),
        unread=metrics.cut + estimates.cut + laws.cut,
        begun=(_stamp(folder / "config.yaml") or (0,))[0],
        written=(_stamp(folder / "result.json") or (0,))[0],
    )


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a loop
        return False


def _stamps(folder: Path) -> tuple[tuple[int, int] | None, ...]:
    """Modification time and size of each of a run's files; None for those that are not there."""
    return tuple(_stamp(folder / name) for name in (*FILES, SUMS))


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _named(group: str, node: Any) -> Any:
    """A config node with the public name of its class; earlier versions wrote a path."""
    if isinstance(node, dict) and isinstance(node.get("_target_"), str):
        return {**node, "_target_": public_name(group, node["_target_"])}
    return node


def _columns(lines: list[dict[str, Any]]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """A float column (n,) per numeric key, NaN for None and missing values; and the split of each line (n,)."""
    columns = {}
    for name in dict.fromkeys(name for line in lines for name in line):
        values = [line.get(name) for line in lines]
        if not {int, float}.isdisjoint(map(type, values)):  # else a remark, no measure
            columns[printable(name)] = np.array(values, dtype=float)
    return columns, np.array([line["split"] for line in lines], dtype=object)


def _printable_lines(lines: Lines) -> tuple[dict[str, Any], ...]:
    return tuple(
        {printable(key): printable(value) if isinstance(value, str) else value for key, value in line.items()}
        for line in lines.lines
    )


def _flat(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        elif isinstance(value, list):
            yield f"{prefix}{key}", json.dumps(value)
        else:
            yield f"{prefix}{key}", value


def _problem(
    status: str, result: Mapping[str, Any], config: Mapping[str, Any], columns: Mapping[str, np.ndarray]
) -> str:
    if status == "failed":
        return printable(masked(str(result.get("error") or "no reason given")))
    if status == "unfinished":
        epochs, steps = (columns.get(name, np.zeros(0)) for name in ("epoch", "path_step"))
        if np.isfinite(steps).any():  # beyond the planned epochs, which are those before the path
            planned = (config.get("procedure") or {}).get("steps")
            return f"at step {np.nanmax(steps):.0f}" + (f" of {planned}" if planned else "") + " of its path"
        planned = config.get("epochs")
        return f"at epoch {epochs.max(initial=0):.0f}" + (f" of {planned}" if planned else "")
    return ""
