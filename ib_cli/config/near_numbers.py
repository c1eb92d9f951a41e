"""Numbers as people write them elsewhere: `10^-2`, `20%`, `1/2`, `10k`. For error messages."""

from __future__ import annotations

import re


def meant_number(text: str) -> float | None:
    """The number that a text stands for: in brackets, with a percent sign, as a power of ten or a fraction."""
    text = text.strip().removeprefix("[").removesuffix("]").replace("_", "").replace(" ", "")
    if match := re.fullmatch(r"(?:(.+)[*x×])?10(?:\^|\*\*)\(?([-+]?\d+)\)?", text):
        text = f"{match[1] or 1}e{match[2]}"
    share = 1.0
    if text.endswith("%"):
        text, share = text[:-1], 0.01
    elif match := re.fullmatch(r"(\d+)/(\d+)", text):
        text, share = match[1], 1 / float(match[2]) if float(match[2]) else 0.0
    elif match := re.fullmatch(r"([\d.]+)([kKM])", text):
        text, share = match[1], {"k": 1e3, "K": 1e3, "M": 1e6}[match[2]]
    try:
        number = float(f"{float(text) * share:.6g}") if share != 1.0 else float(text)
    except ValueError:
        return None
    return number if abs(number) < 1e300 else None
