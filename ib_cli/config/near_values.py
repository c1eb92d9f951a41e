"""A value of the wrong kind as it was meant: `figures=yes` is true, `epochs=1e3` is 1000. For error messages."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ib_cli.config.command_flags import Words
from ib_cli.config.known_keys import KnownKeys
from ib_cli.config.near_words import near_word
from ib_cli.config.several_values import multirun, spelled
from ib_cli.config.spacings import shortest

TOLD = re.compile(r"([\w./]+?)(?:\.\d+)?=.*?: (?:must be (.*)|a multiplier is (a number).*)")
TRUE, FALSE = ("true", "yes", "y", "on", "1", "t"), ("false", "no", "n", "off", "0", "f")
NOTHING = ("none", "null", "all", "full", "never", "no", "off", "nil", "default", "")
CALLED = {"gpu": "cuda", "float32": "fp32", "float": "fp32", "single": "fp32", "32": "fp32", "bfloat16": "bf16",
          "half": "bf16", "float16": "bf16", "fp16": "bf16", "mixed": "bf16"}  # fmt: skip


def meant_value(line: str, words: Sequence[str], known: KnownKeys) -> Words:
    """The words with the value that an error line names put right; the same words where it cannot be told."""
    match = TOLD.match(line)
    if not match:
        return list(words)
    key, wanted = match[1], match[2] or match[3]
    found = []
    for word in words:
        name, equals, value = word.partition("=")
        if equals and name.lstrip("+") == key and (meant := _meant(key, value.strip("'\""), wanted, known)) is not None:
            word = f"{name}={meant}"
        found.append(word)
    return multirun(spelled(found, known), known) if found == list(words) else found


def _meant(key: str, value: str, wanted: str, known: KnownKeys) -> str | None:
    """The value as `wanted` says it must be; None where it cannot be told."""
    default = known.chosen_keys().get(key, 0)
    if default is None and value.casefold() in NOTHING:
        return "null"
    if choices := re.findall(r"'([^']+)'", wanted):
        called = CALLED.get(value.casefold(), value.casefold().partition(":")[0])
        return called if called in choices else near_word(called, choices)
    if re.search(r"\b(boolean|bool)", wanted):
        return "true" if value.casefold() in TRUE else "false" if value.casefold() in FALSE else None
    if "a list" in wanted and re.fullmatch(r"[-+.\w]+", value):
        return f"[{value}]"
    if "integer" not in wanted and "number" not in wanted:
        return None
    number = _number(value)
    if number is None or number.is_integer() or "an integer" not in wanted or " or a number" in wanted:
        return None if number is None else shortest(number)
    return None


def _number(text: str) -> float | None:
    """The number that a text stands for: in brackets, with a percent sign, as a power of ten or a fraction."""
    text = text.strip().removeprefix("[").removesuffix("]").replace("_", "").replace(" ", "")
    if match := re.fullmatch(r"(?:(.+)[*x×])?10(?:\^|\*\*)\(?([-+]?\d+)\)?", text):
        text = f"{match[1] or 1}e{match[2]}"
    share = 1.0
    if text.endswith("%"):
        text, share = text[:-1], 0.01
    elif match := re.fullmatch(r"(\d+)/(\d+)", text):
        text, share = match[1], 1 / float(match[2]) if float(match[2]) else 0.0
    elif match := re.fullmatch(r"(\d+)([kKM])", text):
        text, share = match[1], {"k": 1e3, "K": 1e3, "M": 1e6}[match[2]]
    try:
        number = float(f"{float(text) * share:.6g}") if share != 1.0 else float(text)
    except ValueError:
        return None
    return number if abs(number) < 1e300 else None
