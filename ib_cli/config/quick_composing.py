"""Hydra's composing without two of its copies, which take half of its time and change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hydra._internal import defaults_list
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig


@contextmanager
def quick_composing() -> Iterator[None]:
    """Within the block Hydra copies neither its whole store for each config, nor all choices for each defaults list.

    The store copies what it gives out, so one is enough; the choices are asked for by a list with an interpolation.
    """
    mapped = defaults_list._create_interpolation_map

    def choices(overrides: Any, defaults: list[Any], self_added: bool) -> DictConfig | None:
        asked = any("${" in f"{getattr(one, 'path', '')}{getattr(one, 'value', '')}" for one in defaults)
        return mapped(overrides, defaults, self_added) if asked else None

    defaults_list._create_interpolation_map = choices  # type: ignore[assignment]
    shared = "__deepcopy__" in vars(ConfigStore)  # by a block around this one
    if not shared:
        ConfigStore.__deepcopy__ = lambda store, memo: store  # type: ignore[attr-defined]
    try:
        yield
    finally:
        defaults_list._create_interpolation_map = mapped
        if not shared:
            del ConfigStore.__deepcopy__  # type: ignore[attr-defined]
