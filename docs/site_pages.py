"""A hook of mkdocs: pages of the site that lie beside docs/ in the checkout, and links between the two."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
LINK = re.compile(r"\]\((?:\.\./|docs/)?(?P<file>[\w./-]+)(?P<place>#[^)]*)?\)")


def on_files(files: Files, config: Any) -> Files:
    """README, CONTRIBUTING and CHANGELOG as pages."""
    for name, page in PAGES.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=LINK.sub(_to_page, text)))
    return files


def on_page_markdown(markdown: str, **about: Any) -> str:
    """Links from docs/ to the pages above."""
    return LINK.sub(_to_page, markdown)


def _to_page(link: re.Match[str]) -> str:
    file = link["file"]
    return f"]({PAGES.get(file, file)}{link['place'] or ''})"
