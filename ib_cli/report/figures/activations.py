"""Histograms of noisy activations against the prior (Information Dropout, Fig. 1)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ib_cli.contracts.labels import literal, mathtext
from ib_cli.contracts.told_numbers import percent
from ib_cli.report.figures import style
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.noise_layers import Measured, measured, split_of
from ib_cli.report.read.noise_layers import Activations

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 4  # runs shown
BARS: dict[str, Any] = {"color": style.COLOURS[4], "alpha": 0.7, "linewidth": 0}
PRIOR: dict[str, Any] = {"color": style.COLOURS[1], "lw": 1.2}


def draw(contents: Contents, folder: Path) -> list[Path]:
    """`activations`: for a run of each curve, the one with the middle β, the densities of z and, below, of ln z.

    The lines are the prior: log-normal as it was learned, or c/z with the mass of the activations that are not 0.
    """
    runs = _runs(contents)
    if not runs:
        return []
    figure, panels = style.new(len(runs), 2)
    figure.set_size_inches(max(2.7 * len(runs), 3.5), 4.4)
    for number, each in enumerate(runs):
        found = each.layers.activations
        assert found is not None and each.layers.layers  # `_runs` has these only
        above, below = panels[number], panels[len(runs) + number]
        _density(above, found.counts, found.edges, found.total)
        _density(below, found.log_counts, found.log_edges, found.total)
        _prior(above, below, found, bool(each.layers.kl))
        beta = f", {mathtext('beta')} = {each.beta:g}" if each.beta == each.beta else ""
        name = literal(each.curve) if len(runs) > 1 else found.layer
        above.set_title(f"{name}{beta}\n{percent(found.zeros / found.total)} are 0", fontsize=style.MEDIUM)
        style.tidy(above, "$z$", "density" if number == 0 else "")
        style.tidy(below, r"$\ln z$", "density" if number == 0 else "")
    panels[0].legend(fontsize=style.SMALL, frameon=False)
    style.says(figure, split_of(runs), "z and densities without units", "z up to its quantile 0.995")
    return style.write(figure, folder, "activations")


def _runs(contents: Contents) -> list[Measured]:
    of: dict[str, list[Measured]] = {}
    for each in measured(contents):
        if each.layers.activations is not None and each.layers.activations.log_counts.sum():
            of.setdefault(each.curve, []).append(each)
    return [found[len(found) // 2] for found in of.values()][:MOST]


def _density(panel: Axes, counts: np.ndarray, edges: np.ndarray, total: int) -> None:
    panel.bar(edges[:-1], counts / total / np.diff(edges), np.diff(edges), align="edge", label="activations", **BARS)


def _prior(above: Axes, below: Axes, found: Activations, has_prior: bool) -> None:
    """The prior's density of z and of ln z; nothing for noise without a prior."""
    if not has_prior:
        return
    logarithms = np.linspace(found.log_edges[0], found.log_edges[-1], 400)
    if found.prior is not None:
        mean, deviation = found.prior
        density = np.exp(-(((logarithms - mean) / deviation) ** 2) / 2) / (deviation * np.sqrt(2 * np.pi))
    else:
        mass = 1 - found.zeros / found.total
        density = np.full_like(logarithms, mass / (found.log_edges[-1] - found.log_edges[0]))
    below.plot(logarithms, density, label="prior", **PRIOR)
    z = np.linspace(found.edges[1] / 2, found.edges[-1], 400)
    top = above.get_ylim()[1]
    above.plot(z, np.interp(np.log(z), logarithms, density) / z, label="prior", **PRIOR)
    above.set_ylim(0, top)
