"""Public names: run ids depend on them, so that runs of earlier versions are found whatever moves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra.utils import get_object

from ib_cli.config.catalogue import groups
from ib_cli.config.public_names import FIRST_PATHS, hashed_name, path_of, paths, public_name, short_name
from ib_cli.run import run_ids
from ib_cli.run.run_ids import run_id
from ib_cli.run.validation import GROUPS

# Made by the version before modules had floors: ids by command, and whole configs as their runs' folders have them.
STORED = json.loads((Path(__file__).parent / "stored_runs.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("stored", STORED["configs"], ids=lambda stored: stored["id"])
def test_a_stored_config_has_the_id_of_its_folder(stored: dict[str, Any]) -> None:
    assert run_id(stored["config"], "") == stored["id"]


@pytest.mark.parametrize("step", [16, pytest.param(1, marks=pytest.mark.slow)])
def test_commands_find_the_runs_that_they_made(config: Callable[..., dict[str, Any]], step: int) -> None:
    commands = dict(list(STORED["commands"].items())[::step])
    assert {command: run_id(config(*command.split()), "") for command in commands} == commands


def test_a_composed_config_has_no_path_of_ours(config: Callable[..., dict[str, Any]]) -> None:
    assert "ib_cli." not in json.dumps(config())


@pytest.mark.parametrize("group", GROUPS)
def test_names_and_paths_are_one_to_one(group: str) -> None:
    today = paths(group)
    assert today and len(set(today.values())) == len(today)
    for name, path in today.items():
        assert callable(get_object(path))
        assert public_name(group, path) == public_name(group, name) == name
        assert path_of(group, name) == path
    for name, first in FIRST_PATHS.get(group, {}).items():
        assert name in today, f"{group}={name} has gone: its runs can no longer be read"
        assert public_name(group, first) == name and path_of(group, first) == today[name]


def test_a_moved_class_keeps_its_id_and_a_persons_own_has_its_path() -> None:
    first, today = FIRST_PATHS["bottleneck"]["gaussian"], paths("bottleneck")["gaussian"]
    assert first != today
    assert hashed_name("bottleneck", "gaussian") == hashed_name("bottleneck", today) == first
    assert hashed_name("bottleneck", "my_package.net.Mine") == "my_package.net.Mine"
    assert short_name("bottleneck", "my_package.net.Mine") == "Mine"


def test_a_new_class_enters_ids_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(FIRST_PATHS["bottleneck"], "gaussian")
    assert hashed_name("bottleneck", paths("bottleneck")["gaussian"]) == "bottleneck=gaussian"


def test_every_group_with_classes_is_covered() -> None:
    assert {group for group in groups() if group not in ("objective", "sweep")} == set(GROUPS)


def test_a_key_that_came_later_leaves_old_ids_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """A neutral value, or none at all, gives the id of the time before the key; any other value a new one."""
    monkeypatch.setattr(run_ids, "NEUTRAL", {"estimators.later": 1, "later": None})
    stored = STORED["configs"][0]
    config = {**stored["config"], "later": None}
    config["estimators"] = {**(config.get("estimators") or {}), "later": 1.0}
    assert run_id(config, "") == stored["id"]
    assert run_id({**config, "later": 2}, "") != stored["id"] != run_id({**config, "estimators": {"later": 2}}, "")
