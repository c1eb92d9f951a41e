"""A run of a version that did not have a group, such as `noise`, is found, loaded and reported as ever."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

import ib_cli
from ib_cli.config.settings import LATER
from ib_cli.report.read.runs import Reader
from ib_cli.report.read.tables import differing
from ib_cli.run.run_ids import run_id
from tests.conftest import SMALL


def age(folder: Path) -> None:
    """Make a run's records those of a version without these groups and without digests."""
    file = folder / "config.yaml"
    config = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert config.keys() >= LATER.keys()
    file.write_text(yaml.safe_dump({key: value for key, value in config.items() if key not in LATER}))
    (folder / "SHA256SUMS").unlink()
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    del result["run"]
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")


def test_it_is_the_run_of_today(ib_train: Callable) -> None:
    assert ib_train(*SMALL).code == ib_train(*SMALL, "seed=1").code == 0
    folders = sorted(Path("outputs/runs").iterdir())
    before = ib_cli.load_run(folders[0]).evaluate("test")
    age(folders[0])
    old = ib_cli.load_run(folders[0])
    assert not old.config.keys() & LATER.keys()
    assert old.evaluate("test") == before
    assert run_id(old.config, "") == run_id({**old.config, **LATER}, "")
    assert run_id({**old.config, "noise": {"_target_": "binary", "keep": 0.5, "layers": "all"}}, "") != folders[0].name
    assert "done before" in ib_train(*SMALL).out and "done before" in ib_train(*SMALL, "seed=1").out
    assert differing(Reader().read([Path("outputs/runs")])) == ["seed"]


def test_an_interrupted_one_goes_on(ib_train: Callable) -> None:
    assert ib_train(*SMALL).code == 0
    (folder,) = Path("outputs/runs").iterdir()
    expected = (folder / "metrics.jsonl").read_text()
    age(folder)
    (folder / "result.json").unlink()
    assert ib_train(*SMALL).code == 0
    assert [each.name for each in Path("outputs/runs").iterdir()] == [folder.name]
    assert (folder / "metrics.jsonl").read_text() == expected and (folder / "result.json").exists()


@pytest.mark.parametrize("group", LATER)
def test_what_stands_for_the_time_before_is_the_default(group: str) -> None:
    assert ib_cli.compose([])[group] == LATER[group]
