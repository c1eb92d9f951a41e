"""Names, symbols and units of measures and multipliers, as in the papers."""

from __future__ import annotations

import math
import re
from collections.abc import Collection

GREEK = {
    "gamma": "γ",
    "beta": "β",
    "sigma": "σ",
    "delta": "δ",
    "rho": "ρ",
    "lambda": "λ",
    "alpha": "α",
}
SLACKS = ("slack_R", "slack_C", "slack_D", "slack_V", "slack_RD", "slack_RCD")  # of TherML's bounds
NAMES = {
    "J": "objective",
    "R": "rate",
    "R_Y": "conditional rate",
    "C": "classification error",
    "D": "distortion",
    "D_error": "distortion",
    "S": "entropy of the weights",
    "S/N": "entropy of the weights a sample",
    "V": "volume",
    "KL": "information through the noise",
    "KL_N": "the same a training sample",
    "B": "divergence of Z from its prior",
    "MMD": "squared discrepancy of Z from its prior",
    "D_x": "divergence of data and decoded samples",
    "D_features": "distance of features",
    "NLL": "importance-weighted bound",
    "NLL_iw": "importance-weighted bound",
    "H_model[Y|X]": "cross-entropy",
    "H[Y|Z]": "decoder uncertainty",
    "H[Z]": "encoding entropy",
    "H[Z|X]": "encoding uncertainty",
    "H[Z|Y]": "reverse decoder uncertainty",
    "I[X;Z]": "preserved information",
    "I[X;Z|Y]": "redundant information",
    "I[X;Y|Z]": "residual information",
    "EDM[Y;Z]": "entropy distance",
    "I_pairwise": "pairwise bound",
    "L2[Z]": "mean squared norm",
    "F": "free energy",
    "KL[P|Q]": "least divergence of the worlds",
    "I[Z;Θ|X]": "information in the weights",
    **dict.fromkeys(SLACKS, "slack"),
    "H[Ẑ]": "rate",
    "H_model[Ẑ]": "code length",
    "learning_rate": "learning rate",
    "codebook": "quantisation error",
    "commitment": "quantisation error",
}
SYMBOLS = {  # measures whose symbol differs from their name
    "L2[Z]": r"$\mathrm{E}\,\Vert Z\Vert^2$",
    "log_det[Z]": r"$\frac{1}{2}\log\,\det\,2\pi e\,\mathrm{Cov}[Z]$",
    "log_det[Z|Y]": r"$\frac{1}{2}\log\,\det\,2\pi e\,\mathrm{Cov}[Z\,|\,Y]$",
    "log_L2[Z]": r"$\mathrm{log}\,L_2[Z]$",
    "EDM[Y;Z]": r"$\mathrm{EDM}[Y;Z]$",
    "MMD": r"$\mathrm{MMD}^2$",
    "NLL": r"$\mathrm{NLL}$",
    "NLL_iw": r"$\mathrm{NLL}_{\mathrm{iw}}$",
    "slack_R": r"$R - I(Z;X,\Theta)$",
    "slack_C": r"$C - H[Y\,|\,Z]$",
    "slack_D": r"$D - H[X\,|\,Z]$",
    "slack_V": r"$V - I(Z;\Theta\,|\,X)$",
    "slack_RD": r"of $R + D$",
    "slack_RCD": r"of $R + C + D$",
    "I[Z;Θ|X]": r"$I[Z;\Theta\,|\,X]$",
    "KL[P|Q]": r"$\mathrm{KL}[P\,|\,Q]$",
    "learning_rate": r"$\eta$",
    "loss_x": r"$\mathrm{loss}_x$",
    "loss_z": r"$\mathrm{loss}_z$",
    **{name: rf"$\mathrm{{{name}}}$" for name in ("codebook", "commitment", "perplexity", "revived")},
}
# Measures that are amounts of information.
INFORMATION = re.compile(
    r"([JRCDSVIB]|KL|NLL)(_\w+)?|F(_stderr)?|S/N(_stderr)?|(H|I|EDM|TC|KL|log_Var|log_L2|log_det)(_\w+)?\[.*\](_stderr)?|slack_\w+"
    r"|(d[CDR]/d(lambda|gamma|t)|maxwell|hessian_largest)(_stderr)?"  # slopes by λ, γ and t, which have no unit
)
RELATIVE = frozenset({"C_drift"})  # of these, what has no unit
FRACTION = re.compile(r"(accuracy|error|nuisance_error)(_\w+)?|box_share(_\w+)?")  # shown in per cent
NATS_PER = {"nats": 1.0, "bits": math.log(2)}
# Order of display; all other measures follow.
ORDER = (
    "J", "R", "R_Y", "B", "MMD", "C", "D", "D_error", "D_x", "D_features", "NLL", "NLL_iw", "S", "S/N", "V", "KL",
    "KL_N", "H_model[Y|X]", "H[Ẑ]", "H_model[Ẑ]", "H[Y|Z]", "H[Z]", "H[Z|X]", "H[Z|Y]", "EDM[Y;Z]", "I[X;Z]",
    "I[X;Z|Y]", "I[X;Y|Z]", "I_pairwise", "L2[Z]", "log_L2[Z]", "log_Var[Z]", "log_Var[Z|Y]", "log_Var_pooled[Z|Y]",
    "log_Var_window[Z|Y]", "log_det[Z]", "log_det[Z|Y]", "KL[P|Q]", "I[Z;Θ|X]",
    *SLACKS, "accuracy", "error", "error_drawn", "error_bound",
)  # fmt: skip
WIDE = 22  # most letters of name and symbol on one line of a figure's axis


