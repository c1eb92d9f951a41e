"""What tests compose by copying is what Hydra composes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal import config_loader_impl
from omegaconf import DictConfig

from ib_cli.config.catalogue import directory
from tests.composing import composed_once

WORDS = (
    ["gamma=0.5", "+objective.minimise.D=2"],
    ["objective=vae", "architecture=cnn", "decoder.likelihood=gaussian"],
    ["~schedule", "objective=vib"],
)


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hydra as it is, without what the session's fixture put into it."""
    names = ("create_defaults_list", "_compose_config_from_defaults_list")
    for place, name in zip((config_loader_impl, config_loader_impl.ConfigLoaderImpl), names):
        (kept,) = [cell.cell_contents for cell in getattr(place, name).__closure__ or () if _is_hydras(cell, name)]
        monkeypatch.setattr(place, name, kept)


def _is_hydras(cell: object, name: str) -> bool:
    held = cell.cell_contents
    return getattr(held, "__name__", "") == name and held.__module__.startswith("hydra.")


def composed(*words: str) -> DictConfig:
    with initialize_config_dir(str(directory("conf")), version_base="1.3"):
        return compose("config", overrides=list(words), return_hydra_config=True)


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
@pytest.mark.usefixtures("plain")
def test_a_copy_is_what_hydra_composes(words: list[str]) -> None:
    whole = composed(*words)
    with composed_once():
        first, again = composed(*words), composed(*words, "epochs=3")
    assert first == whole and again.epochs == 3
    again.epochs = whole.epochs
    again.hydra.overrides.task.remove("epochs=3")
    again.hydra.job.override_dirname = whole.hydra.job.override_dirname
    assert again == whole


def test_a_change_of_a_copy_stays_in_it() -> None:
    composed("objective=vae").architecture.widths.append(9)
    assert 9 not in composed("objective=vae").architecture.widths


def test_choices_that_are_let_go_are_composed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.composing.MOST", 1)
    names = [composed(f"objective={name}").objective.name for name in ("vib", "vae", "vib", "vae")]
    assert names == ["vib", "vae", "vib", "vae"]


def test_a_folder_of_ones_own_is_read_each_time(tmp_path: Path) -> None:
    (tmp_path / "schedule").mkdir()
    for value in (1, 2):
        (tmp_path / "schedule" / "mine.yaml").write_text(f"value: {value}\n")
        assert composed(f"hydra.searchpath=['file://{tmp_path}']", "schedule=mine").schedule.value == value
