"""Spacings of the values of a multirun: `gamma=logspace(-4,0,9)`, as numpy has them."""

# Without `from __future__ import annotations`: Hydra compares arguments with the annotations themselves.

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

MOST = 100_000  # values of one spacing
FLOAT = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?", re.ASCII | re.IGNORECASE)
TEXTS = ("name", "output")  # keys whose values are texts, whatever they look like
SMALL_EXPONENT = 0.1  # below it a round number is no exponent that anybody means
PRECISE = 17  # digits that tell any two floats apart
FORMS = {
    "linspace": "linspace(a,b,n): n numbers from a to b, equal distances apart",
    "logspace": "logspace(a,b,n): n numbers from 10^a to 10^b, equal factors apart",
    "geomspace": "geomspace(a,b,n): n numbers from a to b, both above 0, equal factors apart",
}


class Short(float):
    """A number that Hydra writes as a person would: 1e-4, not 0.0001; with an exponent where `exponent`."""

    exponent = False

    def __str__(self) -> str:
        return scientific(self) if self.exponent else shortest(self)


def linspace(*given: Any) -> list[int | Short]:
    """n numbers from a to b, equal distances apart. Raises ValueError for other arguments."""
    a, b, n = _checked("linspace", given)
    nothing = 1e-12 * max(abs(a), abs(b))  # what rounding leaves of 0
    return _spaced(a, b, n, lambda x: x if abs(x) > nothing else 0.0)


def logspace(*given: Any) -> list[int | Short]:
    """n numbers from 10^a to 10^b, equal factors apart. Raises ValueError for other arguments."""
    a, b, n = _checked("logspace", given)
    return _spaced(a, b, n, lambda x: 10.0**x)


def geomspace(*given: Any) -> list[int | Short]:
    """n numbers from a to b, both above 0, equal factors apart. Raises ValueError for other arguments."""
    a, b, n = _checked("geomspace", given)
    if min(a, b) <= 0:
        raise ValueError(FORMS["geomspace"])
    return _spaced(math.log(a), math.log(b), n, math.exp, (a, b))


def are_ends(a: float, b: float) -> bool:
    """Whether two arguments of logspace must be ends, not exponents: both above 0, the lower one as 1e-4 or 0.01."""
    least = min(a, b)
    return 0 < least < SMALL_EXPONENT and _digits(least) <= 2


def shortest(value: float) -> str:
    """The shorter of the two ways to write a number: 0.01, 1e-4; whole numbers below 10¹⁵ have no exponent."""
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    plain = repr(float(value))
    return with_exponent if len(with_exponent := scientific(value)) < len(plain) else plain


def scientific(value: float) -> str:
    """A number with an exponent and as few digits as tell it apart: 1e-2, 3.162e-4."""
    digits, _, exponent = f"{value:.{_digits(value) - 1}e}".partition("e")
    return f"{digits.rstrip('0').rstrip('.') if '.' in digits else digits}e{int(exponent)}"


def alike(texts: Sequence[str]) -> list[str]:
    """Spellings of numbers in one form: with exponents below 1 where one of them is shorter so. Others stay.

    `1e-2` and `0.03` are `0.01` and `0.03`; beside `1e-4` they are `1e-2` and `3e-2`.
    """
    numbers = [float(text) if FLOAT.fullmatch(text) else None for text in texts]
    short = [None if number is None else shortest(number) for number in numbers]
    exponents = any("e" in text for text in short if text is not None)
    return [
        text if number is None or told is None
        else scientific(number) if exponents and 0 < abs(number) < 1
        else told
        for text, number, told in zip(texts, numbers, short)
    ]  # fmt: skip


def _digits(value: float) -> int:
    """The digits that a number needs."""
    return next(n for n in range(1, PRECISE + 1) if float(f"{value:.{n - 1}e}") == value)


def _checked(name: str, given: Sequence[Any]) -> tuple[float, float, int]:
    numbers = [x for x in given if isinstance(x, int | float) and not isinstance(x, bool) and math.isfinite(x)]
    if len(given) != 3 or len(numbers) != 3 or numbers[2] != int(numbers[2]) or not 1 <= numbers[2] <= MOST:
        raise ValueError(FORMS[name])
    if name == "logspace" and max(abs(numbers[0]), abs(numbers[1])) > 300:
        raise ValueError(f"{FORMS[name]}; a and b are exponents")
    if name == "logspace" and are_ends(*numbers[:2]):
        raise ValueError(f"{FORMS[name]}; a and b are exponents, where geomspace takes the ends")
    return float(numbers[0]), float(numbers[1]), int(numbers[2])


def _spaced(
    a: float, b: float, n: int, of: Callable[[float], float], ends: tuple[float, float] | None = None
) -> list[int | Short]:
    """The values, with as few digits (4 or more) as leave each within 0.1 % of the distance to its neighbour."""
    exact = [of(a + (b - a) * i / (n - 1)) if n > 1 else of(a) for i in range(n)]
    if ends is not None:
        exact[0], exact[-1] = (ends[0], ends[1]) if n > 1 else (ends[0], ends[0])
    rounded = [_rounded(value, _distance(exact, i)) for i, value in enumerate(exact)]
    if len(set(rounded)) < len(rounded):
        raise ValueError("two of these values are the same number")
    found = [int(value) if value.is_integer() and abs(value) < 1e15 else Short(value) for value in rounded]
    exponents = any("e" in str(value) for value in found)
    for value in found:
        if isinstance(value, Short):
            value.exponent = exponents and abs(value) < 1
    return found


def _distance(values: Sequence[float], i: int) -> float:
    """From a value to the nearer of its neighbours; infinite for a single one."""
    beside = [values[j] for j in (i - 1, i + 1) if 0 <= j < len(values)]
    return min((abs(values[i] - other) for other in beside), default=math.inf)


def _rounded(value: float, distance: float) -> float:
    for digits in range(4, PRECISE):
        near = float(f"{value:.{digits - 1}e}")
        if abs(near - value) <= 1e-3 * distance:
            return near
    return value
