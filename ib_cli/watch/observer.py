"""Observers of a run: the screen and the trackers. They mirror the records and never influence the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from typing import Any

from ib_cli.config.public_names import short_name
from ib_cli.contracts.labels import GREEK


@dataclass(frozen=True)
class RunInfo:
    """The facts about a run that its observers show at the start."""

    study: str
    id: str
    folder: Path
    lagrangian: str  # what is minimised, with numbers: "C + 0.01 R"
    facts: Mapping[str, str]  # data, model, parameters, device … in words, in the order to show them
    epochs: int
    first_epoch: int  # 0, or the epoch at which an interrupted run goes on
    config: Mapping[str, Any]  # the resolved config as plain containers
    multipliers: Mapping[str, float] = field(default_factory=dict)  # those of the objective

    @property
    def kinds(self) -> dict[str, str]:
        """What is trained on what, by its names: objective, data set, architecture, procedure."""
        found = {"objective": str((self.config.get("objective") or {}).get("name", ""))}
        for group in ("dataset", "architecture", "procedure"):
            if target := (self.config.get(group) or {}).get("_target_"):
                found[group] = short_name(group, target)
        return {group: name for group, name in found.items() if name}

    @property
    def title(self) -> str:
        """A name for people, such as `vib γ=0.01 seed=0`."""
        words = [self.kinds.get("objective", self.id)]
        words += [f"{GREEK.get(name, name)}={value:g}" for name, value in self.multipliers.items()]
        return " ".join([*words, f"seed={self.config['seed']}"] if "seed" in self.config else words)


class Observer:
    """Methods called during a run; each does nothing unless a subclass overrides it."""

    def start(self, run: RunInfo) -> None:
        """Called before the first step."""

    def progress(self, epoch: int, step: int, steps: int, measures: Mapping[str, float]) -> None:
        """Called at most a few times a second: `step` of the `steps` of the current epoch are done, `epoch` counts from
        0; `measures` are the epoch's running averages."""

    def evaluated(self, line: Mapping[str, Any]) -> None:
        """Called with a line as written to metrics.jsonl: epoch, step, split, then the measures."""

    def estimated(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Called with the lines written to estimates.jsonl after an epoch: epoch, split, the fields of an Estimate."""

    def finish(self, result: Mapping[str, Any]) -> None:
        """Called with the content of result.json when the run is done or failed."""

    def interrupt(self, reason: str) -> None:
        """Called when the run stops before its end (Ctrl-C, SIGTERM) and can be continued."""


def estimate_name(line: Mapping[str, Any]) -> str:
    """The name of an estimate among all numbers of a run: `train/I[X;Z] (mixture)`."""
    return f"{line['split']}/{line['quantity']} ({line['estimator']})"


def final_numbers(result: Mapping[str, Any], estimated: str = "train") -> dict[str, float]:
    """The numbers of a result by name: `<split>/<measure>`, and `<split>/<quantity> (<estimator>)` of estimates.

    `estimated`: the split that estimates are of.
    """
    found = {
        f"{split}/{name}": value
        for split in ("train", "validation", "test")
        for name, value in (result.get(split) or {}).items()
    }
    for estimator, quantities in (result.get("estimates") or {}).items():
        for quantity, told in quantities.items():
            found[f"{estimated}/{quantity} ({estimator})"] = told["value"]
    return {name: float(value) for name, value in found.items() if isinstance(value, Real)}


def estimated_split(run: RunInfo) -> str:
    """The split that a run's estimates are of."""
    return str((run.config.get("estimators") or {}).get("split", "train"))


def pictures(run: RunInfo) -> list[Path]:
    """The pictures that a run has drawn at its end."""
    return sorted((run.folder / "figures").glob("*.png"))


def choices(run: RunInfo) -> dict[str, Any]:
    """What tells a study's runs apart most often, by name."""
    found: dict[str, Any] = {**run.kinds, **run.multipliers}
    for key in ("seed", "batch_size", "optimizer.lr"):
        group, _, name = key.rpartition(".")
        value = (run.config.get(group) or {}).get(name) if group else run.config.get(name)
        found |= {} if value is None else {key: value}
    return found