def has_units(measure: str, own: Collection[str] = ()) -> bool:
    """Whether a measure is an amount of information; accuracies, errors, epochs and seconds are not.

    `own`: symbols of functionals of a person's own: every functional is an amount of information.
    """
    return measure in own or (measure not in RELATIVE and INFORMATION.fullmatch(measure) is not None)


def is_fraction(measure: str) -> bool:
    """Whether a measure is a share of the samples or of a sum, from 0 to 1, which pictures show in per cent."""
    return FRACTION.fullmatch(measure) is not None


def shown_unit(measure: str, units: str, own: Collection[str] = ()) -> str:
    """The unit beside a measure on an axis: `units` (nats or bits), % for a fraction, else ''."""
    return unit(measure, units, own) or ("%" if is_fraction(measure) else "")


def unit(measure: str, units: str, own: Collection[str] = ()) -> str:
    """`units` (nats or bits) for an amount of information, else ''."""
    return units if has_units(measure, own) else ""


def in_order(measures: set[str]) -> list[str]:
    """The measures in order of display: J, the functionals, the accuracy, the rest by name."""
    return [name for name in ORDER if name in measures] + sorted(measures - set(ORDER))


def counted(count: int, noun: str, plural: str = "") -> str:
    """`1 run`, `1,000 runs`; the last word of `noun` takes the s, where `plural` is not given."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def mathtext(name: str) -> str:
    """A measure or multiplier in Matplotlib's mathtext: `$\\gamma$`, `$H_{\\mathrm{model}}[Y|X]$`."""
    if name in GREEK:
        return rf"$\{name}$"
    if name in SYMBOLS:
        return SYMBOLS[name]
    if re.fullmatch(r"(log_Var|[A-Z]{1,2})(_\w+)?(\[[\w;|,]+\])?", name):
        text = re.sub(r"_(\w+)", _subscript, name.replace("log_Var", "log Var"))
        return (
            "$" + text.replace("log Var", r"\log\,\mathrm{Var}").replace("|", r"\,|\,").replace("Ẑ", r"\hat{Z}") + "$"
        )
    return literal(name)


def literal(text: str) -> str:
    """A text from records as Matplotlib shows it unchanged: without mathematics, which might not parse."""
    return text.replace("$", r"\$")


def label(measure: str, units: str, own: Collection[str] = ()) -> str:
    """Axis label of a measure in a figure: `rate $R$ (nats)`, `accuracy (%)`; a long name has a line of its own."""
    name = NAMES.get(measure, "")
    between = "\n" if name and len(name) + len(measure) > WIDE else " "
    text = f"{name}{between}{mathtext(measure)}".strip()
    return f"{text} ({of})" if (of := shown_unit(measure, units, own)) else text


def plain(measure: str, units: str, own: Collection[str] = ()) -> str:
    """Axis label of a measure on the HTML page: `rate R (nats)`."""
    text = f"{NAMES.get(measure, '')} {GREEK.get(measure, measure)}".strip()
    return f"{text} ({of})" if (of := shown_unit(measure, units, own)) else text


def _subscript(match: re.Match[str]) -> str:
    return f"_{match[1]}" if len(match[1]) == 1 else rf"_{{\mathrm{{{match[1]}}}}}"
