"""Observers of a run: the screen and the trackers. They mirror the records and never influence the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


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
