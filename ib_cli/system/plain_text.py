"""Text from names, records and errors, made harmless for a terminal, a log and a spreadsheet."""

from __future__ import annotations

from pathlib import Path

FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")  # with which spreadsheets begin a formula


class NumberText(str):
    """A number within a column of texts."""

    __slots__ = ()


def printable(value: str | Path) -> str:
    """A text on one line: control characters, escape sequences, marks of direction and stray bytes as escapes."""
    text = str(value)
    return text if text.isprintable() else "".join(map(_shown, text))


def printable_lines(text: str) -> str:
    """`printable`, but for the line breaks, as of a traceback."""
    return "\n".join(map(printable, text.split("\n")))


def cell(value: str) -> str:
    """A text as a cell of a CSV file: a spreadsheet shows it, and calculates nothing. Numbers stay as they are."""
    text = printable(value)
    formula = not isinstance(value, NumberText) and text.lstrip().startswith(FORMULA)
    return f"'{text}" if formula else text


def _shown(letter: str) -> str:
    number = ord(letter)
    if letter.isprintable():
        return letter
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}" if number < 65536 else f"\\U{number:08x}"
