"""The multipliers of the papers, and weights made of them. Imports no torch, as the help text needs it too."""

from __future__ import annotations

import math
import re

from ib_cli.contracts.errors import ConfigError

MULTIPLIERS = ("gamma", "beta", "sigma", "delta", "rho", "lambda", "alpha")
_SIGNED = re.compile(r"\s*([+-])?\s*([^+\s-].*?)\s*")


def parse_weight(symbol: str, text: str | float) -> tuple[float, tuple[str, ...]]:
    """Coefficient and multiplier names of a weight in an objective's file.

    A weight is a number, a multiplier, or a product such as `-0.5*beta`. Raises ConfigError, naming the term, for
    anything else.
    """
    match = _SIGNED.fullmatch(str(text))
    coefficient, names = 1.0, []
    for factor in match[2].split("*") if match else [""]:
        if factor.strip() in MULTIPLIERS:
            names.append(factor.strip())
            continue
        try:
            coefficient *= float(factor)
            if not math.isfinite(coefficient):
                raise ValueError
        except ValueError:
            raise ConfigError(
                f"objective.minimise.{symbol}={text!s}: a weight is a number, a multiplier ({', '.join(MULTIPLIERS)}) "
                "or a product of them such as -0.5*beta"
            ) from None
    return (-coefficient if match and match[1] == "-" else coefficient), tuple(names)
