"""Several values of a key: a multirun, a list, or one of them where a single config is wanted."""

from __future__ import annotations

import math
import re

from ib_cli.config import spacings
from ib_cli.config.command_flags import Words, is_flag, split
from ib_cli.config.known_keys import KnownKeys
from ib_cli.config.near_keys import meant_key
from ib_cli.config.near_numbers import meant_number
from ib_cli.config.near_words import near_word, same_word
from ib_cli.config.spacings import FORMS, TEXTS, are_ends, shortest

CALL = re.compile(r"([A-Za-z_][\w.]*)\((.*)\)")
SWEEPS = ("range", "choice", "interval", "tag", "shuffle", "sort", "glob", *FORMS)
BRACKETED = re.compile(r"([A-Za-z_][\w.]*)\[(.*)\]")  # a call with the brackets of a list
NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
CASTS = ("int", "float", "str", "bool")
LISTS = ("dataset.classes",)  # keys that take lists, whose defaults are none


def spelled(words: Words, known: KnownKeys) -> Words:
    """Lists, several values and calls as Hydra wants them."""
    several = bool({"-m", "--multirun"} & set(words))
    return [word if is_flag(word) else _spelled(word, known, several) for word in words]


def multirun(words: Words, known: KnownKeys) -> Words:
    """With -m where a key has several values, unless a study brings the multirun."""
    if {"-m", "--multirun"} & set(words) or any(word.startswith(("sweep=", "hydra.mode=MULTIRUN")) for word in words):
        return words
    return ["-m", *words] if any(map(is_sweep, words)) else words


def one_run(words: Words, known: KnownKeys) -> Words:
    """One value of each key where --cfg shows a config, which is that of one run."""
    flags, rest = split(words)
    if not {"--cfg", "-c"} & set(flags):
        return words
    found = [word for word in map(_first_value, rest) if word]
    kept = [flag for flag in flags if flag not in ("-m", "--multirun")]
    return [*kept, *found] if kept != flags or found != rest else words


def is_sweep(word: str) -> bool:
    """Whether a word gives a key several values, in Hydra's grammar."""
    key, equals, value = word.partition("=")
    if not equals or key.lstrip("+") in ("sweep",):
        return False
    call = CALL.fullmatch(value)
    return bool(call and call[1] in SWEEPS) or len(_values(value)) > 1


def _values(text: str) -> list[str]:
    """The parts of a value between commas outside brackets and quotes."""
    return outside(text, ",")


