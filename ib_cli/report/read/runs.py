"""Folders → runs: the records of every run, also of killed and failed ones."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ib_cli.config.multipliers import MULTIPLIERS
from ib_cli.config.public_names import public_name
from ib_cli.contracts.errors import DamagedError
from ib_cli.experiment.damage import check_digests

SPLITS = ("train", "validation", "test")
RECORDS = ("config.yaml", "result.json", "metrics.jsonl")  # a folder with one of these may hold a run
FILES = (*RECORDS, "estimates.jsonl", "thermodynamics.jsonl")
EXACT = "exact_frontier"  # the procedure that computes exact optima
DEPTH = 5  # levels below a named folder: outputs/study/id needs two, a study's name with slashes more
NO_STUDIES = {"figures", "wandb", "node_modules"}
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's is ten times as fast


@dataclass(frozen=True)
class RecordedRun:
    """One run's records. `metrics` maps a measure to its column (n,), a row per line; missing values are NaN."""

    folder: Path
    study: str
    status: str  # done, failed, or unfinished: no result.json yet
    config: Mapping[str, Any]  # flat: {"bottleneck.size": 32}; lists as JSON
    minimise: Mapping[str, str | float]  # the objective: functionals and their weights
    result: Mapping[str, Any]
    multipliers: Mapping[str, float]
    metrics: Mapping[str, np.ndarray]
    splits: np.ndarray  # (n,) the split of each row of `metrics`
    estimates: tuple[Mapping[str, Any], ...]
    laws: tuple[Mapping[str, Any], ...]  # lines of thermodynamics.jsonl: the laws of TherML as the run measured them
    unread: int  # number of unreadable lines, cut by a kill
    problem: str  # why the run is not done, and which records are damaged; else ''

    @property
    def id(self) -> str:
        """The folder's name, a hash of the config."""
        return self.folder.name

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why the run's own averages are not to be trusted, as it said itself."""
        found = self.result.get("doubts")
        return tuple(map(str, found)) if isinstance(found, list) else ()

    @property
    def exact(self) -> bool:
        """True for an exact optimum, from procedure=exact_frontier."""
        return self.config.get("procedure._target_") == EXACT

    @property
    def epochs(self) -> int:
        """Number of finished epochs."""
        seen = int(self.metrics["epoch"].max()) if len(self.splits) else 0
        done = self.result.get("epochs")
        return int(done) if isinstance(done, Real) else seen


@dataclass
class Reader:
    """Reads runs; a later call reads changed runs only."""

    _known: dict[Path, tuple[tuple, RecordedRun | None]] = field(default_factory=dict)

    def read(self, folders: Iterable[Path]) -> list[RecordedRun]:
        """All runs in or below the folders, each once, sorted by path.

        A folder without a run, or with another program's `config.yaml`, adds nothing.
        """
        found = sorted({run.resolve() for folder in folders for run in _candidates(folder, DEPTH)})
        self._known = {folder: self._one(folder) for folder in found}
        return [run for _, run in self._known.values() if run is not None]

    @property
    def state(self) -> dict[Path, tuple]:
        """Folder → sizes and modification times of its files; equal states mean that nothing has changed."""
        return {folder: stamp for folder, (stamp, _) in self._known.items()}

    def _one(self, folder: Path) -> tuple[tuple, RecordedRun | None]:
        stamp = tuple(_stamp(folder / name) for name in FILES)
        known = self._known.get(folder)
        return known if known is not None and known[0] == stamp else (stamp, read_run(folder))


def read_run(folder: Path) -> RecordedRun | None:
    """The run in a folder; None if the folder holds no run of ib-train.

    Unreadable records give an unfinished run whose `problem` says so, and raise nothing.
    """
    try:
        return _read_run(folder)
    except DamagedError as error:
        return _unreadable(folder, str(error).removeprefix(f"{folder}/"))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        return _unreadable(folder, f"its records are damaged ({type(error).__name__})")


def _unreadable(folder: Path, problem: str) -> RecordedRun:
    """A run of which nothing is shown but why."""
    empty: dict[str, Any] = {
        "config": {},
        "minimise": {},
        "result": {},
        "multipliers": {},
        "metrics": {},
        "estimates": (),
        "laws": (),
    }
    splits, study = np.array([], dtype=object), folder.parent.name
    return RecordedRun(folder, study, "unfinished", splits=splits, unread=0, problem=problem, **empty)


def _read_run(folder: Path) -> RecordedRun | None:
    check_digests(folder)
    problems: list[str] = []
    config, result = _config(folder, problems), _result(folder, problems)
    lines, cut = _lines(folder / "metrics.jsonl", problems)
    lines = [line for line in lines if isinstance(line.get("split"), str) and is_number(line.get("epoch"))]
    if not (isinstance(config.get("objective"), Mapping) or result.get("status") in ("done", "failed") or lines):
        return None
    estimates, cut_estimates = _lines(folder / "estimates.jsonl", problems)
    laws, cut_laws = _lines(folder / "thermodynamics.jsonl", problems)
    columns, splits = _columns(lines)
    status = result["status"] if result.get("status") in ("done", "failed") else "unfinished"
    objective = config.get("objective")
    minimise = objective.get("minimise") if isinstance(objective, Mapping) else None
    multipliers = result.get("multipliers") or {name: config[name] for name in MULTIPLIERS if name in config}
    run = RecordedRun(
        folder=folder,
        study=str(config.get("name") or folder.parent.name),
        status=status,
        config=dict(_flat(config)),
        minimise=minimise if isinstance(minimise, Mapping) else {},
        result=result,
        multipliers={name: float(value) for name, value in multipliers.items() if isinstance(value, Real)},
        metrics=columns,
        splits=splits,
        estimates=tuple(estimates),
        laws=tuple(laws),
        unread=cut + cut_estimates + cut_laws,
        problem="",
    )
    return RecordedRun(**{**run.__dict__, "problem": _problem(run, problems)})


