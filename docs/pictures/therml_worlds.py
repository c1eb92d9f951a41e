"""Draws therml_worlds.png, the graphical models of TherML's Figures 1 and 2: python docs/pictures/therml_worlds.py."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

RADIUS = 0.34
GIVEN, CHOSEN = "#0072B2", "#D55E00"  # what the world gives, and what we choose
PLACES = {"φ": (0.5, 3.1), "θ": (3.5, 3.1), "x": (0.5, 1.6), "y": (2.0, 0.4), "z": (3.5, 1.6)}
NAMES = {"φ": r"$\phi$", "θ": r"$\theta$", "x": "$x_i$", "y": "$y_i$", "z": "$z_i$"}
# Title → the arrows of the model; `data` is the plate of all x and y.
WORLDS = {
    "World P (2)": ["φx", "φy", "xy", "xz", "θz", "data θ"],
    "World Q (3)": ["zx", "zy"],
    "World Q without a decoder (43)": ["xz", "zy"],
}
EDGE = (2.6, 2.4)  # where the arrow from all data leaves the plate


def draw_world(panel: Axes, title: str, arrows: list[str]) -> None:
    """One world: nodes, arrows, and a plate of the N samples."""
    panel.set_title(title, fontsize=9)
    panel.add_patch(FancyBboxPatch((-0.1, -0.15), 4.2, 2.4, boxstyle="round,pad=0.15", fc="none", ec="0.6", lw=0.8))
    panel.text(4.1, -0.13, r"$i = 1 \ldots N$", fontsize=7, ha="right", color="0.35")
    for name, place in PLACES.items():
        colour = CHOSEN if name in "zθ" else GIVEN
        panel.add_patch(Circle(place, RADIUS, fc="white", ec=colour, lw=1.4, zorder=2))
        panel.text(*place, NAMES[name], ha="center", va="center", fontsize=10, color=colour, zorder=3)
    for arrow in arrows:
        if arrow == "data θ":
            _arrow(panel, EDGE, PLACES["θ"], CHOSEN, shrink=(0, 1))
            panel.text(EDGE[0] - 0.12, EDGE[1] + 0.12, r"$\{x, y\}$", fontsize=8, ha="right", color=CHOSEN)
        else:
            colour = CHOSEN if "z" in arrow else GIVEN
            _arrow(panel, PLACES[arrow[0]], PLACES[arrow[1]], colour, shrink=(1, 1))
    panel.set(xlim=(-0.5, 4.5), ylim=(-0.5, 3.6), aspect="equal")
    panel.set_axis_off()


def _arrow(panel: Axes, start: tuple, end: tuple, colour: str, shrink: tuple[int, int]) -> None:
    """An arrow from node to node; an end without a node is not shortened."""
    (x0, y0), (x1, y1) = start, end
    length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
    dx, dy = (RADIUS + 0.04) * (x1 - x0) / length, (RADIUS + 0.04) * (y1 - y0) / length
    ends = (x0 + shrink[0] * dx, y0 + shrink[0] * dy), (x1 - shrink[1] * dx, y1 - shrink[1] * dy)
    panel.add_patch(FancyArrowPatch(*ends, arrowstyle="-|>", mutation_scale=9, lw=1.1, color=colour, zorder=1))


def main() -> None:
    """Write the picture beside this file."""
    figure = Figure(figsize=(8.2, 2.6), layout="constrained")
    for panel, (title, arrows) in zip(figure.subplots(1, len(WORLDS)), WORLDS.items()):
        draw_world(panel, title, arrows)
    figure.savefig(Path(__file__).with_suffix(".png"), dpi=200)


if __name__ == "__main__":
    main()