def outside(text: str, commas: str) -> list[str]:
    """The parts of a text between commas, or others of these letters, outside brackets and quotes."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        quote = "" if letter == quote else letter if not quote and letter in "'\"" else quote
        depth += (letter in "[({") - (letter in "])}")
        if letter in commas and depth == 0 and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _spelled(word: str, known: KnownKeys, several: bool) -> str:
    """A word whose value, or values, are written as Hydra wants them. `several`: whether it is of a multirun."""
    key, equals, value = word.partition("=")
    if not equals:
        return word
    if key == "tracker" and (same := same_word(value, known.options(key))):
        return f"{key}={same[0]}"
    if (
        key == "tracker"
        and not several
        and not value.startswith("[")
        and len(parts := re.split(r"[,+;\s]+", value)) > 1
    ):
        return f"{key}=[{','.join(parts)}]"
    if key in known.groups() and key != "tracker" and re.fullmatch(r"\[.*\]", value):
        return f"{key}={value[1:-1]}"
    default = _default(key, known)
    listed = isinstance(default, list) or key in LISTS
    if listed and len(_values(value)) > 1 and all(map(_is_plain, _values(value))):
        return f"{key}=[{value}]"
    quoted = re.fullmatch(r"(['\"])(.*)\1", value)
    if quoted and CALL.fullmatch(quoted[2]) and key not in TEXTS:
        value = quoted[2]
    if call := CALL.fullmatch(value) or BRACKETED.fullmatch(value):
        name = call[1] if call[1] in (*SWEEPS, *CASTS) else near_word(call[1].rpartition(".")[2], SWEEPS)
        return f"{key}={_spacing(name, call[2])}" if name else word
    if isinstance(default, int | float) and not isinstance(default, bool):
        return f"{key}={_numbers(value)}"
    return f"{key}={value}"


def _numbers(value: str) -> str:
    """Numbers of a key that takes one: `0..4`, `1|2` and `[1,2]` as Hydra wants several, `10^-2` as it wants one."""
    if match := re.fullmatch(r"(\d+)(?:\.\.|-|:|\.\.\.|…)(\d+)", value):
        return f"range({match[1]},{int(match[2]) + 1})"
    if match := re.fullmatch(rf"({NUMBER})(?:\.\.\.?|…|:|-)({NUMBER})", value):
        return _between(match[1], match[2])
    if value.startswith("[") and value.endswith("]"):
        value = value[1:-1]
    parts = re.split(r"\s*[|;,]\s*|\s+", value)
    if len(parts) > 1 and all(meant_number(part) is not None for part in parts):
        return ",".join(parts)
    if re.search(r"[*^%]", value) and (number := meant_number(value)) is not None:
        return shortest(number)
    return value


def _spacing(name: str, given: str) -> str:
    """A call as it was meant: logspace takes exponents, geomspace the ends themselves."""
    ends = [number for part in _values(given)[:2] if (number := meant_number(part)) is not None]
    if len(ends) == 2 and name == "logspace" and are_ends(*ends):
        name = "geomspace"
    elif len(ends) == 2 and name == "geomspace" and min(ends) < 0 and all(number.is_integer() for number in ends):
        name = "logspace"
    elif len(ends) == 2 and name == "geomspace" and min(ends) == 0:  # no power of ten, and no exponent beside a 1
        name = "linspace"
    return f"{name}({given})"


def wrong_spacing(words: Words) -> str:
    """The line for the first spacing with arguments that it does not take; '' where there is none."""
    for word in words:
        call = CALL.fullmatch(word.partition("=")[2])
        if call and call[1] in FORMS:
            given = [meant_number(part) for part in _values(call[2])]
            try:
                getattr(spacings, call[1])(*given)
            except ValueError as error:
                return f"{word}: {error}"
    return ""


def _between(first: str, last: str) -> str:
    """Numbers from one to another: a number for each power of ten, or five where they are no powers of ten."""
    ends = float(first), float(last)
    if min(ends) <= 0 or max(ends) < 10 * min(ends):
        return f"linspace({first},{last},5)"
    a, b = (math.log10(end) for end in ends)
    if abs(a - round(a)) + abs(b - round(b)) > 1e-9:
        return f"geomspace({first},{last},5)"
    return f"logspace({round(a)},{round(b)},{abs(round(b) - round(a)) + 1})"


def _is_plain(value: str) -> bool:
    return bool(re.fullmatch(r"[-+.\w]+", value))


def _default(key: str, known: KnownKeys) -> object:
    key = key.lstrip("+")
    defaults = known.chosen_keys()
    if key in defaults:
        return defaults[key]
    meant = meant_key(key, known)
    return defaults.get(meant.key) if meant else None


def _first_value(word: str) -> str:
    """A word with the first of its values; '' where that cannot be told."""
    key, _, value = word.partition("=")
    if not is_sweep(word):
        return word
    call = CALL.fullmatch(value)
    if not call:
        return f"{key}={_values(value)[0]}"
    given = _values(call[2])
    if call[1] == "choice":
        return f"{key}={given[0]}"
    if call[1] == "range":
        return f"{key}={given[0] if len(given) > 1 else 0}"
    if call[1] in FORMS:
        try:
            return f"{key}={getattr(spacings, call[1])(*map(float, given))[0]}"
        except ValueError:
            return ""
    return ""