def _candidates(folder: Path, depth: int) -> Iterator[Path]:
    """Folders that may hold a run; their subfolders are not searched."""
    if any((folder / name).is_file() for name in RECORDS):
        yield folder
        return
    if depth == 0:
        return
    try:
        below = sorted(path for path in folder.iterdir() if path.is_dir())
    except PermissionError:  # a subfolder of another user; the caller checks the named folder itself
        return
    for path in below:
        if not path.name.startswith(".") and path.name not in NO_STUDIES:
            yield from _candidates(path, depth - 1)


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _text(file: Path, problems: list[str]) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        problems.append(f"{file.name} cannot be read ({error.strerror})")
        return ""


def _config(folder: Path, problems: list[str]) -> dict[str, Any]:
    try:
        config = yaml.load(_text(folder / "config.yaml", problems), Loader=LOADER)
    except yaml.YAMLError:
        problems.append("config.yaml is no YAML")
        return {}
    return {group: _named(str(group), node) for group, node in config.items()} if isinstance(config, dict) else {}


def _named(group: str, node: Any) -> Any:
    """A config node with the public name of its class; earlier versions wrote a path."""
    if isinstance(node, dict) and isinstance(node.get("_target_"), str):
        return {**node, "_target_": public_name(group, node["_target_"])}
    return node


def _result(folder: Path, problems: list[str]) -> dict[str, Any]:
    text = _text(folder / "result.json", problems)
    try:
        result = json.loads(text) if text else {}
    except json.JSONDecodeError:
        problems.append("result.json is no JSON")
        return {}
    if not isinstance(result, dict):
        problems.append("result.json is no result")
        return {}
    return _sound(result, problems)


def _sound(result: dict[str, Any], problems: list[str]) -> dict[str, Any]:
    """The result without entries of a wrong type; adds their names to `problems`."""
    texts, numbers = ("status", "objective", "lagrangian", "error"), ("seed", "epochs", "seconds")
    wrong = [name for name in texts if not isinstance(result.get(name), str | None)]
    wrong += [name for name in numbers if not (result.get(name) is None or is_number(result[name]))]
    for name in ("multipliers", *SPLITS):
        entries = result.get(name)
        if entries is None:
            continue
        if not isinstance(entries, dict) or not all(value is None or is_number(value) for value in entries.values()):
            wrong.append(name)
    if wrong:
        problems.append(f"result.json has no proper {', '.join(wrong)}")
    if result.get("status") == "done" and not any(result.get(split) for split in SPLITS):
        problems.append("result.json has no measures")
    return {name: value for name, value in result.items() if name not in wrong}


def is_number(value: Any) -> bool:
    """True for a number that is finite as a float."""
    if not isinstance(value, Real):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _lines(file: Path, problems: list[str]) -> tuple[list[dict[str, Any]], int]:
    """Objects in a .jsonl file, and the number of unreadable lines. Parsed at once if possible, as that is faster."""
    texts = [line for line in _text(file, problems).split("\n") if line.strip()]
    try:
        lines, cut = json.loads(f"[{','.join(texts)}]"), 0
    except json.JSONDecodeError:
        lines, cut = [], 0
        for text in texts:
            try:
                lines.append(json.loads(text))
            except json.JSONDecodeError:  # cut by a kill; the caller reports the count
                cut += 1
    objects = [line for line in lines if isinstance(line, dict)]
    return objects, cut + len(lines) - len(objects)


def _columns(lines: list[dict[str, Any]]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """A float column (n,) per numeric key, NaN for None and missing values; and the split of each line (n,)."""
    names = dict.fromkeys(name for line in lines for name in line)
    columns: dict[str, np.ndarray] = {}
    for name in names:
        if name == "split":
            continue
        values = [line.get(name) for line in lines]
        try:
            columns[name] = np.array(values, dtype=float)
        except (TypeError, ValueError):  # some values are no numbers: keep the numbers
            columns[name] = np.array([value if isinstance(value, Real) else np.nan for value in values], dtype=float)
    return columns, np.array([line["split"] for line in lines], dtype=object)


def _flat(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        elif isinstance(value, list | tuple):
            yield f"{prefix}{key}", json.dumps(value, default=str)
        else:
            yield f"{prefix}{key}", value


def _problem(run: RecordedRun, problems: list[str]) -> str:
    parts = list(problems)
    if run.status == "failed":
        parts.insert(0, str(run.result.get("error") or "no reason given"))
    elif run.status == "unfinished":
        planned = run.config.get("epochs")
        parts.insert(0, f"at epoch {run.epochs}" + (f" of {planned}" if planned else ""))
    return "; ".join(parts)
