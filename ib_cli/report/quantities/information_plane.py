"""The information plane: I(X;Z) and I(Y;Z) of each run at each epoch, from estimates if possible, else from bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np

from ib_cli.report.read.runs import RecordedRun

X, Y = "I[X;Z]", "I[Y;Z]"


@dataclass(frozen=True)
class InformationPlane:
    """x = I(X;Z) and y = I(Y;Z) in nats along each run: `paths` maps the run's row to (n, 3): epoch, x, y.

    With `estimator` None, x is the bound R ≥ I(X;Z) and y the bound H(Y) − C ≤ I(Y;Z).
    """

    paths: Mapping[int, np.ndarray]
    estimator: str | None
    label_entropy: float | None  # H(Y) of labels in nats; None if unknown or different between the runs
    left_out: tuple[int, ...]  # runs with records of the split but without a path
    unestimated: tuple[int, ...]  # finished runs without estimates, if this is why bounds are drawn


def information_plane(runs: Sequence[RecordedRun], split: str) -> InformationPlane:
    """The plane of one split.

    Estimates are used if one estimator has both quantities for every finished run, so that all points of a picture mean
    the same; else bounds.
    """
    done = [i for i, run in enumerate(runs) if run.status == "done"]
    both = {i: _estimators(runs[i], split) for i in done}
    estimator = _common(list(both.values()))
    lacking = tuple(i for i in done if not both[i]) if estimator is None and any(both.values()) else ()
    paths = {
        i: _estimated(run, split, estimator) if estimator is not None else _bounds(run, split)
        for i, run in enumerate(runs)
    }
    left_out = tuple(i for i, path in paths.items() if len(path) == 0 and (runs[i].splits == split).any())
    continuous = {_dataset(run) for run in runs if "mse" in run.metrics or "mse" in run.result.get(split, {})}
    labelled = (run for run in runs if _dataset(run) not in continuous)  # the entropy of a continuous y bounds nothing
    entropies = [value for run in labelled if (value := label_entropy(run, split)) is not None]
    common = entropies[0] if entropies and np.allclose(entropies, entropies[0], rtol=1e-3) else None
    return InformationPlane({i: path for i, path in paths.items() if len(path)}, estimator, common, left_out, lacking)


def label_entropy(run: RecordedRun, split: str) -> float | None:
    """H(Y) as the run recorded it, in nats: of the split's labels, or of the distribution of a continuous y."""
    final = run.result.get(split)
    if isinstance(final, Mapping) and isinstance(final.get("H[Y]"), Real):
        return float(final["H[Y]"])
    if "H[Y]" in run.metrics:
        known = run.metrics["H[Y]"][run.splits == split]
        known = known[np.isfinite(known)]
        if len(known):
            return float(known[-1])
    return None


def _dataset(run: RecordedRun) -> str:
    return str(run.config.get("dataset._target_"))


def _bounds(run: RecordedRun, split: str) -> np.ndarray:
    H, rows = label_entropy(run, split), run.splits == split
    if H is None or not {"R", "C", "epoch"} <= set(run.metrics):
        return np.empty((0, 3))
    path = np.stack([run.metrics["epoch"][rows], run.metrics["R"][rows], H - run.metrics["C"][rows]], 1)
    return path[np.isfinite(path).all(1)]


def _common(estimators: Sequence[Sequence[str]]) -> str | None:
    """The first estimator that all runs have; None without one."""
    first, *others = estimators or [()]
    return next((name for name in first if all(name in other for other in others)), None)


def _estimators(run: RecordedRun, split: str) -> list[str]:
    """Estimators with both quantities of the run."""
    found = {name: _named(run, split, name) for name in (X, Y)}
    return [name for name in found[X] if name in found[Y]]


def _named(run: RecordedRun, split: str, quantity: str) -> dict[str, None]:
    return {
        str(line.get("estimator")): None
        for line in run.estimates
        if line.get("split") == split and line.get("quantity") == quantity and isinstance(line.get("value"), Real)
    }


def _estimated(run: RecordedRun, split: str, estimator: str) -> np.ndarray:
    values: dict[str, dict[float, float]] = {X: {}, Y: {}}
    for line in run.estimates:
        quantity = line.get("quantity")
        wanted = line.get("split") == split and str(line.get("estimator")) == estimator and quantity in values
        if wanted and isinstance(line.get("value"), Real) and isinstance(line.get("epoch"), Real):
            values[quantity][float(line["epoch"])] = float(line["value"])
    epochs = sorted(set(values[X]) & set(values[Y]))
    return np.array([(epoch, values[X][epoch], values[Y][epoch]) for epoch in epochs]).reshape(-1, 3)
