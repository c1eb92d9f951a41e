"""Several trackers at once, each with keys of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from ib_cli.config.expansions import expanded
from ib_cli.contracts.errors import ConfigError
from ib_cli.run.library import compose
from ib_cli.run.tracker import tracker_of
from ib_cli.watch.observer import Observer
from ib_cli.watch.trackers.several import Several
from tests.conftest import SMALL


class Heard(Observer):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def __getattribute__(self, name: str) -> object:
        if name in vars(Observer) and not name.startswith("_"):
            return lambda *arguments: self.told.append(name)
        return super().__getattribute__(name)


def test_each_tracker_hears_everything() -> None:
    first, second = Heard(), Heard()
    both, events = Several([first, second]), [name for name in vars(Observer) if not name.startswith("_")]
    for name in events:
        getattr(both, name)(*([None] * (4 if name == "progress" else 1)))
    assert first.told == second.told == events and len(events) >= 6


@pytest.mark.parametrize(
    "word, words",
    [
        ("tracker=[wandb,mine]", ["tracker=none", "+tracker@tracker.wandb=wandb", "+tracker@tracker.mine=mine"]),
        ("tracker=[ wandb , none ]", ["tracker=wandb"]),
        ("tracker=['wandb']", ["tracker=wandb"]),
        ("tracker=[]", ["tracker=none"]),
        ("tracker=[none]", ["tracker=none"]),
        ("tracker=wandb", ["tracker=wandb"]),
    ],
)  # fmt: skip
def test_a_list_of_trackers_is_several_words_of_hydra(word: str, words: list[str]) -> None:
    assert expanded(["seed=1", word]) == ["seed=1", *words]


def test_a_list_of_what_are_no_names_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^tracker=\[a;b\]: must be a list of trackers"):
        expanded(["tracker=[a;b]"])


def test_each_tracker_has_keys_of_its_own() -> None:
    config = compose(["tracker=[wandb,tensorboard]", "tracker.wandb.project=mine"])
    assert config["tracker"]["wandb"]["project"] == "mine"
    assert config["tracker"]["wandb"]["_target_"] == "wandb"  # public names, as of a single one
    with pytest.raises(ConfigError, match=r"^tracker\.wandb\.mode=sometimes: must be 'offline' or 'online'"):
        tracker_of({**config["tracker"], "wandb": {**config["tracker"]["wandb"], "mode": "sometimes"}})


def test_both_mirrors_are_written_and_the_id_is_that_of_none(ib_train: Callable) -> None:
    pytest.importorskip("tensorboard")
    pytest.importorskip("wandb")
    ended = ib_train(*SMALL, "epochs=1", "tracker=[wandb,tensorboard]")
    assert ended.code == 0, ended.err
    (folder,) = (file.parent for file in Path("outputs").rglob("result.json"))
    assert list((folder / "tensorboard").iterdir()) and list((folder / "wandb").glob("offline-run-*"))
    assert set(yaml.safe_load((folder / "config.yaml").read_text())["tracker"]) == {"_target_", "wandb", "tensorboard"}
    assert "done before" in ib_train(*SMALL, "epochs=1").out


@pytest.mark.slow
def test_a_multirun_has_both(ib_train: Callable) -> None:
    pytest.importorskip("tensorboard")
    ended = ib_train("-m", *SMALL, "epochs=1", "seed=0,1", "tracker=[none,tensorboard]")
    assert ended.code == 0 and "2 done" in ended.out, ended.out + ended.err
    assert len(list(Path("outputs").glob("*/*/tensorboard"))) == 2
