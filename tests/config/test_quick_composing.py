"""Composing with fewer copies gives what Hydra gives, and leaves its store as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal import defaults_list
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

from ib_cli.config.catalogue import directory
from ib_cli.config.quick_composing import quick_composing
from tests.families import family

STUDY = {"gamma": 0.25, "architecture": {"widths": [3]}}


@pytest.fixture
def store() -> ConfigStore:
    store = ConfigStore.instance()
    store.store(name="quickly", group="sweep", package="_global_", node=STUDY)
    return store


def composed(folder: Path, *words: str) -> DictConfig:
    own = f"hydra.searchpath=['file://{folder}']"
    with initialize_config_dir(str(directory("conf")), version_base="1.3"):
        return compose("config", overrides=[own, *words])


@pytest.mark.parametrize(
    "words",
    family(
        [
            ["objective=vib", "bottleneck=gaussian"],
            ["sweep=quickly", "gamma=0.5"],
            ["architecture=chosen"],
            ["architecture=chosen", "objective=ceb"],
        ],
        every=2,
    ),
    ids=" ".join,
)
def test_the_config_is_that_of_hydra(tmp_path: Path, store: ConfigStore, words: list[str]) -> None:
    (tmp_path / "architecture" / "of").mkdir(parents=True)
    (tmp_path / "architecture" / "chosen.yaml").write_text("defaults:\n  - mlp\n  - of: ${objective}\n  - _self_\n")
    for name, width in (("vib", 5), ("ceb", 7)):
        (tmp_path / "architecture" / "of" / f"{name}.yaml").write_text(f"# @package architecture\nwidths: [{width}]\n")
    plain = composed(tmp_path, *words)
    with quick_composing():
        quick = composed(tmp_path, *words)
        again = composed(tmp_path, *words)
    assert quick == plain and again == plain
    if "objective=ceb" in words:
        assert plain.architecture.widths == [7]


def test_what_is_composed_is_not_the_stores(tmp_path: Path, store: ConfigStore) -> None:
    before = defaults_list._create_interpolation_map
    with quick_composing(), quick_composing():
        found = composed(tmp_path, "sweep=quickly")
        found.architecture.widths.append(9)
        assert composed(tmp_path, "sweep=quickly").architecture.widths == [3]
    assert OmegaConf.to_container(store.load("sweep/quickly.yaml").node) == STUDY
    assert defaults_list._create_interpolation_map is before and "__deepcopy__" not in vars(ConfigStore)
