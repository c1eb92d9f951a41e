"""The surface of tables: its slopes, the laws along paths over it, and the way back to a place."""

from __future__ import annotations

import math
from functools import cache

import pytest
import torch

from ib_cli.exact.gibbs import Law
from ib_cli.exact.gibbs_equilibrium import equilibrium
from ib_cli.procedures.free_energy.exact_laws import laws_of
from ib_cli.procedures.free_energy.exact_surface import ExactSurface
from ib_cli.procedures.free_energy.iso_classification import IsoController
from ib_cli.procedures.free_energy.rates import Rates, geodesic_transfer, heuristic_transfer
from ib_cli.procedures.free_energy.surface import Direction, Place, Slopes
from ib_cli.system.signals import Interrupted
from tests.families import family
from tests.procedures.free_energy.small_data import clouds, constant_at, data, mixture_at

START = Place(0.3, 1.0)
SCALE = math.sqrt(0.5)
BOTH: tuple[Direction, ...] = ("lambda", "gamma")
ALL: tuple[Direction, ...] = ("lambda", "gamma", "t")


def constant(difference: float = 1e-3) -> ExactSurface:
    return ExactSurface(constant_at, START, states=4, scale=SCALE, difference=difference, seed=0)


def changing(t: float = 0.3, difference: float = 1e-3) -> ExactSurface:
    place = START._replace(t=t)
    return ExactSurface(mixture_at, place, states=4, scale=SCALE, difference=difference, seed=0, transfer=True)


def train(surface: ExactSurface) -> dict[str, float]:
    return dict(surface.here.measures["train"])


def test_measures_are_those_of_the_solver() -> None:
    surface = constant()
    law = laws_of(constant_at(0.0), SCALE)["train"]
    theta = surface.state()["theta"]
    found = equilibrium(law, START.lambda_, START.gamma, type(surface._theta)(*theta))
    measured = train(surface)
    assert surface.here.gradient_norm <= 1e-10
    for name, value in (("R", found.R), ("D_error", found.D), ("C", found.C), ("F", found.F)):
        assert measured[name] == pytest.approx(value, abs=1e-9)
    assert measured["error_bound"] == pytest.approx(1 - math.exp(-found.C))
    assert measured["D"] == pytest.approx(found.D + math.log(math.pi))  # two dimensions of variance ½
    assert measured["J"] == pytest.approx(found.R + START.lambda_ * measured["D"] + START.gamma * found.C)


def test_the_scale_of_the_decoder_is_ds_unit() -> None:
    """A standard deviation of 1 halves D_error: twice λ leads to the same place."""
    wide = ExactSurface(
        constant_at, START._replace(lambda_=2 * START.lambda_), states=4, scale=1.0, difference=1e-3, seed=0
    )
    narrow = train(constant())
    assert train(wide)["R"] == pytest.approx(narrow["R"], abs=1e-8)
    assert train(wide)["D_error"] == pytest.approx(narrow["D_error"] / 2)


def test_labels_of_other_splits_do_not_enter_their_encoder() -> None:
    """A test x that training has not seen is encoded by m(z) and d(x|z) alone, whatever its label."""
    seen, unseen = clouds(), clouds(seed=7, each=6)
    first = ExactSurface(lambda t: data(seen, unseen), START, states=4, scale=SCALE, difference=1e-3, seed=0)
    turned = type(unseen)(unseen.x, (unseen.y + 1) % 3)
    second = ExactSurface(lambda t: data(seen, turned), START, states=4, scale=SCALE, difference=1e-3, seed=0)
    one, other = (surface.here.measures["test"] for surface in (first, second))
    assert one["R"] == pytest.approx(other["R"], abs=1e-12) and one["D"] == pytest.approx(other["D"], abs=1e-12)
    assert one["C"] != pytest.approx(other["C"], abs=1e-3)


def test_slopes_obey_the_laws_and_do_not_move_the_place() -> None:
    surface = constant()
    before = surface.state()
    slopes = surface.slopes(BOTH)
    assert all(torch.equal(a, b) for a, b in zip(before["theta"], surface.state()["theta"]))
    value = {key: slope.value for key, slope in slopes.of.items()}
    assert all(slope.stderr == 0 for slope in slopes.of.values())
    here = train(surface)
    assert value["F", "lambda"] == pytest.approx(here["D_error"], rel=1e-3)
    assert value["F", "gamma"] == pytest.approx(here["C"], rel=1e-3)
    assert value["C", "lambda"] == pytest.approx(value["D", "gamma"], rel=1e-3)
    assert value["D", "lambda"] < 0 and value["C", "gamma"] < 0
    assert value["D", "lambda"] * value["C", "gamma"] > value["C", "lambda"] ** 2  # Hess F is negative definite
    assert value["R", "lambda"] == pytest.approx(
        -START.lambda_ * value["D", "lambda"] - START.gamma * value["C", "lambda"], rel=1e-3
    )


@pytest.mark.parametrize("steps, length", [(12, 0.02), pytest.param(50, 0.015, marks=pytest.mark.slow)])
def test_iso_classification_keeps_c_and_trades_rate_for_distortion(steps: int, length: float) -> None:
    """C constant to 1e-3 along the path while R and D move; ΔR = −λ ΔD to 2 %, step by step."""
    controller = IsoController(steps, 1.0, length)
    surface = ExactSurface(
        lambda t: data(clouds(spread=1.0)), Place(0.15, 0.7), states=2, scale=SCALE, difference=1e-3, seed=0
    )
    places = [train(surface)]
    while not controller.over(surface.here.place, len(places) - 1):
        here = surface.here.place
        change = controller.change(here, surface.slopes(BOTH))
        surface.move(Place(here.lambda_ + change.lambda_.value, here.gamma + change.gamma.value))
        places.append(train(surface))
        middle = (here.lambda_ + surface.here.place.lambda_) / 2
        rise, fall = (places[-1][name] - places[-2][name] for name in ("R", "D_error"))
        assert rise == pytest.approx(-middle * fall, rel=0.02)
        assert surface.here.gradient_norm <= 1e-9
    errors = [each["C"] for each in places]
    assert max(abs(each - errors[0]) for each in errors) <= 1e-3 * errors[0]
    assert places[-1]["R"] > 1.05 * places[0]["R"] and places[-1]["D_error"] < 0.95 * places[0]["D_error"]


