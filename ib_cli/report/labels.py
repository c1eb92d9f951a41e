"""Measures and multipliers as a reader of the papers knows them, with their units."""

from __future__ import annotations

import math
import re

from ib_cli.screen import NATS

GREEK = {
    "gamma": "γ",
    "beta": "β",
    "sigma": "σ",
    "delta": "δ",
    "rho": "ρ",
    "lambda": "λ",
    "alpha": "α",
}
NAMES = {
    "J": "objective",
    "R": "rate",
    "R_Y": "conditional rate",
    "C": "classification error",
    "D": "distortion",
    "S": "entropy of the weights",
    "S/N": "entropy of the weights a sample",
    "V": "volume",
}
NATS_PER = {"nats": 1.0, "bits": math.log(2)}
ORDER = ("J", "R", "R_Y", "C", "D", "S", "S/N", "V", "H_model[Y|X]", "accuracy", "error")  # the rest after them


def has_units(measure: str) -> bool:
    """Whether a measure is an amount of information; accuracies, errors, epochs and seconds are not."""
    return NATS.fullmatch(measure) is not None


def unit(measure: str, units: str) -> str:
    """`nats`, `bits`, or nothing."""
    return units if has_units(measure) else ""


def in_order(measures: set[str]) -> list[str]:
    """The measures as a person wants them: J, the functionals, the accuracy, the rest by name."""
    return [name for name in ORDER if name in measures] + sorted(measures - set(ORDER))


def counted(count: int, noun: str) -> str:
    """`1 run`, `1,000 runs`; the last word of `noun` takes the s."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def mathtext(name: str) -> str:
    """A measure or multiplier in Matplotlib's mathtext: `$\\gamma$`, `$H_{\\mathrm{model}}[Y|X]$`."""
    if name in GREEK:
        return rf"$\{name}$"
    if re.fullmatch(r"[A-Z]{1,2}(_\w+)?(\[[\w;|,]+\])?", name):
        return "$" + re.sub(r"_(\w+)", _subscript, name).replace("|", r"\,|\,") + "$"
    return name.replace("$", r"\$")


def label(measure: str, units: str) -> str:
    """A measure on an axis of a figure: `rate $R$ (nats)`."""
    text = f"{NAMES.get(measure, '')} {mathtext(measure)}".strip()
    return f"{text} ({unit(measure, units)})" if has_units(measure) else text


def plain(measure: str, units: str) -> str:
    """A measure on an axis of the page: `rate R (nats)`."""
    text = f"{NAMES.get(measure, '')} {GREEK.get(measure, measure)}".strip()
    return f"{text} ({unit(measure, units)})" if has_units(measure) else text


def _subscript(match: re.Match) -> str:
    return f"_{match[1]}" if len(match[1]) == 1 else rf"_{{\mathrm{{{match[1]}}}}}"
