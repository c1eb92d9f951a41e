"""The runs of a multirun in one table, at its end."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ib_cli.run import Outcome
from ib_cli.screen import number, readable

MEASURES = ("J", "R", "R_Y", "C", "D", "accuracy")
STYLES = {"done": "green", "skipped": "dim", "failed": "bold red"}


def show_study(outcomes: Sequence[Outcome], console: Console | None = None) -> None:
    """Prints a row a run: what it differs by, how it ended, its test measures; then why runs failed."""
    console = console or Console()
    varied = _varied(outcomes)
    measured = [name for name in MEASURES if any(name in outcome.result.get("test", {}) for outcome in outcomes)]
    table = Table(caption="test split; nats", caption_justify="left")
    table.add_column("run")
    table.add_column("", overflow="fold")
    table.add_column("status")
    for name in measured:
        table.add_column(Text(name), justify="right", no_wrap=True)
    for outcome in outcomes:
        own = " ".join(word for word in outcome.overrides if word.partition("=")[0] in varied)
        test = outcome.result.get("test", {})
        table.add_row(
            outcome.folder.name if outcome.folder else "-",
            Text(readable(own, console.encoding)),
            Text(outcome.status, STYLES[outcome.status]),
            *(number(test.get(name)) for name in measured),
        )
    console.print(table)
    for outcome in outcomes:
        if outcome.status == "failed":
            text = f"failed: {' '.join(outcome.overrides)}: {outcome.error}"
            console.print(Text(readable(text, console.encoding), "red"), soft_wrap=True)
    counts = {status: sum(outcome.status == status for outcome in outcomes) for status in STYLES}
    console.print(", ".join(f"{count} {status}" for status, count in counts.items() if count))


def _varied(outcomes: Sequence[Outcome]) -> set[str]:
    """The keys whose overrides differ between the runs."""
    keys = {word.partition("=")[0] for outcome in outcomes for word in outcome.overrides}
    values = {
        key: {word for outcome in outcomes for word in outcome.overrides if word.startswith(f"{key}=")} for key in keys
    }
    return {key for key, words in values.items() if len(words) > 1}