def resolved(surface: ExactSurface, place: Place, laws: dict[float, Law]) -> tuple[float, float, float]:
    """R, D and C of a place on the present branch, by solving there."""
    if place.t not in laws:
        laws[place.t] = laws_of(mixture_at(place.t), SCALE)["train"]
    found = equilibrium(laws[place.t], place.lambda_, place.gamma, surface._theta)
    return found.R, found.D, found.C


@cache
def at_a_third() -> tuple[ExactSurface, Slopes]:
    surface = changing()
    return surface, surface.slopes(ALL)


def test_the_envelope_is_the_change_of_f_and_of_r_at_constant_d_and_c() -> None:
    """∂R/∂t at constant D and C by re-solving: λ and γ that keep D and C, found by Newton's method, give R there."""
    surface, slopes = at_a_third()
    assert slopes.envelope is not None
    assert slopes["F", "t"].value == pytest.approx(slopes.envelope.value, rel=1e-4)
    D, C = (train(surface)[name] for name in ("D_error", "C"))
    laws: dict[float, Law] = {}
    ends = []
    for t in (0.3 + 2e-3, 0.3 - 2e-3):
        place = surface.here.place._replace(t=t)
        for _ in range(5):  # with the slopes at the start, which are near enough
            _, d, c = resolved(surface, place, laws)
            matrix = torch.tensor(
                [[slopes[name, way].value for way in BOTH] for name in ("D", "C")],
                dtype=torch.float64,
            )
            step = torch.linalg.solve(matrix, torch.tensor([D - d, C - c], dtype=torch.float64))
            place = Place(place.lambda_ + float(step[0]), place.gamma + float(step[1]), t)
        r, d, c = resolved(surface, place, laws)
        assert (d, c) == pytest.approx((D, C), abs=1e-7)
        ends.append(r)
    assert (ends[0] - ends[1]) / 4e-3 == pytest.approx(slopes.envelope.value, rel=0.01)


@pytest.mark.parametrize("k", [-0.4, 0.6])
def test_geodesic_rates_agree_with_brute_force(k: float) -> None:
    """Rates of (30) by the envelope; re-solved a little further, dD/dR = k and C is constant, to 1 %."""
    surface, slopes = at_a_third()
    found = geodesic_transfer(slopes, START.lambda_, k)
    of_r, of_d, of_c = brute_force(surface, found)
    assert of_d == pytest.approx(k * of_r, rel=0.01)
    assert abs(of_c) <= 0.01 * abs(slopes["C", "t"].value)


def test_heuristic_rates_agree_with_brute_force() -> None:
    surface, slopes = at_a_third()
    assert abs(brute_force(surface, heuristic_transfer(slopes, -1.5))[2]) <= 0.01 * abs(slopes["C", "t"].value)


def brute_force(surface: ExactSurface, rates: Rates, h: float = 1e-3) -> tuple[float, float, float]:
    """Derivatives of R, D and C along rates, by solving on both sides."""
    here = surface.here.place
    places = [
        Place(
            here.lambda_ + sign * h * rates.lambda_.value, here.gamma + sign * h * rates.gamma.value, here.t + sign * h
        )
        for sign in (1, -1)
    ]
    above, below = (resolved(surface, place, {}) for place in places)
    first, second, third = ((a - b) / (2 * h) for a, b in zip(above, below))
    return first, second, third


@pytest.mark.parametrize("t", family([0.0, 1.0], quick=[0.0]))
def test_slopes_at_the_ends_of_t_stay_within(t: float) -> None:
    """One-sided differences of second order against the same of half the size."""
    surface = changing(t)
    slopes = surface.slopes(("t",))
    finer = surface.slopes(("t",), wider=0.3)
    assert slopes.envelope is not None and finer.envelope is not None
    assert slopes.envelope.value == pytest.approx(finer.envelope.value, rel=1e-6)  # a mixture is linear in t
    assert slopes["C", "t"].value == pytest.approx(finer["C", "t"].value, rel=0.03)
    assert slopes["F", "t"].value == pytest.approx(slopes.envelope.value, rel=1e-3)


def test_a_transfer_measures_source_and_target() -> None:
    """Under a mixture of different x, a mean is the mixture of those of the two."""
    measures = train(changing(0.3))
    for name in ("R", "D", "D_error", "C", "accuracy"):
        mixed = 0.7 * measures[f"{name}_source"] + 0.3 * measures[f"{name}_target"]
        assert measures[name] == pytest.approx(mixed, abs=1e-6)


def test_a_place_comes_back_from_its_state() -> None:
    surface = changing()
    surface.move(Place(1.3, 1.4, 0.35))
    other = changing()
    other.restore(surface.state())
    assert other.here == surface.here
    assert other.move(Place(1.35, 1.4, 0.4)) == surface.move(Place(1.35, 1.4, 0.4))


def test_a_signal_interrupts() -> None:
    surface = ExactSurface(constant_at, START, states=4, scale=SCALE, difference=1e-3, seed=0, stop=lambda: 15)
    with pytest.raises(Interrupted):
        surface.slopes(BOTH)
