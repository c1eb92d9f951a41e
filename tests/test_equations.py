"""docs/equations.md: every numbered equation of the five papers is there, and every place that it names."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest
import yaml

from ib_cli.config.catalogue import choices, groups
from ib_cli.config.multipliers import MULTIPLIERS
from ib_cli.functionals import functionals

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "equations.md").read_text(encoding="utf-8")
NUMBERED = {  # how many equations each paper numbers
    "TherML": 43,
    "Unpacking Information Bottlenecks": 24,
    "Information Dropout": 7,
    "A Free-Energy Principle for Representation Learning": 38,
    "Information Bottleneck through Variational Glasses": 43,
}
UNBUILT = re.compile(r"not built, because \w|not built yet")
ELSEWHERE = re.compile(r"^(as (there|\()|by (its Lagrangian|\())")


def rows(paper: str) -> list[tuple[str, str]]:
    """First and last cell of each row of a paper's table."""
    (section,) = re.findall(rf"^## {re.escape(paper)}$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    assert all(len(row) == 3 for row in cells), [row for row in cells if len(row) != 3]
    return [(row[0], row[2].replace("\\|", "|")) for row in cells]


def named(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


@cache
def definitions(file: Path) -> frozenset[str]:
    """Names of functions and classes anywhere in a Python file."""
    tree = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    return frozenset(node.name for node in tree if isinstance(node, ast.FunctionDef | ast.ClassDef))


@cache
def literals() -> frozenset[str]:
    """Every string in the program: names of measures are among them."""
    found = set()
    for file in (ROOT / "ib_cli").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return frozenset(found)


def keys_of(group: str) -> set[str]:
    """The keys of all options of a group."""
    folders = [ROOT / "conf" / group, *(ROOT / "conf").glob(f"{group}_options")]
    files = [file for folder in folders for file in folder.glob("*.yaml")]
    return {key for file in files for key in yaml.safe_load(file.read_text(encoding="utf-8")) or {}}


def is_there(token: str) -> bool:
    """Whether a file, a definition, an option, a key, a flag, a functional, a measure or a multiplier exists."""
    path, _, name = token.partition("::")
    if "/" in path:
        return (ROOT / path).is_file() and (not name or name in definitions(ROOT / path))
    if token.startswith("ib-report"):
        return all(f'"{flag}"' in (ROOT / "ib_cli/report/main.py").read_text() for flag in token.split()[1:])
    if "=" in token:
        key, value = token.split("=")
        group, _, inner = key.partition(".")
        if inner:
            return group in groups() and inner in keys_of(group)
        return key in groups() and value in choices(key)
    return token in functionals() or token in literals() or token in MULTIPLIERS


@pytest.mark.parametrize("paper", NUMBERED)
def test_every_numbered_equation_is_listed_once(paper: str) -> None:
    found = [int(number) for first, _ in rows(paper) for number in re.findall(r"\((\d+)\)", first)]
    assert sorted(found) == list(range(1, NUMBERED[paper] + 1))


@pytest.mark.parametrize("paper", NUMBERED)
def test_every_row_has_a_place_or_a_reason(paper: str) -> None:
    for equation, where in rows(paper):
        assert named(where) or UNBUILT.search(where) or ELSEWHERE.search(where), f"{paper} {equation}: {where}"


@pytest.mark.parametrize("paper", NUMBERED)
def test_every_place_is_there(paper: str) -> None:
    allowed = {"_small"}  # the end of a name, in words
    for equation, where in rows(paper):
        for token in named(where):
            assert token in allowed or is_there(token), f"{paper} {equation}: there is no {token}"


def test_places_outside_the_tables_are_there() -> None:
    prose = [line for line in PAGE.splitlines() if not line.startswith("|")]
    patterns = {"file", "file::name", "objective=…", "sweeps/…"}  # of the introduction
    for token in named("\n".join(prose)):
        assert token in patterns or is_there(token), token


@pytest.mark.parametrize(
    "token",
    ["ib_cli/no.py", "ib_cli/model/model.py::NoSuch", "objective=no", "decoder.no=laplace", "No[Z]", "ib-report --no"],
)
def test_what_is_not_there_is_seen(token: str) -> None:
    assert not is_there(token)
