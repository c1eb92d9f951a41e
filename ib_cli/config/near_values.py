"""A value of the wrong kind as it was meant: `figures=yes` is true, `epochs=1e3` is 1000. For error messages."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ib_cli.config.command_flags import Words
from ib_cli.config.known_keys import KnownKeys
from ib_cli.config.near_numbers import meant_number
from ib_cli.config.near_words import near_word
from ib_cli.config.several_values import multirun, outside, spelled
from ib_cli.config.spacings import shortest

TOLD = re.compile(r"([\w./]+?)(?:\.\d+)?=.*?: (?:must be (.*)|a multiplier is (a number).*)")
TRUE, FALSE = ("true", "yes", "y", "on", "1", "t"), ("false", "no", "n", "off", "0", "f", "none", "null", "never")
# What a key that takes a number is set to by people who switch it on.
SWITCHED_ON = {"procedure.patience": "10", "dataset.validation_size": "0.1", "clip": "1", "averaging": "0.999",
               "schedule.warmup": "5", "architecture.dropout": "0.1", "optimizer.weight_decay": "1e-4",
               "optimizer.momentum": "0.9", "dataset.label_noise": "0.1", "dataset.crop": "4"}  # fmt: skip
NOTHING = ("none", "null", "all", "full", "never", "no", "off", "nil", "default", "")
CALLED = {"gpu": "cuda", "float32": "fp32", "float": "fp32", "single": "fp32", "32": "fp32", "bfloat16": "bf16",
          "16": "bf16", "half": "bf16", "float16": "bf16", "fp16": "bf16", "mixed": "bf16"}  # fmt: skip


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


def switched(key: str, value: str, known: KnownKeys) -> str | None:
    """The number for a key that takes one and was switched on or off: `patience=true` is 10; None where none is known.

    Any other value stays as it is.
    """
    default = known.chosen_keys().get(key, False)
    if isinstance(default, bool | str | list | dict) or value.casefold() not in ("true", "false"):
        return value
    if value.casefold() == "false":
        return "null" if default is None else str(default)
    return SWITCHED_ON.get(key)


def fitting(key: str, value: str, known: KnownKeys) -> str | None:
    """The value for a key that was meant: in brackets where the key takes a list, else as `switched` has it.

    Each of several values is a list of its own.
    """
    if not isinstance(known.chosen_keys().get(key), list):
        return switched(key, value, known)
    lists = [each if each.startswith("[") else as_list(each) for each in outside(value, ",")]
    return ",".join(each for each in lists if each) if all(lists) else value


def _meant(key: str, value: str, wanted: str, known: KnownKeys) -> str | None:
    """The value as `wanted` says it must be; None where it cannot be told."""
    default = known.chosen_keys().get(key, 0)
    if default is None and value.casefold() in NOTHING:
        return "null"
    if re.search(r"\b(boolean|True)\b", wanted) and value.casefold() in (*TRUE, *FALSE):
        return "true" if value.casefold() in TRUE else "false"
    if choices := re.findall(r"'([^']+)'", wanted):
        called = value.casefold().partition(":")[0]
        called = CALLED.get(called, called)
        return called if called in choices else near_word(called, choices)
    if wanted.startswith("a string") and not set(value) & set("'\"\\"):  # a number, say
        return f"'{value}'"
    if "a list" in wanted and (listed := as_list(value)):
        return listed
    if "integer" not in wanted and "number" not in wanted:
        return None
    if (number_of_it := switched(key, value, known)) != value:
        return number_of_it
    number = meant_number(value)
    if number is None or number.is_integer() or "an integer" not in wanted or " or a number" in wanted:
        return None if number is None else shortest(number)
    return None


def as_list(value: str) -> str | None:
    """The list that a text stands for: `64`, `64 32`, `64x32`, `{64,32}`; None for others."""
    if re.fullmatch(r"\d+(x\d+)+", value):
        return f"[{value.replace('x', ',')}]"
    if re.fullmatch(r"[-+.\w]+([\s;|]+[-+.\w]+)*|\{[^{}:]*\}", value):
        parts = re.split(r"[\s;|,]+", value.strip("{}"))
        return f"[{','.join(filter(None, parts))}]"
    return None
