"""Hydra's composing, done once in a process for each choice of our options, as tests make the same ones again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from hydra._internal import config_loader_impl
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.defaults_list import DefaultsList, Overrides
from omegaconf import DictConfig

from ib_cli.config.catalogue import directory

CHANGING = ("hydra", "sweep")  # groups whose options come and go as a process registers studies and plugins
MOST = 50  # choices that are kept; a config of all groups takes about a megabyte


@contextmanager
def composed_once() -> Iterator[None]:
    """Within the block a choice of options that was composed before is copied, and the other words change the copy.

    Only where no folder of configs but our own is searched, which no test changes. A copy takes a fifth of the time.
    """
    listed, whole = config_loader_impl.create_defaults_list, ConfigLoaderImpl._compose_config_from_defaults_list
    lists: dict[tuple[Any, ...], DefaultsList] = {}
    configs: dict[int, DictConfig] = {}  # by the identity of a list of defaults in `lists`

    def create_defaults_list(*, repo: Any, overrides_list: list[Any], **options: Any) -> DefaultsList:
        overrides = Overrides(repo, overrides_list)
        changes = [id(word) for word in overrides.config_overrides]
        chosen = [word for word in overrides_list if id(word) not in changes]
        folders = [source.path for source in repo.get_sources() if source.scheme() == "file"]
        if folders != [str(directory("conf"))] or any(word.key_or_group.startswith(CHANGING) for word in chosen):
            return listed(repo=repo, overrides_list=overrides_list, **options)
        key = (*sorted(options.items()), *(word.input_line for word in chosen))
        if key not in lists:
            if len(lists) == MOST:
                lists.clear()
                configs.clear()
            lists[key] = listed(repo=repo, overrides_list=overrides_list, **options)
        known = lists[key]
        return DefaultsList(known.defaults, known.defaults_tree, overrides.config_overrides, known.overrides)

    def compose(self: Any, defaults: Any, repo: Any) -> DictConfig:
        if not any(defaults is known.defaults for known in lists.values()):
            return whole(self, defaults, repo)
        if id(defaults) not in configs:
            configs[id(defaults)] = whole(self, defaults, repo)
        return deepcopy(configs[id(defaults)])

    config_loader_impl.create_defaults_list = create_defaults_list  # type: ignore[assignment]
    ConfigLoaderImpl._compose_config_from_defaults_list = compose  # type: ignore[method-assign]
    try:
        yield
    finally:
        config_loader_impl.create_defaults_list = listed
        ConfigLoaderImpl._compose_config_from_defaults_list = whole  # type: ignore[method-assign]
