"""The plane of preserved information I[X;Z] and residual information I[X;Y|Z] (Unpacking §3.2), a panel per curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ib_cli.report.panels.contents import Contents
from ib_cli.report.quantities.estimated import EstimatedPath
from ib_cli.report.quantities.hulls import on_hull

PRESERVED, RESIDUAL, SHARED = "I[X;Z]", "I[X;Y|Z]", "I[Y;Z]"


@dataclass(frozen=True)
class ResidualPanel:
    """One estimator's values of one curve's runs, in nats.

    `paths`: row of a run → epochs and (I[X;Z], I[X;Y|Z]). `saturation` (m, 2): lower convex hull of the finished runs'
    unflagged ends, from left to right; empty if they have no hull.

    `relevant`: I[X;Y] = I[X;Y|Z] + I[Y;Z], equal to H[Y] if x determines y; None if it differs between the runs. As
    I[Y;Z] ≤ I[X;Z], no representation lies below I[X;Y|Z] = I[X;Y] − I[X;Z], nor below 0 (Unpacking §3.2, Figure 2).
    """

    estimator: str
    curve: str
    paths: Mapping[int, EstimatedPath]
    relevant: float | None
    saturation: np.ndarray


def panels(contents: Contents) -> list[list[ResidualPanel]]:
    """A row per estimator, a column per curve; without estimates of a curve, its panel has no paths."""
    estimated = contents.estimated
    rows = [(name, estimated.paths(name, PRESERVED, RESIDUAL)) for name in estimated.estimators(PRESERVED, RESIDUAL)]
    rows = [(name, paths) for name, paths in rows if paths]
    curves = contents.by_curve({run for _, paths in rows for run in paths}).items()
    return [
        [_panel(contents, name, curve, {run: paths[run] for run in runs if run in paths}) for curve, runs in curves]
        for name, paths in rows
    ]


def axis_limits(row: Sequence[ResidualPanel]) -> tuple[np.ndarray, np.ndarray]:
    """Limits (2,) of x and of y in nats, the same for a row of panels; 0 is inside."""
    values = np.concatenate([path.values for panel in row for path in panel.paths.values()])
    tops = [panel.relevant for panel in row if panel.relevant is not None]
    right, top = max(values[:, 0].max(), 0.0) * 1.04, max(values[:, 1].max(), *tops, 0.0) * 1.08
    left, bottom = min(values[:, 0].min(), -0.02 * right), min(values[:, 1].min(), -0.04 * top)
    return np.array([left, right]), np.array([bottom, top])


def floor(panel: ResidualPanel, across: np.ndarray) -> np.ndarray:
    """Line (m, 2) of the least I[X;Y|Z] over I[X;Z] between the ends of the x axis; empty if I[X;Y] is unknown."""
    if panel.relevant is None:
        return np.empty((0, 2))
    x = np.unique(np.clip([across[0], 0.0, panel.relevant, across[1]], *across))
    return np.stack([x, (panel.relevant - x.clip(min=0.0)).clip(min=0.0)], 1)


def _panel(contents: Contents, estimator: str, curve: str, paths: dict[int, EstimatedPath]) -> ResidualPanel:
    done = [path for run, path in paths.items() if contents.runs[run].status == "done"]
    ends = [path.values[-1] for path in done if not path.flagged[-1]]
    return ResidualPanel(estimator, curve, paths, _relevant(contents, estimator, paths), _lower(np.array(ends)))


def _relevant(contents: Contents, estimator: str, runs: Mapping[int, EstimatedPath]) -> float | None:
    found = contents.estimated.paths(estimator, RESIDUAL, SHARED)
    sums = [found[run].values[-1].sum() for run in runs if run in found]
    return float(sums[0]) if sums and np.allclose(sums, sums[0], rtol=1e-3) else None


def _lower(ends: np.ndarray) -> np.ndarray:
    if len(ends) < 2:
        return np.empty((0, 2))
    hull = ends[on_hull(ends)]
    hull = hull[hull[:, 0].argsort()]
    if (right := ends[:, 0].max()) > hull[-1, 0]:  # right of the least end more is preserved, and nothing gained
        hull = np.concatenate([hull, [[right, hull[-1, 1]]]])
    return hull if len(hull) > 1 else np.empty((0, 2))
