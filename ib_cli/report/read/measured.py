"""Runs that measured finished runs: their measures join the rows of these, and they have no rows of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from ib_cli.report.read.runs import RecordedRun
from ib_cli.report.read.tables import differing

RUN = "procedure.run"  # the config's key of the run that is measured
NO_DIFFERENCE = ("seed", RUN, "procedure.digest")  # keys in which measurements of one kind may differ
Place = tuple[Path, str]  # a study's folder and the id of a run in it
_OTHER = object()  # equals no value of a config


@dataclass(frozen=True)
class Joined:
    """Runs with what was measured of them afterwards; and the measurements, by what became of them."""

    runs: Sequence[RecordedRun] = ()
    names: Sequence[str] = ()  # of the measures that joined
    joined: Sequence[RecordedRun] = ()  # in the rows of the runs that they measured
    lost: Sequence[RecordedRun] = ()  # of a run that is not in this report, or not done
    undone: Sequence[RecordedRun] = ()  # without a result


def joined(runs: Sequence[RecordedRun]) -> Joined:
    """Measures of measurements that differ in their seed only are one, their mean.

    Where measurements of one name differ in anything else, the usual ones keep it, and the name of the others tells in
    what they differ: `nuisance_error (epochs=20)`. A report of measurements alone leaves them as they are.
    """
    measuring = [run for run in runs if isinstance(run.config.get(RUN), str)]
    others = [run for run in runs if not isinstance(run.config.get(RUN), str)]
    if not others:
        return Joined(runs)
    done = [run for run in measuring if run.status == "done"]
    own = {(run.folder.parent, run.folder.name) for run in others if run.status == "done"}
    used = [run for run in done if _place(run) in own]
    found: dict[Place, dict[str, dict[str, list[float]]]] = {}  # place → split → name → a value of each seed
    for run, suffix in zip(used, _suffixes(used)):
        for split, measures in _measures(run).items():
            names = found.setdefault(_place(run), {}).setdefault(split, {})
            for name, value in measures.items():
                names.setdefault(name + suffix[name], []).append(value)
    return Joined(
        [_with(run, found.get((run.folder.parent, run.folder.name), {})) for run in others],
        names=sorted({name for splits in found.values() for names in splits.values() for name in names}),
        joined=used,
        lost=[run for run in done if _place(run) not in own],
        undone=[run for run in measuring if run.status != "done"],
    )


def _place(run: RecordedRun) -> Place:
    """Where the measured run is: a measurement lies in its study."""
    return run.folder.parent, str(run.result.get("measured", {}).get("run"))


def _measures(run: RecordedRun) -> Mapping[str, Mapping[str, float]]:
    """Split → what a measurement found of the measured run."""
    return run.result.get("measured", {}).get("measures", {})


def _suffixes(runs: Sequence[RecordedRun]) -> list[dict[str, str]]:
    """For each measurement, name of a measure → in what it differs from the usual ones of this name; '' for these."""
    of_name: dict[str, list[int]] = {}
    for number, run in enumerate(runs):
        for name in {name for measures in _measures(run).values() for name in measures}:
            of_name.setdefault(name, []).append(number)
    found: list[dict[str, str]] = [{} for _ in runs]
    for name, numbers in of_name.items():
        for number, told in zip(numbers, _told([runs[number] for number in numbers])):
            found[number][name] = told
    return found


def _told(alike: Sequence[RecordedRun]) -> list[str]:
    """For each of some measurements in what it differs from the usual ones, as ` (epochs=20)`; '' for these.

    Usual is the setting in which the most runs were measured. Where two settings share that place none is usual, and
    each is told.
    """
    keys = [key for key in differing(alike) if key not in NO_DIFFERENCE and not key.startswith("dataset.")]
    settings = [tuple(run.config.get(key) for key in keys) for run in alike]
    measured: dict[tuple[Any, ...], set[Place]] = {}
    for run, setting in zip(alike, settings):
        measured.setdefault(setting, set()).add(_place(run))
    most = max(len(places) for places in measured.values())
    usual = [setting for setting, places in measured.items() if len(places) == most]
    found = []
    for setting in settings:
        compared = usual[0] if len(usual) == 1 else (_OTHER,) * len(keys)
        told = [f"{key}={value}" for key, value, common in zip(keys, setting, compared) if value != common]
        found.append(f" ({', '.join(told)})" if told else "")
    return found


def _with(run: RecordedRun, found: Mapping[str, Mapping[str, Sequence[float]]]) -> RecordedRun:
    """The run with further measures in its result."""
    more = {
        split: {**run.result.get(split, {}), **{name: fmean(values) for name, values in names.items()}}
        for split, names in found.items()
    }
    return replace(run, result={**run.result, **more}) if more else run
