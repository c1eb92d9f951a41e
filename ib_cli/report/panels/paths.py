"""Paths on the equilibrium surface as figures and page show them (A Free-Energy Principle, Figures 2 to 6).

Runs with different seeds are lines of their own, in one colour: at the same step they are at different places.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ib_cli.config.multipliers import MULTIPLIERS
from ib_cli.config.public_names import short_name
from ib_cli.report.panels.contents import Contents
from ib_cli.report.read.paths import STEP, RecordedPath, equilibrations, moved, path_of
from ib_cli.report.read.points import curve_names
from ib_cli.report.read.runs import RecordedRun

TRAIN = "train"
EPOCHS = "epochs"  # the x axis of equilibrations
EQUILIBRATE = "equilibrate"  # the procedure that brings a model to a place
BASELINE = "direct_transfer"  # the procedure that trains on the target alone
FROM_SCRATCH, FINE_TUNING = "training from scratch", "direct fine-tuning"
ROLES = {"geodesic_transfer": "geodesic transfer", "transfer": "iso-classification transfer"}
MOST_NAMED = 12  # lines with a name in a legend
PER_CENT = 100.0


@dataclass(frozen=True)
class ShownPath:
    """A run's path: its row, its name in the legend, the number of the name, and the path by each split."""

    run: int
    name: str
    number: int
    scratch: bool  # trained on the target from scratch: only where it ends counts
    equilibrates: bool  # is brought to a place or two, and walks nowhere
    by_split: dict[str, RecordedPath]

    @property
    def moves(self) -> bool:
        """True if λ and γ change on the way."""
        path = next(iter(self.by_split.values()))
        return any(np.ptp(path[name]) > 0 for name in ("lambda", "gamma"))


class PathPanel(NamedTuple):
    """A picture's two axes, measures of the path, and the splits drawn: the first solid, the other dashed."""

    x: str
    y: str
    splits: tuple[str, ...]

    @property
    def counted(self) -> str:
        """What the x axis counts; '' for a measure."""
        return {STEP: "steps", EPOCHS: "epochs of equilibration"}.get(self.x, "")


def walks(contents: Contents) -> list[ShownPath]:
    """Paths under a constant law of the data, named by their start (λ, γ); [] if no run took a step."""
    runs = [i for i in _with_steps(contents) if not (_is_transfer(contents.runs[i]) or _equilibrates(contents.runs[i]))]
    return _shown(contents, runs, [_start(contents.runs[i]) for i in runs])


def equilibrated(contents: Contents) -> list[ShownPath]:
    """Runs of procedure=equilibrate that went to a second place; [] if none did."""
    runs = [i for i in _with_steps(contents) if _equilibrates(contents.runs[i])]
    return _shown(contents, runs, [_start(contents.runs[i]) for i in runs])


def transfers(contents: Contents) -> list[ShownPath]:
    """Paths from a source to a target, and what was trained on the target directly; [] if no run took a step."""
    runs = [i for i in _with_steps(contents) if _is_transfer(contents.runs[i])]
    starts = {_start(contents.runs[i]) for i in runs}
    names = [_role(contents.runs[i]) + (f", {_start(contents.runs[i])}" if len(starts) > 1 else "") for i in runs]
    return _shown(contents, runs, names)


def together(*groups: Sequence[ShownPath]) -> list[ShownPath]:
    """The paths of several groups, numbered anew; a name that two groups have keeps one number."""
    order = list(dict.fromkeys(name for group in groups for name in names_of(group)))
    return [replace(path, number=order.index(path.name)) for group in groups for path in group]


def panels_of(contents: Contents, paths: Sequence[ShownPath]) -> list[PathPanel]:
    """Distortion and rate, γ and λ, then C and the accuracy against the steps: those that were measured."""
    distortion = "D_error" if _measured(contents, paths, "D_error") else "D"
    own = (contents.split,)
    found = [PathPanel("R", distortion, own), PathPanel("lambda", "gamma", own)]
    found += [PathPanel(STEP, name, splits(contents)) for name in ("C", "accuracy")]
    return [panel for panel in found if any(len(line(contents, path, panel, contents.split)) for path in paths)]


def free_energy_panels(contents: Contents, paths: Sequence[ShownPath]) -> list[PathPanel]:
    """F over the epochs of equilibrations, and against the steps of paths: those that were measured."""
    panels = [PathPanel(x, "F", splits(contents)) for x in (EPOCHS, STEP)]
    return [panel for panel in panels if any(len(line(contents, path, panel, contents.split)) for path in paths)]


