"""No file is read or written in the encoding of whatever locale the machine has."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = {"open", "read_text", "write_text", "FileHandler", "fdopen", "TextIOWrapper", "NamedTemporaryFile"}
OTHER = {"os.open", "urllib.request.urlopen", "records.open", "chains.open", "self.chains.open", "webbrowser.open"}


def unencoded(source: str) -> list[int]:
    """The lines of calls that open a text file without an encoding."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        if name.rpartition(".")[2] not in TEXT or name in OTHER or name.endswith((".records.open", "Image.open")):
            continue
        words = {word.arg for word in node.keywords}
        given = [
            part.value
            for part in (*node.args, *(word.value for word in node.keywords))
            if isinstance(part, ast.Constant)
        ]
        binary = any(isinstance(value, str) and set(value) <= set("rwxab+") and "b" in value for value in given)
        if "encoding" not in words and not binary:
            found.append(node.lineno)
    return found


def test_the_search_finds_what_it_looks_for() -> None:
    assert unencoded("p.read_text()\nopen('a')\np.open('w')\nlogging.FileHandler(f)") == [1, 2, 3, 4]
    assert (
        unencoded("p.read_text(encoding='utf-8')\nopen('a', 'rb')\np.open('wb')\nos.open(p, 0)\np.read_bytes()") == []
    )


@pytest.mark.parametrize("folder", ["ib_cli", "hydra_plugins"])
def test_text_files_have_an_encoding(folder: str) -> None:
    found = [
        f"{file.relative_to(ROOT)}:{line}"
        for file in sorted((ROOT / folder).rglob("*.py"))
        for line in unencoded(file.read_text(encoding="utf-8"))
    ]
    assert not found, "open these with encoding='utf-8'"
