"""Config files read by libyaml, several times as fast as PyYAML's own code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import yaml


@contextmanager
def quick_yaml() -> Iterator[None]:
    """Within the block OmegaConf, and so Hydra, reads YAML with libyaml's loader, where PyYAML has it."""
    before = yaml.SafeLoader
    yaml.SafeLoader = getattr(yaml, "CSafeLoader", before)  # type: ignore[misc]
    try:
        yield
    finally:
        yaml.SafeLoader = before  # type: ignore[misc]