def line(contents: Contents, path: ShownPath, panel: PathPanel, split: str) -> np.ndarray:
    """The path in a panel by one split: step (of `EPOCHS` epoch), x, y (n, 3), in the units.

    Of training from scratch its end alone.
    """
    if path.equilibrates != (panel.x == EPOCHS):
        return np.empty((0, 3))
    if path.equilibrates:
        rows = equilibrations(contents.runs[path.run], split, panel.y) * [1, factor(contents, panel.y)]
        return rows[:, [0, 0, 1]]
    found = path.by_split.get(split)
    if found is None or (panel.x == "lambda" and not path.moves):
        return np.empty((0, 3))
    x, y = (found[name] * factor(contents, name) for name in (panel.x, panel.y))
    rows = np.stack([found.steps, x, y], 1)
    rows = rows[np.isfinite(rows).all(1)]
    return rows[-1:] if path.scratch else rows


def factor(contents: Contents, measure: str) -> float:
    """From recorded values to drawn ones: the units, and per cent for an accuracy."""
    return PER_CENT if measure == "accuracy" else contents.scale(measure)


def names_of(paths: Sequence[ShownPath]) -> list[str]:
    """The names of the legend in the order of their numbers, in which the paths are."""
    return list(dict.fromkeys(path.name for path in paths))


def splits(contents: Contents) -> tuple[str, ...]:
    """Drawn where both fit into a panel: the report's split and the train split."""
    return tuple(dict.fromkeys((contents.split, TRAIN)))


def _measured(contents: Contents, paths: Sequence[ShownPath], name: str) -> bool:
    found = [path.by_split[contents.split][name] for path in paths if contents.split in path.by_split]
    return any(np.isfinite(values).any() for values in found)


def _with_steps(contents: Contents) -> list[int]:
    return [i for i, run in enumerate(contents.runs) if STEP in run.metrics]


def _equilibrates(run: RecordedRun) -> bool:
    return _procedure(run) == EQUILIBRATE


def _is_transfer(run: RecordedRun) -> bool:
    """True if the law of the data changes on the way, or is not the source's."""
    return _procedure(run) in (*ROLES, BASELINE) or bool(np.nanmax(run.metrics.get("t", np.zeros(1)), initial=0) > 0)


def _procedure(run: RecordedRun) -> str:
    return short_name("procedure", str(run.config.get("procedure._target_", "")))


def _role(run: RecordedRun) -> str:
    """What a run is in a transfer's picture."""
    if _procedure(run) == BASELINE:
        return FROM_SCRATCH if run.config.get("procedure.start") == "scratch" else FINE_TUNING
    return ROLES.get(_procedure(run), _procedure(run))


def _start(run: RecordedRun) -> str:
    """`(0.25, 4)`: λ and γ where the path starts."""
    rows = np.flatnonzero(np.isfinite(run.metrics[STEP]))
    first = rows[np.argmin(run.metrics[STEP][rows])] if len(rows) else None
    values = [
        float(run.metrics[name][first]) if first is not None and name in run.metrics else run.multipliers.get(name)
        for name in ("lambda", "gamma")
    ]
    return f"({', '.join('–' if value is None or math.isnan(value) else f'{value:g}' for value in values)})"


def _shown(contents: Contents, runs: Sequence[int], names: Sequence[str]) -> list[ShownPath]:
    """The paths of these runs; [] if none has two places."""
    by_run = {
        i: {split: path for split in splits(contents) if (path := path_of(contents.runs[i], split))} for i in runs
    }
    by_run = {i: of for i, of in by_run.items() if of}
    if not any(len(path.steps) > 1 for of in by_run.values() for path in of.values()):
        return []
    told = _told_apart(contents, {i: name for i, name in zip(runs, names) if i in by_run})
    order = sorted(set(told.values()), key=_place)
    found = []
    for i, of in by_run.items():
        scratch, equilibrates = _role(contents.runs[i]) == FROM_SCRATCH, _equilibrates(contents.runs[i])
        found.append(ShownPath(i, told[i], order.index(told[i]), scratch, equilibrates, of))
    return sorted(found, key=lambda path: path.number)


def _place(name: str) -> tuple[list[float], str]:
    """Sorts names: those that begin with a start by its numbers, the others by their letters."""
    numbers = name.partition(")")[0].removeprefix("(").split(", ") if name.startswith("(") else []
    return [float(number) if number != "–" else math.inf for number in numbers], name


def _told_apart(contents: Contents, names: dict[int, str]) -> dict[int, str]:
    """Row of a run → its name, with the config keys in which runs of one name differ beside their seed."""
    keys = [key for key in contents.differing if key != "seed" and key not in MULTIPLIERS]
    found = dict(names)
    for name in set(names.values()):
        own = {i: tuple(contents.runs[i].config.get(key) for key in keys) for i in names if names[i] == name}
        if len(set(own.values())) > 1:
            words = curve_names(list(dict.fromkeys(own.values())), keys)
            found |= {i: ", ".join(part for part in (name, words[values]) if part) for i, values in own.items()}
    return found


def left_frontiers(contents: Contents) -> int:
    """Number of finished runs that are in no frontier because they left their multipliers."""
    return sum(run.status == "done" and moved(run) for run in contents.runs)
