"""Text of other programs as plain characters, for files and for screens."""

from __future__ import annotations

import re

# What colours a terminal's text, moves its cursor or names its window (ECMA-48), and a bare ESC.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC and other strings
    r"|\x1b(?:[ -/]*[0-~])?"
)


def plain(text: str) -> str:
    """The text without escape sequences; line breaks and other control characters are spaces."""
    return "".join(letter if letter.isprintable() else " " for letter in _ESCAPES.sub("", text))


def plain_line(text: str) -> str:
    """The same, without repeated spaces."""
    return " ".join(plain(text).split())
