"""A person's own functional, found by its path as their own architecture is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SMALL, Ended

TRUSTED = (*SMALL, "trust=own_quantity")

MODULE = """
from torch import Tensor
from ib_cli.contracts.passes import Pass
from ib_cli.functionals.functional import functional

@functional("Q", "squared norm of z", "label_density")
def squared_norm(p: Pass) -> Tensor:
    return p.expected(p.z.square().sum(-1))

@functional("T", "a field that does not exist", "lable_density")
def typo(p: Pass) -> Tensor:
    return p.z.sum()

@functional("R", "not the rate", "label_density")
def rate(p: Pass) -> Tensor:
    return p.expected(p.z.sum(-1))

nothing = 3
"""
OBJECTIVE = """
# @package _global_
gamma: 0.1
objective:
  name: small_z
  minimise: {C: 1, Q: gamma}
  functionals: {Q: own_quantity.squared_norm}
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the module, and a config for it."""
    folder = tmp_path / "own"
    (folder / "conf" / "objective").mkdir(parents=True)
    (folder / "own_quantity.py").write_text(MODULE)
    (folder / "conf" / "objective" / "small_z.yaml").write_text(OBJECTIVE)
    monkeypatch.syspath_prepend(str(folder))
    return folder


def result() -> dict[str, Any]:
    (file,) = Path("outputs/runs").glob("*/result.json")
    return json.loads(file.read_text())


def test_it_is_minimised_and_measured(ib_train: Callable[..., Ended], own: Path) -> None:
    ended = ib_train("--config-dir", str(own / "conf"), "objective=small_z", "gamma=0.5", "estimators=none", *TRUSTED)
    assert ended.code == 0, ended.err
    found = result()
    assert found["lagrangian"] == "minimise C + 0.5 Q"
    for split in ("train", "test"):
        measures = found[split]
        assert measures["J"] == pytest.approx(measures["C"] + 0.5 * measures["Q"], rel=1e-5)
    again = ib_train("--config-dir", str(own / "conf"), "objective=small_z", "gamma=0.5", "estimators=none", *TRUSTED)
    for shown in (ended, again):  # an amount of information, as every functional is
        (row,) = (line for line in shown.out.splitlines() if re.match(r"\W+Q ", line))
        assert row.split()[-2] == "nats", row
    assert 0 <= found["test"]["accuracy"] <= 1  # what is ours is measured beside it


def test_it_joins_an_objective_on_the_command_line(ib_train: Callable[..., Ended], own: Path) -> None:
    words = ("+objective.functionals.Q=own_quantity.squared_norm", "+objective.minimise.Q=0.5")
    ended = ib_train(*words, "estimators=none", *TRUSTED)
    assert ended.code == 0, ended.err
    assert result()["lagrangian"] == "minimise C + 0.01 R + 0.5 Q"


@pytest.mark.parametrize(
    "symbol, path, told",
    [
        ("Q", "own_quantity.missing", "objective.functionals.Q=own_quantity.missing: cannot be imported"),
        ("Q", "own_quantity.nothing", "objective.functionals.Q=own_quantity.nothing: is no Functional"),
        ("Q", "own_quantity.typo", "this functional's symbol is T: use it as the key"),
        ("T", "own_quantity.typo", "objective.functionals.T=own_quantity.typo: reads lable_density, which no pass has"),
        ("R", "own_quantity.rate", "R is a functional of ib-train: give yours another symbol"),
    ],
)
def test_what_is_wrong_is_one_line(
    ib_train: Callable[..., Ended], own: Path, symbol: str, path: str, told: str
) -> None:
    add = f"{'' if symbol == 'R' else '+'}objective.minimise.{symbol}=0.5"
    ended = ib_train(f"+objective.functionals.{symbol}={path}", add, *TRUSTED)
    assert ended.code == 2 and told in ended.err and len(ended.err.strip().splitlines()) == 1, ended.err
