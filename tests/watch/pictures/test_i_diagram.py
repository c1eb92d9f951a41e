"""Areas of the I-diagram are the amounts, measured on the drawn discs by counting points."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex

from ib_cli.watch.pictures.i_diagram import COLOURS, Amount, Atoms, atoms, i_diagrams, place_all
from ib_cli.watch.pictures.overlapping_discs import Disc, distance_of, ears, head, lens
from tests.families import family


def parts(residual: float, relevant: float, redundant: float, of_y: float = 0.0, of_z: float = 0.0) -> Atoms:
    return Atoms(*(Amount(nats) for nats in (residual, relevant, redundant, of_y, of_z)))


def counted(y: Disc, z: Disc, x: Disc) -> dict[str, float]:
    """Areas of the parts, by a grid of points."""
    side = 4 * max(y.radius, z.radius)
    grid = np.linspace(-side, side, 2001)
    across, up = np.meshgrid(grid, grid)
    cell = (grid[1] - grid[0]) ** 2
    in_y, in_z, in_x = (np.hypot(across - disc.x, up - disc.y) <= disc.radius for disc in (y, z, x))
    sets = {
        "residual": in_x & in_y & ~in_z, "relevant": in_x & in_y & in_z, "redundant": in_x & in_z & ~in_y,
        "of_y": in_y & ~in_x & ~in_z, "of_z": in_z & ~in_x & ~in_y, "shared outside": in_y & in_z & ~in_x,
    }  # fmt: skip
    return {name: float(members.sum()) * cell for name, members in sets.items()}


@pytest.mark.parametrize(
    "amounts",
    family(
        [
            {"residual": 0.4, "relevant": 1.9, "redundant": 1.2},
            {"residual": 0.0, "relevant": 2.3, "redundant": 9.0},  # y within z
            {"residual": 2.3, "relevant": 0.0, "redundant": 0.0},  # nothing is encoded
            {"residual": 1.5, "relevant": 0.8, "redundant": 2.0, "of_z": 0.5},
            {"residual": 1.1, "relevant": 0.8, "redundant": 1.0, "of_y": 0.3},
            {"residual": 1.2, "relevant": 0.3, "redundant": 1.5, "of_y": 0.2, "of_z": 0.4},
        ],
        every=2,
    ),
    ids=str,
)
def test_areas_are_amounts(amounts: dict[str, float]) -> None:
    found = counted(*place_all([parts(**amounts)])[0][0])
    for name, area in found.items():
        assert area == pytest.approx(amounts.get(name, 0.0), abs=0.02), name


def test_noise_that_no_head_leaves_out_has_no_area() -> None:
    found = counted(*place_all([parts(0.0, 2.0, 0.1, of_y=1.0, of_z=1.0)])[0][0])
    assert found["of_y"] == found["of_z"] == found["shared outside"] == 0
    assert found["relevant"] == pytest.approx(2.0, abs=0.02)


def test_overlap_and_distance_are_inverse() -> None:
    for area in (1e-3, 0.5, 2.0, 3.0):
        assert lens(1.0, 1.7, distance_of(1.0, 1.7, area)) == pytest.approx(area, abs=1e-9)
    assert lens(1.0, 1.7, 0.5) == pytest.approx(math.pi)
    assert lens(1.0, 1.7, 2.7) == 0


def test_an_only_disc_in_the_head() -> None:
    y, z = ears(1.0, 0.0, 0.0)
    x = head(y, z, (0.0, 0.0), 1.0)
    assert math.dist(x[:2], y[:2]) + y.radius <= x.radius


def line(quantity: str, value: float | None, epoch: int = 2, **more: object) -> dict[str, object]:
    return {"epoch": epoch, "quantity": quantity, "estimator": "mixture", "value": value, "saturated": False} | more


WHOLE = [
    line("I[X;Y|Z]", 0.5), line("I[Y;Z]", 1.8, saturated=True), line("I[X;Z|Y]", 0.7), line("H[Y|Z]", 0.8),
    line("H[Z|X]", 0.0),
]  # fmt: skip


def test_amounts_are_those_of_the_last_epoch() -> None:
    early = [line(str(each["quantity"]), 9.0, epoch=1) for each in WHOLE]
    found = atoms([*early, *WHOLE])["mixture"]
    assert found.relevant == Amount(1.8, True) and found.residual == Amount(0.5)
    assert found.label_noise.nats == pytest.approx(0.3)


def test_an_estimator_without_all_of_them_has_no_diagram() -> None:
    assert atoms(WHOLE[:-1]) == {}
    assert atoms([*WHOLE[:-1], line("H[Z|X]", None)]) == {}  # z without noise
    assert atoms([]) == {}


def test_the_amounts_are_written_in_the_units_asked_for(tmp_path: Path) -> None:
    figure = i_diagrams({"one": parts(0.4, -0.02, 1.2), "two": parts(0.1, 2.0, 0.0)}, "bits", math.log(2))
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert texts[0].endswith("0.577 bits") and texts[1].endswith("= −0.0289 bits")
    figure.savefig(tmp_path / "i.png")


def test_the_discs_of_one_figure_mean_the_same() -> None:
    noisy, dense = parts(1.5, 0.8, 2.0, of_z=0.5), parts(1.5, 0.8, 2.0, of_z=-3.0)
    assert counted(*place_all([noisy])[0][0])["of_z"] == pytest.approx(0.5, abs=0.02)
    placed, with_noises = place_all([noisy, dense])
    assert not with_noises
    assert [counted(*discs)["of_z"] for discs in placed] == [0, 0]
    figure = i_diagrams({"noisy": noisy, "dense": dense})
    legends = [panel.get_legend().get_texts()[-1].get_text() for panel in figure.axes]
    assert all(text.endswith(", not drawn") for text in legends)


def test_a_flagged_amount_is_hatched_and_never_solid() -> None:
    flagged = parts(0.4, 1.9, 1.2)._replace(relevant=Amount(1.9, True))
    for found, hatched in ((parts(0.4, 1.9, 1.2), False), (flagged, True)):
        (panel,) = i_diagrams({"one": found}).axes
        handle = panel.get_legend().get_patches()[1]
        assert (handle.get_hatch() is not None) == hatched
        solid = {to_hex(patch.get_facecolor()) for patch in panel.patches}
        assert (to_hex(COLOURS["relevant"]) in solid) == (not hatched)


def test_the_amounts_are_of_one_split() -> None:
    other = [each | {"split": "test", "value": 9.0} for each in WHOLE]
    train = [each | {"split": "train"} for each in WHOLE]
    assert atoms([*other, *train])["mixture"].residual == Amount(0.5)
    assert atoms([*train, *other], "train")["mixture"].residual == Amount(0.5)
