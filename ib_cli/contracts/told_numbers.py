"""Numbers in messages: rounded, yet never to a value that contradicts what the message says."""

from __future__ import annotations

import math

MOST_DIGITS = 17  # which tell any two floats apart
PLAIN = 1e-4  # below it a number has an exponent
MINUTE = 59.95  # seconds: from it on they would be rounded to 60.0


def percent(share: float, limit: float = math.nan) -> str:
    """A share as `12 %`, `0.0031 %`, `99.98 %`: two digits, and more where they would read 0, 100 or the limit.

    `limit`: a share that the message is about; the sign of neither counts.
    """
    value, telling = 100 * share, (0.0, 100.0, abs(100 * limit))
    for digits in range(2, MOST_DIGITS):
        text = _rounded(value, digits)
        if not any(abs(float(text)) == each != abs(value) for each in telling):
            break
    return f"{text} %"


def apart(value: float, other: float, decimals: int) -> tuple[str, str]:
    """Two numbers with so many decimals, or with more where they would read the same and are not."""
    for more in range(decimals, MOST_DIGITS):
        found = f"{value:,.{more}f}", f"{other:,.{more}f}"
        if found[0] != found[1]:
            return found
    return f"{value:,.{decimals}f}", f"{other:,.{decimals}f}"


def duration(seconds: float) -> str:
    """Seconds as a person says them: `0.02 s`, `8.1 s`, `3 min 20 s`, `2 h 05 min`."""
    if seconds < MINUTE:
        return f"{seconds:.1f} s" if seconds >= 0.1 else f"{seconds:.1g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def _rounded(value: float, digits: int) -> str:
    """So many significant digits, all of a whole part, and no exponent but for tiny numbers."""
    if not PLAIN <= abs(value) < math.inf:
        return f"{value:.{digits}g}"
    return f"{value:.{max(digits - 1 - math.floor(math.log10(abs(value))), 0)}f}"
