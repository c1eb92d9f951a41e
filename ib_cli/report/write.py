"""Contents → the files of a study's folder."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from ib_cli.report.latex import latex
from ib_cli.report.panels.contents import Contents
from ib_cli.report.quantities.frontier import DISTANCES
from ib_cli.report.read.tables import converted, trajectory, write_csv, write_parquet
from ib_cli.system.atomic import replacing, writing
from ib_cli.system.matplotlib_import import default_style
from ib_cli.system.own_files import check_own_folder
from ib_cli.system.uncollected import collected_later

REFRESH = '<meta http-equiv="refresh"'
# The figures in the order of the report: module in figures/ → its files.
FIGURES = {
    "frontier": "frontier_*",
    "surface": "surface_*",
    "information_plane": "information_plane",
    "residual_plane": "residual_plane",
    "i_diagram": "i_diagram",
    "measures": "measures",
    "slack": "slack",
    "entropies": "entropies",
    "trajectories": "trajectories",
    "cross_entropies": "cross_entropies",
    "error_by_entropy": "error_by_entropy",
    "activations": "activations",
    "kl_maps": "kl_maps*",
    "kl_in_box": "kl_in_box",
    "total_correlation": "total_correlation",
    "information_by_width": "information_by_width",
    "error_by_width": "error_by_width",
    "nuisance_error": "nuisance_error",
    "lower_bound": "lower_bound",
    "equilibrium_path": "equilibrium_path",
    "transfer": "transfer",
    "free_energy": "free_energy",
    "path_laws": "path_laws",
    "first_law": "first_law",
    "laws": "thermodynamics_*",
}


def write_tables(contents: Contents, folder: Path, as_latex: bool = False) -> list[Path]:
    """Write results.parquet and .csv, trajectory.parquet, frontier.csv; with measured laws also thermodynamics.csv.

    `as_latex`: also points.tex.
    """
    names = ("results.csv", "results.parquet", "trajectory.parquet", "frontier.csv")
    files = [folder / name for name in names]
    results = converted(contents.results, contents.units, own=contents.own)
    write_csv(results, files[0])
    write_parquet(results, files[1], contents.units)
    write_parquet(converted(trajectory(contents.runs), contents.units, own=contents.own), files[2], contents.units)
    write_csv(converted(contents.frontiers, contents.units, DISTANCES), files[3])
    if as_latex:
        files.append(folder / "points.tex")
        with replacing(files[-1]) as part:
            part.write_text(latex(contents), encoding="utf-8")
    laws = folder / "thermodynamics.csv"
    if contents.thermodynamics is None:
        laws.unlink(missing_ok=True)
        return files
    write_csv(contents.thermodynamics.everything, laws)
    return [*files, laws]


@default_style()
def write_figures(contents: Contents, folder: Path) -> list[Path]:
    """Write every figure that the runs allow, as PNG and PDF; delete the other figures of an earlier report."""
    with writing(folder):
        check_own_folder(folder)
    figures = [
        import_module(f"ib_cli.report.figures.{name}") for name in FIGURES
    ]  # only now: Matplotlib takes a second
    written: list[Path] = []
    for figure in figures:
        with collected_later():  # a figure is many objects that stay until it is written
            written += figure.draw(contents, folder)
    ours = [file for name in FIGURES.values() for ending in ("png", "pdf") for file in folder.glob(f"{name}.{ending}")]
    for file in set(ours) - set(written):
        file.unlink(missing_ok=True)  # another report may have done so
    return written


@default_style()  # its colours are Matplotlib's
def write_page(
    contents: Contents, folder: Path, title: str, notes: Sequence[str] = (), refresh: float | None = None
) -> list[Path]:
    """Write report.html."""
    from ib_cli.report.page.page import page

    file = folder / "report.html"
    with replacing(file) as part:
        part.write_text(page(contents, title, notes, refresh), encoding="utf-8")
    return [file]


def stop_refreshing(folder: Path) -> None:
    """Remove the tag from report.html that makes a browser load it again."""
    file = folder / "report.html"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    with replacing(file) as part:
        part.write_text("".join(line for line in lines if not line.startswith(REFRESH)), encoding="utf-8")
