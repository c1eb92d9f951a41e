"""A line on each study of a report: what was minimised, at which multipliers and seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from ib_cli.contracts.labels import GREEK, counted
from ib_cli.report.read.runs import RecordedRun

MOST_VALUES = 8  # values that are listed; more are told by their number and their ends
MOST_SUMS = 4  # sums that are minimised, of one study


def study_lines(runs: Sequence[RecordedRun]) -> list[dict[str, str]]:
    """`study` and `text` of each study, in order of the names."""
    studies = sorted({run.study for run in runs})
    return [{"study": study, "text": _line([run for run in runs if run.study == study])} for study in studies]


def _line(runs: Sequence[RecordedRun]) -> str:
    sums = Counter(text for run in runs if (text := _symbols(run.minimise)))
    parts = [f"minimise {text}" for text, _ in sums.most_common(MOST_SUMS)]
    parts += [f"and {len(sums) - MOST_SUMS} other sums"] if len(sums) > MOST_SUMS else []
    for name in dict.fromkeys(name for run in runs for name in run.multipliers):
        values = {run.multipliers[name] for run in runs if name in run.multipliers}
        parts.append(f"{GREEK.get(name, name)} = {_listed(values)}")
    seeds = {seed for run in runs if isinstance(seed := run.config.get("seed"), int)}
    parts += [f"{'seed' if len(seeds) == 1 else 'seeds'} {_listed(seeds)}"] if seeds else []
    return "; ".join([*parts, counted(len(runs), "run")])


def _listed(values: Iterable[float]) -> str:
    known = sorted(values)
    if len(known) > MOST_VALUES:
        return f"{known[0]:g} … {known[-1]:g} ({len(known)} values)"
    return ", ".join(f"{value:g}" for value in known)


def _symbols(minimise: Any) -> str:
    return " + ".join(
        f"{'·'.join(GREEK.get(f.strip(), f.strip()) for f in str(weight).split('*'))} {name}".removeprefix("1 ")
        for name, weight in minimise.items()
        if weight != 0  # a term that is only measured
    )
