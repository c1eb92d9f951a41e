"""Config files read by libyaml, several times as fast as PyYAML's own code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml
from yaml.composer import ComposerError

from ib_cli.config.file_shape import check_shape

MOST_VALUES = 100_000  # in a config file, with its aliases written out


@contextmanager
def quick_yaml() -> Iterator[None]:
    """Within the block OmegaConf, and so Hydra, reads YAML with libyaml's loader, where PyYAML has it.

    A file whose aliases contain themselves, or stand for more than a config can hold, raises yaml.YAMLError; so does
    one that is no mapping, or whose defaults list is none.
    """
    before = yaml.SafeLoader
    yaml.SafeLoader = bounded(getattr(yaml, "CSafeLoader", before))  # type: ignore[misc]
    try:
        yield
    finally:
        yaml.SafeLoader = before  # type: ignore[misc]


def bounded(loader: type[Any]) -> type[Any]:
    """A loader of config files that refuses what `quick_yaml` does."""

    class Bounded(loader):
        def get_single_node(self) -> yaml.Node | None:
            node = super().get_single_node()
            if node is not None:
                _size(node, {})
                if not node.start_mark.name.startswith("<"):  # "<unicode string>": a value in memory
                    check_shape(node)
            return node

    return Bounded


def _size(node: yaml.Node, sizes: dict[int, int | None]) -> int:
    """The number of values in a node. `sizes`: those of nodes seen before; None: of nodes that contain this one."""
    if id(node) in sizes:
        known = sizes[id(node)]
        if known is None:
            raise ComposerError(None, None, "an alias contains itself", node.start_mark)
        return known
    sizes[id(node)] = None
    size = 1
    if isinstance(node, yaml.CollectionNode):
        for part in node.value:
            size += sum(_size(one, sizes) for one in (part if isinstance(part, tuple) else (part,)))
    if size > MOST_VALUES:
        raise ComposerError(None, None, f"aliases stand for more than {MOST_VALUES} values", node.start_mark)
    sizes[id(node)] = size
    return size
