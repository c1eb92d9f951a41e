"""The configs of a multirun's jobs, composed from files once for each choice of groups."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf


class Composer:
    """Composes a job's config as Hydra's `load_sweep_config` does.

    That reads every file anew for each job, a fifth of a second, which is most of what a small job takes. Files are
    chosen by groups; jobs that differ in values alone share what the files give.
    """

    def __init__(self, context: HydraContext, config: DictConfig) -> None:
        """`config` is the multirun's."""
        self.context, self.config = context, config
        self._bases: dict[tuple[str, ...], DictConfig] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_bases": {}}  # what is sent to another process composes there

    def __call__(self, words: list[str]) -> DictConfig:
        """The config of a job's overrides. Raises what Hydra raises where it cannot be composed."""
        loader = self.context.config_loader
        overrides = OverridesParser.create(config_loader=loader).parse_overrides(words)
        files = tuple(word for word, override in zip(words, overrides) if not self._is_value(override))
        if files not in self._bases:
            self._bases[files] = loader.load_sweep_config(self.config, list(files))
        config = deepcopy(self._bases[files])
        values = [override for override in overrides if self._is_value(override)]
        ConfigLoaderImpl._apply_overrides_to_config(values, config)
        config.hydra.overrides.task = list(words)
        OmegaConf.copy_cache(from_config=self.config, to_config=config)
        return config

    def _is_value(self, override: Override) -> bool:
        """Whether it sets a key that the files have, and chooses no file."""
        plain = not (override.is_add() or override.is_force_add() or override.is_delete() or override.package)
        return plain and not self.context.config_loader.repository.group_exists(override.key_or_group)
