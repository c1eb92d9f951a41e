"""The I-diagram of a run: information of x, y and z as areas (Unpacking Information Bottlenecks, Figure 2)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any, NamedTuple

from ib_cli.watch.pictures.overlapping_discs import Disc, ears, head

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SMALL, MEDIUM = 7, 8  # points
# Colours that the colour-blind can tell apart (Okabe and Ito 2008).
COLOURS = {"residual": "#E69F00", "relevant": "#CC79A7", "redundant": "#56B4E9", "noise": "#BBBBBB"}
PANEL = (3.1, 3.6)  # inches
COLUMNS = 3
MARGIN, BELOW, TALL, WIDE = 0.16, 1.5, 2.6, 1.6  # in radii of the largest disc except x


class Amount(NamedTuple):
    """A quantity in nats, and whether its estimate is flagged."""

    nats: float
    flagged: bool = False


class Atoms(NamedTuple):
    """The parts that x, y and z share, with I[Y;Z|X] = 0. H[X|Y,Z] is not known, so x has no area.

    All are finite: a z that is a function of x has H[Z|X] = −∞ as a density, and so no Atoms.
    """

    residual: Amount  # I[X;Y|Z]
    relevant: Amount  # I[Y;Z]
    redundant: Amount  # I[X;Z|Y]
    label_noise: Amount  # H[Y|X]
    encoding_noise: Amount  # H[Z|X]


def atoms(lines: Iterable[Mapping[str, Any]]) -> dict[str, Atoms]:
    """Estimator → Atoms at the last epoch in `lines` of estimates.jsonl; only estimators that gave all quantities."""
    lines = [line for line in lines if isinstance(line.get("value"), Real) and math.isfinite(line["value"])]
    last = max((line["epoch"] for line in lines), default=None)
    found: dict[str, dict[str, Amount]] = {}
    for line in lines:
        if line["epoch"] == last:
            amount = Amount(float(line["value"]), bool(line.get("saturated")))
            found.setdefault(str(line["estimator"]), {})[line["quantity"]] = amount
    whole: dict[str, Atoms] = {}
    for name, known in found.items():
        if {"I[X;Y|Z]", "I[Y;Z]", "I[X;Z|Y]", "H[Y|Z]", "H[Z|X]"} <= known.keys():
            label_noise = Amount(known["H[Y|Z]"].nats - known["I[X;Y|Z]"].nats)
            residual, relevant, redundant = (known[symbol] for symbol in ("I[X;Y|Z]", "I[Y;Z]", "I[X;Z|Y]"))
            whole[name] = Atoms(residual, relevant, redundant, label_noise, known["H[Z|X]"])
    return whole


def i_diagrams(named: Mapping[str, Atoms], units: str = "nats", per_unit: float = 1.0) -> Figure:
    """A figure with one panel per entry of `named`, all at one scale; `per_unit` nats are one unit."""
    from matplotlib.figure import Figure

    columns = 2 if len(named) == 4 else min(len(named), COLUMNS)
    rows = math.ceil(len(named) / columns)
    figure = Figure(figsize=(PANEL[0] * columns, PANEL[1] * rows), layout="constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False).flatten())
    largest = max(disc.radius for parts in named.values() for disc in _ears(parts, _noises(parts)))
    for panel, (title, parts) in zip(panels, named.items()):
        discs = place(parts, largest)
        _draw(panel, *discs, largest)
        panel.set_title(title, fontsize=MEDIUM)
        drawn = _noises(parts) == (0.0, 0.0) or _leaves_out(*discs)
        _legend(panel, parts, units, per_unit, noises="" if drawn else ", not drawn")
    for panel in panels[len(named) :]:
        panel.set_visible(False)
    return figure


def _draw(panel: Axes, y: Disc, z: Disc, x: Disc, largest: float) -> None:
    """One diagram. The areas of y and z, and of their parts inside and outside x, are to scale.

    A negative amount has no area: H[Z|X] of a density may be negative, and an estimate by its error. `largest` is the
    largest radius of y or z in all panels.
    """
    _fill(panel, y, z, x)
    left, right = min(-y.radius, z.x - z.radius), max(y.radius, z.x + z.radius)
    for name, at, side in (("Y", -y.radius - 0.05 * largest, "right"), ("Z", z.x + z.radius + 0.05 * largest, "left")):
        panel.text(at, 0, f"${name}$", va="center", ha=side, fontsize=MEDIUM, zorder=5)
    middle, top = (left + right) / 2, max(y.radius, z.radius)
    low, high = min(-BELOW * largest, top - TALL * largest), top + MARGIN * largest  # of x only its upper part
    wide = max(WIDE * largest, (right - left) / 2 + 0.3 * largest)
    panel.set(xlim=(middle - wide, middle + wide), ylim=(low, high), aspect="equal")
    panel.axis("off")
    panel.text(middle, low + 0.08 * largest, "$X$", ha="center", fontsize=MEDIUM)


def place(parts: Atoms, largest: float) -> tuple[Disc, Disc, Disc]:
    """The discs of y, z and x; without the noises if no disc of x can leave them out."""
    y, z = _ears(parts, _noises(parts))
    x = head(y, z, _noises(parts), largest)
    if x is None:
        y, z = _ears(parts, (0.0, 0.0))
        x = head(y, z, (0.0, 0.0), largest)
        assert x is not None  # a disc that is large enough covers both
    return y, z, x


def _ears(parts: Atoms, noises: tuple[float, float]) -> tuple[Disc, Disc]:
    residual, relevant, redundant = (max(part.nats, 0.0) for part in parts[:3])
    return ears(residual + relevant + noises[0], relevant + redundant + noises[1], relevant)


def _noises(parts: Atoms) -> tuple[float, float]:
    """H[Y|X] and H[Z|X] as areas."""
    return max(parts.label_noise.nats, 0.0), max(parts.encoding_noise.nats, 0.0)


def _leaves_out(y: Disc, z: Disc, x: Disc) -> bool:
    return any(math.dist(x[:2], disc[:2]) + disc.radius > x.radius * (1 + 1e-9) for disc in (y, z))


def _fill(panel: Axes, y: Disc, z: Disc, x: Disc) -> None:
    """The parts in their colours; parts outside x are noise."""
    from matplotlib.patches import Circle

    def disc(of: Disc, **look: Any) -> Circle:
        circle = Circle((of.x, of.y), of.radius, **look)
        panel.add_patch(circle)
        return circle

    panel.add_patch(Circle((x.x, x.y), x.radius, facecolor="0.97", edgecolor="none", zorder=0))
    for of, colour in ((y, COLOURS["residual"]), (z, COLOURS["redundant"])):
        disc(of, facecolor=COLOURS["noise"], edgecolor="none", zorder=1)
        inside = disc(of, facecolor=colour, edgecolor="none", zorder=2)
        inside.set_clip_path(Circle((x.x, x.y), x.radius, transform=panel.transData))
    shared = disc(y, facecolor=COLOURS["relevant"], edgecolor="none", zorder=3)
    shared.set_clip_path(Circle((z.x, z.y), z.radius, transform=panel.transData))
    for of in (x, y, z):
        disc(of, facecolor="none", edgecolor="0.2", linewidth=0.8, zorder=4)


def _legend(panel: Axes, parts: Atoms, units: str, per_unit: float, noises: str) -> None:
    """The amounts; `noises` is a remark on H[Y|X] and H[Z|X]."""
    from matplotlib.patches import Patch

    def amount(part: Amount) -> str:
        value = round(part.nats / per_unit, 4) + 0.0
        text = f"{value:#.3g}" if 0.1 <= abs(value) < 100 else f"{value:.3g}"
        return text.replace("-", "−") + ("?" if part.flagged else "")

    rows = [
        ("residual", r"residual $I[X;Y\,|\,Z]$", parts.residual),
        ("relevant", r"relevant $I[Y;Z]$", parts.relevant),
        ("redundant", r"redundant $I[X;Z\,|\,Y]$", parts.redundant),
    ]
    handles = [Patch(color=COLOURS[name], label=f"{text} = {amount(part)} {units}") for name, text, part in rows]
    noise = f"$H[Y\\,|\\,X]$ = {amount(parts.label_noise)}, $H[Z\\,|\\,X]$ = {amount(parts.encoding_noise)}"
    handles.append(Patch(color=COLOURS["noise"], label=noise + noises))
    below: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, 0.02)}
    panel.legend(handles=handles, fontsize=SMALL, frameon=False, handlelength=1.2, **below)
