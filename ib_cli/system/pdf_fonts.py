"""The fonts of Matplotlib's PDF files, without tables that no reader of a PDF looks at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SHAPING = ("GDEF", "GPOS", "GSUB")  # ligatures and kerning: Matplotlib has placed each glyph already


@contextmanager
def without_shaping() -> Iterator[None]:
    """Within the block fonts are cut down without their tables for shaping text, which takes two thirds of the time."""
    from fontTools import subset

    before = subset.Options

    def options(**given: Any) -> Any:
        made = before(**given)
        made.drop_tables = [*made.drop_tables, *SHAPING]
        return made

    subset.Options = options
    try:
        yield
    finally:
        subset.Options = before
