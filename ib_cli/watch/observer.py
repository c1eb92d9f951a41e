"""What watches a run: the screen and the trackers. They mirror the records and never influence the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class RunInfo:
    """A run as its observers introduce it."""

    study: str
    id: str
    folder: Path
    lagrangian: str  # what is minimised, with numbers: "C + 0.01 R"
    facts: Mapping[str, str]  # data, model, parameters, device … in words, in the order to show them
    epochs: int
    first_epoch: int  # 0, or the epoch at which an interrupted run goes on
    config: Mapping[str, Any]  # the resolved config as plain containers


class Observer:
    """Each method is called as its name says; the ones that an observer has no use for do nothing."""

    def start(self, run: RunInfo) -> None:
        """Before the first step."""

    def progress(self, epoch: int, step: int, steps: int, measures: Mapping[str, float]) -> None:
        """A few times a second at most: `epoch` counts from 0 and is under way, `step` of its `steps` are done;
        `measures` are the epoch's running averages."""

    def evaluated(self, line: Mapping[str, Any]) -> None:
        """A line as written to metrics.jsonl: epoch, step, split, then the measures."""

    def estimated(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """The lines written to estimates.jsonl after an epoch: epoch, split, then the fields of an Estimate."""

    def finish(self, result: Mapping[str, Any]) -> None:
        """The content of result.json, of a run that is done or failed."""

    def interrupt(self, reason: str) -> None:
        """The run stops before its end (Ctrl-C, SIGTERM) and can be continued."""


def estimate_name(line: Mapping[str, Any]) -> str:
    """How an estimate is called where all of a run's numbers are: `train/I[X;Z] (mixture)`."""
    return f"{line['split']}/{line['quantity']} ({line['estimator']})"
