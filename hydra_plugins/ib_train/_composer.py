"""The configs of a multirun's jobs, composed from files once for each choice of groups."""

from __future__ import annotations

from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.ib_train._job import copied
from ib_cli.config.guarded_hydra import check_words, guarded_hydra
from ib_cli.config.hydra_parser import whole_parser
from ib_cli.config.study_folder import check_name
from ib_cli.config.trust import packages


class Composer:
    """Composes a job's config as Hydra's `load_sweep_config` does, but reads files once per choice of groups.

    Hydra reads every file again for each job, which takes a fifth of a second: most of the time of a small job. Groups
    choose the files; jobs that differ only in values share the config that the files give.
    """

    def __init__(self, context: HydraContext, config: DictConfig) -> None:
        """`config` is the config of the multirun."""
        self.context, self.config = context, config
        self.trust = packages(config.get("trust") or ())
        self._bases: dict[tuple[str, ...], DictConfig] = {}
        self._tried: dict[tuple[str, ...], DictConfig] = {}
        self._words: dict[tuple[str, ...], tuple[tuple[str, ...], list[Override]]] = {}  # parsed

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_bases": {}, "_tried": {}, "_words": {}}  # another process composes its own

    def __call__(self, words: list[str]) -> DictConfig:
        """The config for a job's overrides. Raises Hydra's error if it cannot be composed."""
        files, values = self._parsed(words)
        config = copied(self._base(files))
        ConfigLoaderImpl._apply_overrides_to_config(values, config)
        check_words(words, config, self.trust)
        config.hydra.overrides.task = list(words)
        config.hydra.sweep.dir = self.config.hydra.sweep.dir  # the study's, whatever name the job has
        OmegaConf.copy_cache(from_config=self.config, to_config=config)
        return config

    def check(self, words: list[str]) -> None:
        """Raises the error that composing would raise. Jobs share a config here: no value depends on earlier ones."""
        files, values = self._parsed(words)
        if files not in self._tried:
            self._tried[files] = copied(self._base(files))
        ConfigLoaderImpl._apply_overrides_to_config(values, self._tried[files])
        check_words(words, self._tried[files], self.trust)
        check_name(self._tried[files].get("name"))  # a launcher that is not ours would make its folder

    def _parsed(self, words: list[str]) -> tuple[tuple[str, ...], list[Override]]:
        """The words that choose files, and the overrides that set values."""
        if (key := tuple(words)) not in self._words:
            with whole_parser():
                parser = OverridesParser.create(config_loader=self.context.config_loader)
                overrides = parser.parse_overrides(words)
            files = tuple(word for word, override in zip(words, overrides) if not self._is_value(override))
            self._words[key] = files, [override for override in overrides if self._is_value(override)]
        return self._words[key]

    def _base(self, files: tuple[str, ...]) -> DictConfig:
        """The config that these files give."""
        if files not in self._bases:
            with guarded_hydra(self.trust):  # in another process, nobody has checked these files
                self._bases[files] = self.context.config_loader.load_sweep_config(self.config, list(files))
        return self._bases[files]

    def _is_value(self, override: Override) -> bool:
        """Whether the override sets a key that the files have, and does not choose a file."""
        plain = not (override.is_add() or override.is_force_add() or override.is_delete() or override.package)
        return plain and not self.context.config_loader.repository.group_exists(override.key_or_group)
