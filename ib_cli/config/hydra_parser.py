"""Hydra's parser of overrides, also under `python -O`, and the values that words such as `gamma=1e-2` stand for."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.core.override_parser import overrides_visitor
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import OverrideType
from hydra.errors import OverrideParseException

from ib_cli.contracts.errors import ConfigError


@contextmanager
def whole_parser() -> Iterator[None]:
    """Within the block Hydra's parser keeps its assertions, whatever `python -O` and PYTHONOPTIMIZE say.

    Some of them take a token from the input. Without them `seed=range(5)` and `{a: 1}` are parsed wrongly.
    """
    if not sys.flags.optimize:
        yield
        return
    file = Path(overrides_visitor.__file__)
    whole = dict(vars(overrides_visitor))
    exec(compile(file.read_text(encoding="utf-8"), str(file), "exec", optimize=0), whole)
    visitor, new = overrides_visitor.HydraOverrideVisitor, whole["HydraOverrideVisitor"]
    before = {name: vars(visitor)[name] for name in vars(new) if name.startswith("visit") and name in vars(visitor)}
    try:
        for name in before:
            setattr(visitor, name, vars(new)[name])
        yield
    finally:
        for name, method in before.items():
            setattr(visitor, name, method)


def values_of(words: Sequence[str]) -> dict[str, Any]:
    """Key → value of words `key=value` in Hydra's grammar. Raises ConfigError for another word."""
    found: dict[str, Any] = {}
    with whole_parser():
        for word in words:
            try:
                override = OverridesParser.create().parse_override(word)
            except OverrideParseException as error:
                raise ConfigError(f"{word}: {' '.join(str(error).split())}: write key=value") from None
            if override.is_sweep_override() or override.type is not OverrideType.CHANGE:
                raise ConfigError(f"{word}: must be one value for one key, as in eval_samples=100")
            found[override.key_or_group] = override.value()
    return found
