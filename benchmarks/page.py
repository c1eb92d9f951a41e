"""The page docs/benchmarks.md: prose by hand, and between markers the last run of each section."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measure import HEADER, Row


def table(rows: Sequence[Row], header: Sequence[str] = HEADER) -> str:
    """The rows in Markdown."""
    lines = [header, tuple("---" for _ in header), *(row.cells() for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write(
    page: Path, section: str, title: str, rows: Sequence[Row], conditions: str, header: Sequence[str] = HEADER
) -> None:
    """Put the section's table between its markers; a section that the page lacks comes at its end."""
    opening, closing = f"<!-- {section} -->", f"<!-- end of {section} -->"
    block = f"{opening}\n{table(rows, header)}\n\n{conditions}\n{closing}"
    text = page.read_text(encoding="utf-8") if page.exists() else "# Speed\n"
    pattern = re.compile(f"{re.escape(opening)}.*?{re.escape(closing)}", re.DOTALL)
    if not pattern.search(text):
        text = f"{text.rstrip()}\n\n## {title}\n\n{opening}{closing}\n"
    text = pattern.sub(lambda _: block, text)
    page.write_text(text, encoding="utf-8")
