"""The picture of a model with discrete x and z: all its distributions, as TherML draws them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ib_cli.watch.pictures.curves import MEDIUM, SMALL, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 6.0, 5.2  # inches
GREY, BLUE, VERMILION = "0.82", "#0072B2", "#D55E00"  # blue and vermilion of Okabe and Ito 2008, as in `curves`
CLASSES = ("#CC79A7", "#E69F00", "#56B4E9", "#009E73", "#F0E442")
Curve = tuple[str, Tensor, dict[str, Any]]  # name, probabilities, style
Map = tuple[str, str, str, Tensor]  # title, variable of the columns, variable of the rows, probabilities


@dataclass(frozen=True)
class Tables:
    """The distributions of a model with discrete x and z, in float64; parts that the model lacks are None."""

    joint: Tensor  # p(x, y), (X, Y)
    encoder: Tensor  # q(z|x), (X, K)
    marginal: Tensor | None  # m(z), (K,)
    decoder: Tensor | None  # d(x|z), (K, X)

    @property
    def x(self) -> Tensor:
        """p(x), (X,)."""
        return self.joint.sum(1)

    @property
    def z_given_y(self) -> Tensor:
        """e(z|y), (Y, K): the mean of q(z|x) over the x of each label."""
        return self.joint.T @ self.encoder / self.joint.sum(0).unsqueeze(1)

    @property
    def reconstruction(self) -> Tensor | None:
        """q(x'|x) = Σ_z q(z|x) d(x'|z), (X, X)."""
        return None if self.decoder is None else self.encoder @ self.decoder


def draw_tables(tables: Tables, file: Path, title: str, caption: str) -> None:
    """Draws the tables as a PNG that replaces `file`, in the panels of TherML's Figure 3.

    (i) p(x), the generated q(x) = Σ_z m(z) d(x|z), and the reconstructed d(x) = Σ_x' p(x') q(x|x'); (ii) m(z), the
    marginal e(z) of the encodings, and e(z|y) for each label; (iii) q(z|x), (iv) d(x|z), (v) q(x'|x).
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    found: list[tuple[str, str, str, Tensor | None]] = [
        ("(iii) $q(z|x)$", "z", "x", tables.encoder),
        ("(iv) $d(x|z)$", "x", "z", tables.decoder),
        ("(v) $q(x'|x)$", "x'", "x", tables.reconstruction),
    ]
    maps: list[Map] = [(name, column, row, table) for name, column, row, table in found if table is not None]
    grid = figure.add_gridspec(3, len(maps), height_ratios=[1, 1, 1.9])
    _curves(figure.add_subplot(grid[0, :]), _of_x(tables), "x", "(i)")
    _curves(figure.add_subplot(grid[1, :]), _of_z(tables), "z", "(ii)")
    _maps(figure, [figure.add_subplot(grid[2, i]) for i in range(len(maps))], maps)
    figure.suptitle(f"{title}\n{caption}", fontsize=MEDIUM, parse_math=False)
    write(figure, file)


def _of_x(tables: Tables) -> list[Curve]:
    curves: list[Curve] = [("p(x)", tables.x, {"color": GREY, "fill": True})]
    if tables.decoder is not None and tables.reconstruction is not None:
        if tables.marginal is not None:
            curves.append(("q(x)", tables.marginal @ tables.decoder, {"color": BLUE, "linestyle": "-"}))
        curves.append(("d(x)", tables.x @ tables.reconstruction, {"color": VERMILION, "linestyle": "--"}))
    return curves


def _of_z(tables: Tables) -> list[Curve]:
    curves: list[Curve] = [("e(z)", tables.x @ tables.encoder, {"color": GREY, "fill": True})]
    if tables.marginal is not None:
        curves.append(("m(z)", tables.marginal, {"color": BLUE, "linestyle": "-"}))
    for y, of_label in enumerate(tables.z_given_y):
        style = {"color": CLASSES[y % len(CLASSES)], "linestyle": ("--", "-.", ":")[y % 3]}
        curves.append((f"e(z|y={y})", of_label, style))
    return curves


def _curves(panel: Axes, curves: list[Curve], axis: str, name: str) -> None:
    """Probabilities as steps, as each belongs to one value and nothing lies between values."""
    for label, values, style in curves:
        edges = [i - 0.5 for i in range(len(values) + 1)]
        form: dict[str, Any] = {} if style.get("fill") else {"baseline": None, "linewidth": 1.2}
        panel.stairs(values.tolist(), edges, label=label, **form, **style)
    panel.set_xlim(-0.5, len(curves[0][1]) - 0.5)
    panel.set_ylim(bottom=0)
    panel.set_xlabel(f"${axis}$", fontsize=MEDIUM, labelpad=1)
    panel.set_ylabel(f"{name}  probability", fontsize=MEDIUM)
    panel.tick_params(labelsize=SMALL)
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(
        fontsize=SMALL, frameon=False, ncols=len(curves), loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0
    )


def _maps(figure: Figure, panels: list[Axes], maps: list[Map]) -> None:
    """Conditional distributions, one row per condition, dark if probable; the scale makes small values visible."""
    from matplotlib.colors import PowerNorm

    norm = PowerNorm(0.5, vmin=0, vmax=1)
    for panel, (name, column, row, table) in zip(panels, maps):
        image = panel.imshow(table.numpy(), cmap="Blues", norm=norm, interpolation="nearest", origin="lower")
        panel.set_title(name, fontsize=MEDIUM)
        panel.set_xlabel(f"${column}$", fontsize=MEDIUM, labelpad=1)
        panel.set_ylabel(f"${row}$", fontsize=MEDIUM, labelpad=1)
        panel.tick_params(labelsize=SMALL)
    bar = figure.colorbar(image, ax=panels, shrink=0.8, pad=0.02, aspect=25, ticks=[0, 0.05, 0.2, 0.5, 1])
    bar.ax.tick_params(labelsize=SMALL)
