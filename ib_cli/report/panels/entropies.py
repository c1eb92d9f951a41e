"""Estimated entropies of the representation along the runs (Unpacking, Figure 5), a panel per curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ib_cli.report.panels.contents import Contents
from ib_cli.report.quantities.estimated import Estimated, EstimatedPath

OF_Z, OF_Z_GIVEN_Y, OF_NOISE = "H[Z]", "H[Z|Y]", "H[Z|X]"
MARGIN = 0.05  # above and below, relative to the extent
ZERO = 1e-3  # nats: an H[Z|X] this close to 0 is the rounded 0 of zero-entropy noise


class EntropyPanel(NamedTuple):
    """One quantity of one curve's runs by one estimator. `paths`: row of a run → epochs (n,), values (n, 1) in nats."""

    estimator: str
    quantity: str
    curve: str
    paths: Mapping[int, EstimatedPath]


def panels(contents: Contents) -> list[list[EntropyPanel]]:
    """A row per estimator and quantity, a column per curve; empty unless a run has estimates at two epochs."""
    rows = [(*names, contents.estimated.paths(*names)) for names in _rows(contents.estimated)]
    if not any(len(path.epochs) > 1 for *_, paths in rows for path in paths.values()):
        return []
    curves = contents.by_curve({run for *_, paths in rows for run in paths}).items()
    return [
        [
            EntropyPanel(estimator, quantity, curve, {run: paths[run] for run in runs if run in paths})
            for curve, runs in curves
        ]
        for estimator, quantity, paths in rows
    ]


def axis_limits(row: Sequence[EntropyPanel]) -> tuple[np.ndarray, np.ndarray]:
    """Limits (2,) of x in epochs and of y in nats, the same for a row of panels.

    y ends at the values: an entropy of a density may be negative, so that its 0 is no bound and no reference.
    """
    paths = [path for panel in row for path in panel.paths.values()]
    values = np.concatenate([path.values[:, 0] for path in paths])
    low, high = float(values.min()), float(values.max())
    margin = MARGIN * (high - low) or 1.0
    return np.array([0, max(path.epochs[-1] for path in paths) * 1.02]), np.array([low - margin, high + margin])


def _rows(estimated: Estimated) -> list[tuple[str, str]]:
    """Estimator and quantity of each row: H[Z] and H[Z|Y] per estimator; H[Z|X] once, as all agree, unless it is 0."""
    rows = [(name, entropy) for name in estimated.estimators(OF_Z) for entropy in (OF_Z, OF_Z_GIVEN_Y)]
    rows = [row for row in rows if estimated.paths(*row)]
    for name in estimated.estimators(OF_Z, OF_NOISE)[:1]:
        if any(np.abs(path.values).max() > ZERO for path in estimated.paths(name, OF_NOISE).values()):
            rows.append((name, OF_NOISE))
    return rows
