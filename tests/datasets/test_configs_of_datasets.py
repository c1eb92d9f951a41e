"""Each data set's YAML has exactly the keys that its class takes, with values of their types."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import get_class
from omegaconf import OmegaConf
from pydantic import ConfigDict, TypeAdapter

from ib_cli.config.quick_yaml import quick_yaml

CONF = Path(__file__).parents[2] / "conf"


@pytest.mark.parametrize("name", sorted(path.stem for path in (CONF / "dataset").glob("*.yaml")))
def test_the_keys_are_the_signature(name):
    with quick_yaml(), initialize_config_dir(str(CONF), version_base="1.3"):
        given = ["dataset.path=own.npz"] if name == "npz" else []
        config = OmegaConf.to_container(compose("config", overrides=[f"dataset={name}", *given]).dataset)
    parameters = inspect.signature(get_class(config.pop("_target_"))).parameters
    assert config.keys() == parameters.keys()
    for key, value in config.items():
        TypeAdapter(parameters[key].annotation, config=ConfigDict(strict=True)).validate_python(value)
