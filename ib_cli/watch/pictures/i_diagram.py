"""The I-diagram of a run: information of x, y and z as areas (Unpacking Information Bottlenecks, Figure 2)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
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


QUANTITIES = ("I[X;Y|Z]", "I[Y;Z]", "I[X;Z|Y]", "H[Y|Z]", "H[Z|X]")  # what a diagram is made of
HATCH = "/////"
ZERO = 1e-3  # nats: a noise so little below 0 is a rounded 0
Discs = tuple[Disc, Disc, Disc]


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

    @property
    def noises(self) -> tuple[float, float]:
        """H[Y|X] and H[Z|X] in nats."""
        return self.label_noise.nats, self.encoding_noise.nats


def atoms(lines: Iterable[Mapping[str, Any]], split: str | None = None) -> dict[str, Atoms]:
    """Estimator → Atoms at the last epoch in `lines` of estimates.jsonl; only estimators that gave all quantities.

    Of `split`; None: of the last line's split.
    """
    lines = [line for line in lines if isinstance(line.get("value"), Real) and math.isfinite(line["value"])]
    split = split or (lines[-1].get("split") if lines else None)
    lines = [line for line in lines if line.get("split") == split]
    last = max((line["epoch"] for line in lines), default=None)
    found: dict[str, dict[str, Amount]] = {}
    for line in lines:
        if line["epoch"] == last:
            amount = Amount(float(line["value"]), bool(line.get("saturated")))
            found.setdefault(str(line["estimator"]), {})[line["quantity"]] = amount
    whole: dict[str, Atoms] = {}
    for name, known in found.items():
        if known.keys() >= set(QUANTITIES):
            label_noise = Amount(known["H[Y|Z]"].nats - known["I[X;Y|Z]"].nats)
            residual, relevant, redundant = (known[symbol] for symbol in ("I[X;Y|Z]", "I[Y;Z]", "I[X;Z|Y]"))
            whole[name] = Atoms(residual, relevant, redundant, label_noise, known["H[Z|X]"])
    return whole


def i_diagrams(named: Mapping[str, Atoms], units: str = "nats", per_unit: float = 1.0) -> Figure:
    """A figure with one panel per entry of `named`, all at one scale; `per_unit` nats are one unit.

    H[Y|X] and H[Z|X] have areas in all panels or in none, so that the discs of one figure mean the same.
    """
    from matplotlib.figure import Figure

    columns = 2 if len(named) == 4 else min(len(named), COLUMNS)
    rows = math.ceil(len(named) / columns)
    figure = Figure(figsize=(PANEL[0] * columns, PANEL[1] * rows), layout="constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False).flatten())
    placed, with_noises = place_all(list(named.values()))
    largest = _largest((y, z) for y, z, _ in placed)
    for panel, (title, parts), discs in zip(panels, named.items(), placed):
        _draw(panel, *discs, largest, parts)
        panel.set_title(title, fontsize=MEDIUM)
        _legend(panel, parts, units, per_unit, noises="" if with_noises else ", not drawn")
    for panel in panels[len(named) :]:
        panel.set_visible(False)
    return figure


def place_all(parts: Sequence[Atoms]) -> tuple[list[Discs], bool]:
    """The discs of y, z and x in each panel of a figure, and whether the noises H[Y|X] and H[Z|X] have areas.

    They have none in any panel if one of them is negative somewhere, as H[Z|X] of a density may be, or if no disc of x
    can leave them out.
    """
    if not any(noise < -ZERO for each in parts for noise in each.noises):
        largest = _largest(_ears(each, each.noises) for each in parts)
        placed = [_place(each, each.noises, largest) for each in parts]
        whole = [discs for discs in placed if discs is not None]
        if len(whole) == len(parts):
            return whole, True
    largest = _largest(_ears(each, (0.0, 0.0)) for each in parts)
    whole = [discs for each in parts if (discs := _place(each, (0.0, 0.0), largest)) is not None]
    assert len(whole) == len(parts)  # a disc that is large enough covers both
    return whole, False


def _draw(panel: Axes, y: Disc, z: Disc, x: Disc, largest: float, parts: Atoms) -> None:
    """One diagram. The areas of y and z, and of their parts inside and outside x, are to scale.

    A negative amount has no area. `largest` is the largest radius of y or z in all panels.
    """
    _fill(panel, y, z, x, parts)
    left, right = min(-y.radius, z.x - z.radius), max(y.radius, z.x + z.radius)
    for name, at, side in (("Y", -y.radius - 0.05 * largest, "right"), ("Z", z.x + z.radius + 0.05 * largest, "left")):
        panel.text(at, 0, f"${name}$", va="center", ha=side, fontsize=MEDIUM, zorder=5)
    middle, top = (left + right) / 2, max(y.radius, z.radius)
    low, high = min(-BELOW * largest, top - TALL * largest), top + MARGIN * largest  # of x only its upper part
    wide = max(WIDE * largest, (right - left) / 2 + 0.3 * largest)
    panel.set(xlim=(middle - wide, middle + wide), ylim=(low, high), aspect="equal")
    panel.axis("off")
    height = low + 0.08 * largest
    reach = math.sqrt(max(x.radius**2 - (height - x.y) ** 2, 0.0))  # of x to either side, at the label's height
    seen = max(x.x - reach, middle - wide), min(x.x + reach, middle + wide)
    panel.text(sum(seen) / 2, height, "$X$", ha="center", fontsize=MEDIUM)


def _place(parts: Atoms, noises: tuple[float, float], largest: float) -> Discs | None:
    """The discs of y, z and x; None if no disc of x can leave the noises out."""
    y, z = _ears(parts, noises)
    noises = (max(noises[0], 0.0), max(noises[1], 0.0))
    x = head(y, z, noises, largest)
    return None if x is None else (y, z, x)


def _largest(pairs: Iterable[tuple[Disc, Disc]]) -> float:
    """The largest radius; above 0, so that a figure without any amount has a scale."""
    return max(max(disc.radius for pair in pairs for disc in pair), ZERO)


def _ears(parts: Atoms, noises: tuple[float, float]) -> tuple[Disc, Disc]:
    residual, relevant, redundant = (max(part.nats, 0.0) for part in parts[:3])
    of_y, of_z = (max(noise, 0.0) for noise in noises)
    return ears(residual + relevant + of_y, relevant + redundant + of_z, relevant)


def _fill(panel: Axes, y: Disc, z: Disc, x: Disc, parts: Atoms) -> None:
    """The parts in their colours, hatched on white where flagged; parts outside x are noise."""
    from matplotlib.patches import Circle

    def disc(of: Disc, **look: Any) -> Circle:
        circle = Circle((of.x, of.y), of.radius, **look)
        panel.add_patch(circle)
        return circle

    panel.add_patch(Circle((x.x, x.y), x.radius, facecolor="0.97", edgecolor="none", zorder=0))
    for of, part, noise in ((y, "residual", parts.label_noise), (z, "redundant", parts.encoding_noise)):
        disc(of, **_look("noise", noise), zorder=1)
        inside = disc(of, **_look(part, getattr(parts, part)), zorder=2)
        inside.set_clip_path(Circle((x.x, x.y), x.radius, transform=panel.transData))
    shared = disc(y, **_look("relevant", parts.relevant), zorder=3)
    shared.set_clip_path(Circle((z.x, z.y), z.radius, transform=panel.transData))
    for of in (x, y, z):
        disc(of, facecolor="none", edgecolor="0.2", linewidth=0.8, zorder=4)


def _look(part: str, amount: Amount) -> dict[str, Any]:
    """A part's colour: as hatching for a flagged amount, which is never a solid area."""
    if amount.flagged:
        return {"facecolor": "white", "edgecolor": COLOURS[part], "hatch": HATCH, "linewidth": 0}
    return {"facecolor": COLOURS[part], "edgecolor": "none"}


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
    handles = [Patch(**_look(name, part), label=f"{text} = {amount(part)} {units}") for name, text, part in rows]
    noise = f"$H[Y\\,|\\,X]$ = {amount(parts.label_noise)}, $H[Z\\,|\\,X]$ = {amount(parts.encoding_noise)}"
    handles.append(Patch(**_look("noise", parts.encoding_noise), label=noise + noises))
    below: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, 0.02)}
    panel.legend(handles=handles, fontsize=SMALL, frameon=False, handlelength=1.2, **below)
