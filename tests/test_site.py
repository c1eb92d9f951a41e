"""The documents become a site, every link within it leads somewhere, and nothing in it is loaded from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOADED = re.compile(r'(?:<script[^>]* src|<img[^>]* src|<link rel="stylesheet"[^>]* href)="(?:https?:)?//')
NOWHERE = "http://127.0.0.1:9"  # a proxy that does not answer: a build that needs a network fails


@pytest.mark.slow
def test_the_site_is_built_without_a_network(tmp_path: Path) -> None:
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), NOWHERE)
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    ended = subprocess.run(command, cwd=ROOT, env={**os.environ, **nowhere}, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    pages = {file.stem for file in (tmp_path / "site").glob("*.html")}
    assert {file.stem for file in (ROOT / "docs").glob("*.md")} | {"index", "contributing", "changelog"} <= pages
    for page in (tmp_path / "site").glob("*.html"):
        assert not LOADED.search(page.read_text(encoding="utf-8")), page.name
    reference = (tmp_path / "site" / "api.html").read_text(encoding="utf-8")
    assert "add_split" in reference and "draw_frontier" in reference
