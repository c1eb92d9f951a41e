"""The information plane: I(X;Z) and I(Y;Z) of each run at each epoch, from estimates if possible, else from bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ib_cli.report.quantities.estimated import Estimated
from ib_cli.report.read.runs import RecordedRun

X, Y = "I[X;Z]", "I[Y;Z]"


@dataclass(frozen=True)
class InformationPlane:
    """x = I(X;Z) and y = I(Y;Z) in nats along each run: `paths` maps the run's row to (n, 3): epoch, x, y.

    With `estimator` None, x is the bound R ≥ I(X;Z) and y the bound H(Y) − C ≤ I(Y;Z).
    """

    split: str  # of the estimates or bounds
    paths: Mapping[int, np.ndarray]
    flagged: Mapping[int, np.ndarray]  # (n,): True where an estimate is flagged; of bounds none is
    estimator: str | None
    label_entropy: float | None  # H(Y) of labels in nats; None if unknown or different between the runs
    left_out: tuple[int, ...]  # runs with records of the split but without a path
    unestimated: tuple[int, ...]  # finished runs without estimates, if this is why bounds are drawn

    def hollow(self, run: int) -> np.ndarray:
        """True (n,) where the run's marks are hollow: a bound, or a flagged estimate."""
        return self.flagged[run] | (self.estimator is None)


def information_plane(runs: Sequence[RecordedRun], split: str, found: Estimated) -> InformationPlane:
    """The plane of estimates on their split, or of bounds on `split`.

    Estimates are used if one estimator has both quantities for every finished run, so that all points of a picture mean
    the same: the one with the fewest flags. Else bounds. `found` are the estimates of one split, the one that the other
    figures of estimates show.
    """
    done = [i for i, run in enumerate(runs) if run.status == "done"]
    estimator = found.least_flagged(done, X, Y)
    split = split if estimator is None else found.split
    if estimator is not None:
        known = found.paths(estimator, X, Y)
        paths = {i: np.column_stack([path.epochs, path.values]) for i, path in known.items()}
        flagged = {i: path.flagged for i, path in known.items()}
    else:
        paths = {i: path for i, run in enumerate(runs) if len(path := _bounds(run, split))}
        flagged = {i: np.zeros(len(path), dtype=bool) for i, path in paths.items()}
    both = {i for name in found.estimators(X, Y) for i in found.paths(name, X, Y)}
    lacking = tuple(i for i in done if i not in both) if estimator is None and both & set(done) else ()
    left_out = tuple(
        i for i, run in enumerate(runs) if i not in paths and (run.splits == split).any() and not run.baseline
    )
    continuous = {_dataset(run) for run in runs if "mse" in run.metrics or "mse" in run.result.get(split, {})}
    labelled = (run for run in runs if _dataset(run) not in continuous)  # the entropy of a continuous y bounds nothing
    entropies = [value for run in labelled if (value := label_entropy(run, split)) is not None]
    common = entropies[0] if entropies and np.allclose(entropies, entropies[0], rtol=1e-3) else None
    return InformationPlane(split, paths, flagged, estimator, common, left_out, lacking)


def label_entropy(run: RecordedRun, split: str) -> float | None:
    """H(Y) as the run recorded it, in nats: of the split's labels, or of the distribution of a continuous y."""
    final = run.result.get(split)
    if isinstance(final, Mapping) and final.get("H[Y]") is not None:
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
