"""A multirun on the screen: in a terminal a live table; elsewhere, and in study.log, one line per change."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ib_cli.config.told_command import told_command
from ib_cli.contracts.labels import counted
from ib_cli.contracts.told_numbers import duration
from ib_cli.study.job_outcomes import FAILED, Outcome
from ib_cli.study.study_log import StudyLog
from ib_cli.study.study_table import STYLES, end_table, folders, live_table, same_runs, varying, written_alike
from ib_cli.system.plain_text import printable
from ib_cli.watch.screen import Terminal, number, readable

LIVE = ("J", "accuracy", "mse", "C", "D")
MEASURES = ("J", "R", "R_Y", "C", "D", "accuracy", "mse")
LAST_BYTES = 4096  # of metrics.jsonl: more than its last line
ROWS_BESIDE = 12  # lines of a terminal that the live table leaves to other things


class StudyScreen:
    """Shows the outcomes of a study's jobs."""

    def __init__(self, study: str, log: StudyLog, flags: Sequence[str] = (), console: Console | None = None) -> None:
        """`flags`: words of the command line that belong to each job beside its overrides, such as --config-dir X."""
        self.flags = flags
        self.study, self.log, self.console = study, log, console or Terminal()
        self.started = time.monotonic()
        self._shown: dict[int, str] = {}
        self._outcomes: Sequence[Outcome] = ()
        self._live: Live | None = None

    def update(self, outcomes: Sequence[Outcome]) -> None:
        """Show the jobs' new outcomes: a line for each change, or the live table."""
        outcomes = written_alike(outcomes)
        self._outcomes = outcomes
        interactive = self.console.is_interactive
        if interactive and self._live is None:
            self._live = Live(get_renderable=self._picture, console=self.console, transient=True, refresh_per_second=2)
            self._live.start()
        for position, outcome in enumerate(outcomes):
            if outcome.status != "waiting" and self._shown.get(position) != outcome.status:
                self._shown[position] = outcome.status
                self._tell(f"{position + 1}/{len(outcomes)} {self._line(outcome)}", interactive)

    def close(self) -> None:
        """Remove the live table."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def table(self, outcomes: Sequence[Outcome]) -> None:
        """Print the table at the end; then why runs failed, and the commands that run just these again.

        Jobs that never began are only counted.
        """
        told = written_alike(outcomes)
        self.console.print(self._end_table([outcome for outcome in told if outcome.status != "waiting"]))
        varied = varying(told)
        for outcome in told:
            if outcome.status in FAILED:
                label = " ".join(word for word in outcome.overrides if word.partition("=")[0] in varied)
                known = not label or outcome.error.startswith(f"{label}:")
                why = outcome.error if known else f"{label}: {outcome.error}"
                if outcome.status == "wrong":  # as every wrong command
                    print(f"ib-train: {printable(why)}", file=sys.stderr)
                else:
                    self._print(why, "red")
        for maker, count in Counter(outcome.maker for outcome in outcomes if outcome.maker).items():
            self._print(f"{counted(count, 'run')} made by {maker}, not by this one: rerun=true repeats", "")
        for line in same_runs(outcomes):
            self._print(line, "")
        failed = [outcome for outcome in outcomes if outcome.status == "failed"]
        if failed and len(outcomes) > 1:
            self._print("to run just the failed ones again:", "")
            for outcome in failed:
                self._print(f"  {told_command(['ib-train', *self.flags, *outcome.overrides])}", "")
        summary = f"{counts(outcomes)} in {duration(time.monotonic() - self.started)}"
        self.log.write(summary)
        self._print("; ".join([summary, *folders(outcomes)]), "bold")

    def _print(self, text: str, style: str) -> None:
        self.console.print(Text(readable(text, self.console.encoding), style), soft_wrap=True)

    def _tell(self, line: str, log_only: bool) -> None:
        self.log.write(line)
        if not log_only:
            self._print(line, "")

    def _line(self, outcome: Outcome) -> str:
        varied = varying(self._outcomes)
        words = [word for word in outcome.overrides if word.partition("=")[0] in varied]
        measured = [f"{name} {number(outcome.test[name])}" for name in MEASURES if name in outcome.test]
        return "  ".join([outcome.status, " ".join(words), *measured, outcome.error]).rstrip()

    def _picture(self) -> Group:
        """The study's counts, and as many jobs as fit the terminal: running, then the latest to end, then waiting."""
        outcomes = self._outcomes
        room = max(self.console.height - ROWS_BESIDE, 3)
        running = [outcome for outcome in outcomes if outcome.status == "running"]
        ended = [outcome for outcome in outcomes if outcome.status not in ("running", "waiting", "busy")]
        waiting = [outcome for outcome in outcomes if outcome.status in ("waiting", "busy")]
        shown = [*ended[-max(room - len(running), 1) :], *running]
        shown += waiting[: max(room - len(shown), 0)]
        standing = Text(f"{readable(self.study, self.console.encoding)}: {counts(outcomes)}{self._time_left(outcomes)}")
        return Group(standing, self._live_table(shown))

    def _time_left(self, outcomes: Sequence[Outcome]) -> str:
        own = sum(outcome.status in ("done", "failed") for outcome in outcomes)
        rest = sum(outcome.status in ("waiting", "running") for outcome in outcomes)
        if not own or not rest:
            return ""
        return f"; about {duration((time.monotonic() - self.started) / own * rest)} left"

    def _live_table(self, outcomes: Sequence[Outcome]) -> Table:
        """One row per job: what tells it from the others, its status, and its error, measures or epoch so far."""
        encoding = self.console.encoding
        texts = [readable(outcome.error or _now(outcome) or _measured(outcome), encoding) for outcome in outcomes]
        return live_table(outcomes, self._outcomes or outcomes, texts, self.console.width, encoding)

    def _end_table(self, outcomes: Sequence[Outcome]) -> Table:
        """One row per job: what tells it from the others, and one column per measure."""
        measured = [name for name in MEASURES if any(name in outcome.test for outcome in outcomes)]
        console = self.console
        return end_table(outcomes, self._outcomes or outcomes, measured, console.width, console.encoding)


def counts(outcomes: Sequence[Outcome]) -> str:
    """The number of jobs by status, as `3 waiting, 1 running, 20 done`."""
    of = Counter(outcome.status for outcome in outcomes)
    return ", ".join(f"{of[status]} {status}" for status in STYLES if of[status])


def _measured(outcome: Outcome) -> str:
    return "  ".join(f"{name} {number(outcome.test[name])}" for name in LIVE if name in outcome.test)


def _now(outcome: Outcome) -> str:
    """Epoch and J of a running job, from the last line of its metrics.jsonl."""
    line = last_line(Path(outcome.folder) / "metrics.jsonl") if outcome.status == "running" and outcome.folder else None
    return f"epoch {line['epoch']}  J {number(line.get('J'))}" if line else ""


def last_line(file: Path) -> dict[str, Any] | None:
    """The last whole line of a JSONL file that is being written, or None."""
    if not file.is_file():
        return None
    with file.open("rb") as handle:
        handle.seek(max(os.fstat(handle.fileno()).st_size - LAST_BYTES, 0))
        lines = handle.read().split(b"\n")[:-1]  # what follows the last line break is not whole
    if len(lines) < 2 and not (lines and lines[0].startswith(b"{")):
        return None
    try:
        found = json.loads(lines[-1])
    except ValueError:  # damaged: the run itself will say so
        return None
    return found if isinstance(found, dict) and "epoch" in found else None
