"""When, where and by what the runs were made. Runs of earlier versions do not say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ib_cli.report.read.runs import RecordedRun

COLUMNS = ("version", "commit", "changed", "python", "torch", "host", "on", "start", "end", "command")  # of results.csv
SHOWN = 7  # hexadecimal digits of a commit, as Git shows it
MOST = 6  # values of one kind that are listed


def origin_of(run: RecordedRun) -> dict[str, Any]:
    """The columns that results.csv has of a run; `on` is its device. None for what it does not say."""
    found = run.result.get("origin")
    found = found if isinstance(found, Mapping) else {}
    libraries = found.get("libraries")
    torch = libraries.get("torch") if isinstance(libraries, Mapping) else None
    given = {**found, "torch": torch, "on": found.get("device")}
    return {name: _plain(given.get(name)) for name in COLUMNS}


def origins(runs: Sequence[RecordedRun]) -> list[tuple[str, str]]:
    """What, and its values with the numbers of runs, for people: empty where no run says."""
    found = [origin for run in runs if any((origin := origin_of(run)).values())]
    if not found:
        return []
    rows = {
        "ib-train": [_program(each) for each in found],
        "torch": [each["torch"] for each in found],
        "Python": [each["python"] for each in found],
        "host": [each["host"] for each in found],
        "device": [each["on"] for each in found],
    }
    made = [(what, _counted(values)) for what, values in rows.items() if any(values)]
    starts, ends = (sorted(str(each[name]) for each in found if each[name]) for name in ("start", "end"))
    if starts and ends:
        made.append(("time", f"{starts[0]} to {ends[-1]}"))
    if silent := sum(run.status == "done" for run in runs) - len([run for run in runs if _is_done_and_says(run)]):
        made.append(("not said", f"by {silent} of an earlier version"))
    return made


def _is_done_and_says(run: RecordedRun) -> bool:
    return run.status == "done" and any(origin_of(run).values())


def _program(origin: Mapping[str, Any]) -> str:
    commit = str(origin["commit"])[:SHOWN] if origin["commit"] else ""
    changed = ", with changes" if origin["changed"] else ""
    return f"{origin['version']}{f' at {commit}{changed}' if commit else ''}"


def _counted(values: Sequence[Any]) -> str:
    counts = Counter(str(value) for value in values if value)
    more = f", and {len(counts) - MOST} more" if len(counts) > MOST else ""
    return ", ".join(f"{value} ({count})" for value, count in counts.most_common(MOST)) + more


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | bool) else None
