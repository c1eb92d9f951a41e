"""What other programs print for a terminal, as one plain line."""

from __future__ import annotations

import re

# What colours a terminal's text, moves its cursor or names its window (ECMA-48), and a bare ESC.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC and other strings
    r"|\x1b(?:[ -/]*[0-~])?"
)


def plain_line(text: str) -> str:
    """The text on one line without escape sequences; other control characters are spaces, and these never repeat."""
    bare = _ESCAPES.sub("", text)
    return " ".join("".join(letter if letter.isprintable() else " " for letter in bare).split())
