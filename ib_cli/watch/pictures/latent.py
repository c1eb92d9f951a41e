"""Pictures of z: its samples by label, and its law beside the prior, one dimension each."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ib_cli.contracts.told_numbers import percent
from ib_cli.watch.pictures.curves import MEDIUM, SMALL, STYLES, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DIMENSIONS = 12  # most dimensions that are drawn
COLUMNS = 4
BINS = 40
NAMED = 20  # most labels with a colour of their own
BLUE, RED = STYLES["train"]["color"], STYLES["test"]["color"]


def draw_scatter(z: np.ndarray, y: np.ndarray, file: Path, classes: int | None, name: str = "y") -> None:
    """Draws z (N, K), K ≥ 2, by y (N,) as a PNG that replaces `file`; labels below `classes`, or None for numbers.

    `name`: of what y is.

    More dimensions than two are seen along their two directions of largest variance.
    """
    from matplotlib.figure import Figure

    places, names = principal(z)
    figure = Figure(figsize=(4.4, 3.6), layout="constrained")
    panel = figure.subplots()
    if classes is not None and classes <= NAMED:
        colours = _colours(classes)
        for label in range(classes):
            of = places[y == label]
            panel.scatter(of[:, 0], of[:, 1], s=3, color=colours[label], linewidths=0, alpha=0.7, label=str(label))
        figure.legend(loc="outside right center", fontsize=SMALL, frameon=False, markerscale=3, title=name)
    else:
        shown = panel.scatter(places[:, 0], places[:, 1], s=3, c=y, cmap="viridis", linewidths=0, alpha=0.7)
        figure.colorbar(shown, ax=panel, label=name)
    panel.set_xlabel(names[0], fontsize=MEDIUM)
    panel.set_ylabel(names[1], fontsize=MEDIUM)
    panel.set_title("z of the test split", fontsize=MEDIUM)
    panel.tick_params(labelsize=SMALL)
    panel.set_aspect("equal", adjustable="datalim")
    write(figure, file)


def principal(z: np.ndarray) -> tuple[np.ndarray, tuple[str, str]]:
    """z (N, K) in two dimensions, (N, 2), with their names: as it is for K = 2, else its two principal components."""
    if z.shape[1] == 2:
        return z, ("$z_1$", "$z_2$")
    centred = z.astype(np.float64) - z.mean(0)
    values, vectors = np.linalg.eigh(centred.T @ centred)
    axes = vectors[:, [-1, -2]]
    axes = axes * np.where(axes[np.abs(axes).argmax(0), [0, 1]] < 0, -1, 1)  # one sign on every machine
    shares = np.clip(values[[-1, -2]], 0, None) / max(values.clip(0).sum(), np.finfo(np.float64).tiny)
    first, second = (
        f"principal component {i + 1} ({percent(share)} of the variance)" for i, share in enumerate(shares)
    )
    return centred @ axes, (first, second)


def draw_prior(z: np.ndarray, prior: np.ndarray, file: Path) -> None:
    """Draws histograms of z (N, K) and of draws of m(z) (M, K), a panel each for 12 dimensions at most.

    These are the ones in which mean and deviation differ most, the worst first.
    """
    from matplotlib.figure import Figure

    chosen = farthest(z, prior)[:DIMENSIONS]
    columns = min(len(chosen), COLUMNS)
    rows = math.ceil(len(chosen) / columns)
    figure = Figure(figsize=(max(1.6 * columns + 0.3, 2.6), 1.3 * rows + 0.6), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).flatten()
    for panel, k in zip(panels, chosen):
        _pair(panel, z[:, k], prior[:, k])
        panel.set_title(f"$z_{{{k + 1}}}$", fontsize=MEDIUM)
    for panel in panels[len(chosen) :]:
        panel.set_visible(False)
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2, fontsize=SMALL, frameon=False)
    write(figure, file)


def farthest(z: np.ndarray, prior: np.ndarray) -> list[int]:
    """Dimensions by KL(N(μ, s²) ‖ N(ν, t²)) of the moments of z and of the prior, the largest first."""
    tiny = np.finfo(np.float64).tiny
    a, b = z.astype(np.float64), prior.astype(np.float64)
    s, t = np.maximum(a.var(0), tiny), np.maximum(b.var(0), tiny)
    kl = (np.log(t / s) + (s + (a.mean(0) - b.mean(0)) ** 2) / t - 1) / 2
    return [int(k) for k in np.argsort(-kl, kind="stable")]


def _pair(panel: Axes, z: np.ndarray, prior: np.ndarray) -> None:
    both = np.concatenate([z, prior])
    low, high = np.quantile(both[np.isfinite(both)], [0.001, 0.999]) if np.isfinite(both).any() else (0.0, 1.0)
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1).tolist()
    panel.hist(z, bins=edges, density=True, color=BLUE, alpha=0.5, linewidth=0, label="q(z), test")
    panel.hist(prior, bins=edges, density=True, color=RED, histtype="step", linewidth=0.9, label="m(z)")
    panel.set_yticks([])
    panel.tick_params(labelsize=SMALL)


def _colours(classes: int) -> list[tuple[float, ...]]:
    from matplotlib import colormaps

    found = colormaps["tab10" if classes <= 10 else "tab20"]
    return [tuple(found(label)) for label in range(classes)]
