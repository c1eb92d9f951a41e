"""Rates of the processes, on a surface whose F is known."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from ib_cli.contracts.errors import RunFailedError
from ib_cli.procedures.free_energy.rates import Rates, geodesic_transfer, heuristic_transfer, iso_classification
from ib_cli.procedures.free_energy.surface import Estimated, Slopes

PLACE = (1.3, 2.1, 0.4)
KEYS = [(quantity, way) for quantity in ("D", "C") for way in ("lambda", "gamma", "t")]


def free_energy(lambda_: float, gamma: float, t: float) -> float:
    """Concave in λ and γ, and it changes with t."""
    return (
        (1 + t) * math.log(1 + lambda_ + 0.5 * gamma) + (2 - t) * math.sqrt(gamma + 0.2 * lambda_) + t * lambda_ * 0.3
    )


def derivative(function: Callable[..., float], place: tuple[float, ...], axis: int, h: float = 1e-5) -> float:
    above, below = list(place), list(place)
    above[axis] += h
    below[axis] -= h
    return (function(*above) - function(*below)) / (2 * h)


def distortion(*place: float) -> float:
    return derivative(free_energy, place, 0)


def error(*place: float) -> float:
    return derivative(free_energy, place, 1)


def rate(*place: float) -> float:
    return free_energy(*place) - place[0] * distortion(*place) - place[1] * error(*place)


def slopes() -> Slopes:
    functions = {"D": distortion, "C": error}
    found = {
        (quantity, way): Estimated(derivative(functions[quantity], PLACE, axis, 1e-4))
        for quantity in functions
        for axis, way in enumerate(("lambda", "gamma", "t"))
    }
    return Slopes(found, Estimated(derivative(free_energy, PLACE, 2)))  # type: ignore[arg-type]


def moved(rates: Rates, of_t: float, h: float = 1e-3) -> tuple[float, float, float]:
    """Changes of R, D and C over a step of h, central, per unit of h."""
    step = (rates.lambda_.value, rates.gamma.value, of_t)
    ends = [[at + sign * h * way for at, way in zip(PLACE, step)] for sign in (1, -1)]
    first, second, third = (
        (function(*ends[0]) - function(*ends[1])) / (2 * h) for function in (rate, distortion, error)
    )
    return first, second, third


def test_iso_classification_keeps_the_error_and_trades_rate_for_distortion() -> None:
    rates = iso_classification(slopes(), 0.5)
    of_r, of_d, of_c = moved(rates, 0)
    assert rates.lambda_.value > 0 and of_d < 0
    assert abs(of_c) < 1e-4 * abs(of_d)
    assert of_r == pytest.approx(-PLACE[0] * of_d, rel=1e-3)
    assert iso_classification(slopes(), 1).gamma.value == pytest.approx(2 * rates.gamma.value)


@pytest.mark.parametrize("k", [-0.4, -2.0, 0.0, 1.5])
def test_geodesic_transfer_keeps_the_error_and_the_direction(k: float) -> None:
    of_r, of_d, of_c = moved(geodesic_transfer(slopes(), PLACE[0], k), 1)
    assert abs(of_c) < 1e-4
    assert of_d == pytest.approx(k * of_r, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("k", [-0.4, -2.0, 1.5])
def test_along_a_geodesic_the_rate_follows_from_how_much_harder_the_law_becomes(k: float) -> None:
    envelope = slopes().envelope
    assert envelope is not None
    of_r, of_d, _ = moved(geodesic_transfer(slopes(), PLACE[0], k), 1)
    assert of_r == pytest.approx(envelope.value / (1 + k * PLACE[0]), rel=1e-2)
    assert of_r + PLACE[0] * of_d == pytest.approx(envelope.value, rel=1e-2)


def test_heuristic_transfer_keeps_the_error() -> None:
    rates = heuristic_transfer(slopes(), -1.5)
    assert rates.lambda_ == (-1.5, 0.0)
    assert abs(moved(rates, 1)[2]) < 1e-4


@pytest.mark.parametrize(
    "rates_of",
    [
        lambda found: iso_classification(found, 0.7),
        lambda found: geodesic_transfer(found, PLACE[0], -0.4),
        lambda found: heuristic_transfer(found, -1.5),
    ],
)
def test_standard_errors_are_those_of_noisy_slopes(rates_of: Callable[[Slopes], Rates]) -> None:
    draw, exact = np.random.default_rng(0), slopes()
    assert exact.envelope is not None
    errors = {key: 0.01 * abs(exact[key].value) + 1e-4 for key in KEYS}  # type: ignore[index]
    named = {key: Estimated(exact[key].value, errors[key]) for key in KEYS}  # type: ignore[index]
    told = rates_of(Slopes(named, Estimated(exact.envelope.value, 0.01)))  # type: ignore[arg-type]
    found = []
    for _ in range(4000):
        noisy = {key: Estimated(value + draw.normal() * spread) for key, (value, spread) in named.items()}
        envelope = Estimated(exact.envelope.value + draw.normal() * 0.01)
        found.append([each.value for each in rates_of(Slopes(noisy, envelope))])  # type: ignore[arg-type]
    assert np.std(found, axis=0) == pytest.approx([each.stderr for each in told], rel=0.08, abs=1e-12)


def test_rates_that_do_not_exist_are_told() -> None:
    exact = slopes()
    with pytest.raises(ValueError, match="envelope"):
        geodesic_transfer(Slopes(exact.of), PLACE[0], -0.4)
    with pytest.raises(RunFailedError, match="−1/λ"):
        geodesic_transfer(exact, 2.0, -0.5)
    flat = Slopes({key: Estimated(0.0) for key in exact.of}, Estimated(0.1))
    with pytest.raises(RunFailedError, match="parallel"):
        geodesic_transfer(flat, PLACE[0], -0.4)
    with pytest.raises(RunFailedError, match="∂C/∂γ"):
        heuristic_transfer(flat, -1.5)
