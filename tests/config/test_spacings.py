"""Spacings of a multirun's values: numbers as numpy has them, written short, with the ids of numbers by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import OverrideParseException

from ib_cli.config.hydra_parser import whole_parser
from ib_cli.config.spacings import FORMS, geomspace, linspace, logspace, shortest
from tests.conftest import SMALL


def written(word: str) -> list[str]:
    with whole_parser(), whole_parser():  # a job's config is composed within the block of the command
        (override,) = OverridesParser.create().parse_overrides([word])
    return list(override.sweep_string_iterator())


@pytest.mark.parametrize(
    "value, numbers",
    [
        ("logspace(-4,0,9)", "1e-4 3.162e-4 1e-3 3.162e-3 1e-2 3.162e-2 1e-1 3.162e-1 1"),
        ("logspace(-4, 0, 3)", "1e-4 1e-2 1"),
        ("logspace(0,-2,3)", "1 0.1 0.01"),
        ("geomspace(1e-4,1,5)", "1e-4 1e-3 1e-2 1e-1 1"),
        ("geomspace(3e-3,0.3,2)", "3e-3 3e-1"),
        ("linspace(0,1,4)", "0 0.3333 0.6667 1"),
        ("linspace(-0.3,0.3,7)", "-0.3 -0.2 -0.1 0 0.1 0.2 0.3"),
        ("linspace(0,4,5)", "0 1 2 3 4"),
        ("linspace(1000000,1000001,3)", "1000000 1000000.5 1000001"),
        ("linspace(0.5,0.5,1)", "0.5"),
        ("logspace(-300,300,3)", "1e-300 1 1e300"),
        ("tag(a,logspace(-1,0,2))", "0.1 1"),
        ("sort(logspace(0,-2,3))", "0.01 0.1 1"),
    ],
)
def test_a_spacing_is_written_as_a_person_would(value: str, numbers: str) -> None:
    assert written(f"gamma={value}") == numbers.split()


@pytest.mark.parametrize("mine, numpys", [(linspace, np.linspace), (logspace, np.logspace), (geomspace, np.geomspace)])
def test_spacings_are_those_of_numpy(mine: Callable[..., list], numpys: Callable[..., np.ndarray]) -> None:
    """To 0.1 % of the distance between neighbours, the rounding."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        (a, b), n = np.sort(rng.uniform(0.01, 4, 2)), int(rng.integers(2, 40))
        exact = numpys(a, b, n)
        near = np.gradient(exact)
        assert np.all(np.abs(np.array([float(x) for x in mine(a, b, n)]) - exact) <= 1e-3 * np.abs(near) * 1.5)


@pytest.mark.parametrize(
    "value, name",
    [
        ("logspace(-4,0)", "logspace"),
        ("logspace(-4,0,0)", "logspace"),
        ("logspace(-4,0,2.5)", "logspace"),
        ("logspace(-400,0,3)", "logspace"),
        ("logspace(a,0,3)", "logspace"),
        ("linspace(0,1,true)", "linspace"),
        ("linspace(0,inf,3)", "linspace"),
        ("geomspace(0,1,5)", "geomspace"),
        ("geomspace(-1,1,5)", "geomspace"),
    ],
)
def test_wrong_arguments_are_answered_with_the_form(value: str, name: str) -> None:
    with pytest.raises(OverrideParseException) as error:
        written(f"gamma={value}")
    assert FORMS[name] in str(error.value)


def test_equal_values_are_refused() -> None:
    with pytest.raises(OverrideParseException, match="same number"):
        written("gamma=linspace(1,1,3)")


def test_the_shorter_way_is_taken_and_read_back_as_the_same_number() -> None:
    rng = np.random.default_rng(0)
    for value in [*10.0 ** rng.uniform(-12, 12, 200), 1e-4, 0.025, 1e22, 123456789.0, -1e-5, 0.0]:
        text = shortest(value)
        assert float(text) == value and len(text) <= len(repr(float(value)))


def test_runs_of_a_spacing_are_those_of_the_values_by_hand(ib_train: Callable) -> None:
    by_hand = ib_train("-m", *SMALL, "epochs=1", "gamma=1e-4,0.01")
    assert by_hand.code == 0, by_hand.err
    spaced = ib_train("-m", *SMALL, "epochs=1", "gamma=logspace(-4,-2,2)")
    assert spaced.code == 0 and "2 skipped" in spaced.out, spaced.out
    assert len(list(Path("outputs").glob("*/*/result.json"))) == 2


@pytest.mark.slow
def test_a_study_of_ones_own_may_have_a_spacing(ib_train: Callable, tmp_path: Path) -> None:
    """By its path, and by its name from a folder of --config-dir, whose file says where its keys go."""
    study = (
        "name: mine\nepochs: 1\nhydra:\n  mode: MULTIRUN\n  sweeper:\n    params:\n      gamma: geomspace(1e-4,1,2)\n"
    )
    folder = tmp_path / "my_conf" / "sweep"
    folder.mkdir(parents=True)
    for file, head in {"mine": "# @package _global_\n", "headless": ""}.items():
        (folder / f"{file}.yaml").write_text(head + study)
    by_path = ib_train(*SMALL, "epochs=1", "sweep=my_conf/sweep/headless.yaml")
    assert by_path.code == 0 and "2 done" in by_path.out, by_path.out + by_path.err
    gammas = sorted(
        json.loads(file.read_text())["multipliers"]["gamma"] for file in Path("outputs").rglob("result.json")
    )
    assert gammas == [1e-4, 1]
    by_name = ib_train("--config-dir", "my_conf", *SMALL, "epochs=1", "sweep=mine")
    assert by_name.code == 0 and "2 skipped" in by_name.out, by_name.out + by_name.err
    headless = ib_train("--config-dir", "my_conf", *SMALL, "sweep=headless")
    assert headless.code == 2 and headless.err == (
        "ib-train: my_conf/sweep/headless.yaml: a study must begin with the line '# @package _global_'\n"
    )
    assert ib_train("sweep=my_conf/sweep/none.yaml").err == (
        "ib-train: sweep=my_conf/sweep/none.yaml: there is no such file\n"
    )
