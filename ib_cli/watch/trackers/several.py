"""Several trackers as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ib_cli.watch.observer import Observer, RunInfo


class Several(Observer):
    """Tells each of its trackers what it is told, in their order."""

    def __init__(self, trackers: Sequence[Observer]) -> None:
        self.trackers = tuple(trackers)

    def start(self, run: RunInfo) -> None:
        """Starts each tracker."""
        for tracker in self.trackers:
            tracker.start(run)

    def progress(self, epoch: int, step: int, steps: int, measures: Mapping[str, float]) -> None:
        """Tells each tracker."""
        for tracker in self.trackers:
            tracker.progress(epoch, step, steps, measures)

    def evaluated(self, line: Mapping[str, Any]) -> None:
        """Tells each tracker."""
        for tracker in self.trackers:
            tracker.evaluated(line)

    def estimated(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Tells each tracker."""
        for tracker in self.trackers:
            tracker.estimated(lines)

    def finish(self, result: Mapping[str, Any]) -> None:
        """Ends each tracker."""
        for tracker in self.trackers:
            tracker.finish(result)

    def interrupt(self, reason: str) -> None:
        """Ends each tracker, as stopped."""
        for tracker in self.trackers:
            tracker.interrupt(reason)
