"""The report as a library: the table of a study's runs, and its standard figures drawn into axes of your own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.labels import NATS_PER
from ib_cli.report.panels.contents import Contents, contents
from ib_cli.report.read.runs import Reader
from ib_cli.report.read.tables import converted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

Folders = str | Path | Sequence[str | Path]


def results(folders: Folders, units: str = "nats") -> DataFrame:
    """A row per run in the folders, finished or not: config keys, final measures, estimates, as in results.csv.

    Raises ConfigError for a folder without a run; ValueError for other units than nats and bits.
    """
    made = _contents(folders, units=units)
    return converted(made.results, units, own=made.own)


def draw_information_plane(folders: Folders, axes: Axes, **options: Any) -> None:
    """I(Y;Z) against I(X;Z) along training, as the report's figure of that name, into axes of a Matplotlib figure.

    Hollow marks are bounds or flagged estimates. `options`, of all four functions: `split`, train, validation or test;
    `units`, nats or bits; `group_by`, config keys that tell curves apart. Raises ConfigError where the runs lack what
    is to be drawn.
    """
    from ib_cli.report.figures import information_plane

    made = _contents(folders, **options)
    if not made.plane.paths:
        raise ConfigError(f"{_told(folders)}: no run has both I[X;Z] and I[Y;Z], or R and C that bound them")
    information_plane.paint(made, axes)


def draw_frontier(folders: Folders, axes: Axes, x: str = "R", y: str = "C", **options: Any) -> None:
    """The frontier of two of R, D, C and S: runs, medians with quartiles and the lower convex hull, into axes."""
    from ib_cli.report.figures import frontier

    made = _contents(folders, **options)
    pairs = {str(name) for name in made.frontiers["frontier"]}
    rows = made.frontiers[made.frontiers["frontier"] == f"{x}-{y}"]
    if rows.empty:
        there = ", ".join(sorted(name for name in pairs if name.count("-") == 1)) or "none"
        raise ConfigError(f"x={x}, y={y}: no frontier of these runs; there are {there}")
    frontier.paint(made, axes, rows, x, y)


def draw_measure(folders: Folders, axes: Axes, name: str = "accuracy", **options: Any) -> None:
    """A measure against the swept multiplier: medians with quartiles as lines, single runs as dots, into axes."""
    from ib_cli.report.figures import measures, style

    made = _contents(folders, metrics=[name], **options)
    if name not in made.swept_metrics:
        raise ConfigError(f"{name}: has no values against a multiplier: the runs have one multiplier only, or none")
    measures.paint(made, axes, name)
    if handles := measures.legend_handles(made, name):
        axes.legend(handles=handles, fontsize=style.SMALL, frameon=False)


def draw_trajectories(folders: Folders, axes: Axes, name: str = "accuracy", **options: Any) -> None:
    """A measure over the epochs, a line per run in its multiplier's colour, into axes."""
    from ib_cli.report.figures import style, trajectories
    from ib_cli.report.panels import trajectories as panel

    made = _contents(folders, metrics=[name], **options)
    lines = panel.trajectories(made, name)
    if not lines:
        raise ConfigError(f"{name}: no run has it at more than its end")
    trajectories.paint(made, axes, name, lines)
    style.colour_bar(axes.figure, [axes], made.colours)


def _contents(
    folders: Folders,
    split: str | None = None,
    units: str = "nats",
    metrics: Sequence[str] = (),
    group_by: Sequence[str] | None = None,
) -> Contents:
    if units not in NATS_PER:
        raise ValueError(f"units={units}: must be {' or '.join(NATS_PER)}")
    named = [Path(folders)] if isinstance(folders, str | Path) else [Path(folder) for folder in folders]
    for folder in named:
        if not folder.is_dir():
            raise ConfigError(f"{folder}: no such folder")
    reader = Reader()
    runs = reader.read(named)
    if not runs:
        raise ConfigError(f"{_told(folders)}: holds no run of ib-train: name a study's folder, such as outputs/NAME")
    try:
        return contents(runs, split, units, metrics, group_by)
    except ConfigError as error:  # it names flags of the command
        raise ConfigError(str(error).removeprefix("--metric ").removeprefix("--")) from None


def _told(folders: Folders) -> str:
    return str(folders) if isinstance(folders, str | Path) else ", ".join(map(str, folders))
