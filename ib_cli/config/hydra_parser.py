"""Hydra's parser of overrides, with spacings such as `logspace` beside its `range`, also under `python -O`.

`values_of` has the values that words such as `gamma=1e-2` stand for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra._internal.grammar.functions import Functions
from hydra.core.override_parser import overrides_parser, overrides_visitor
from hydra.core.override_parser.types import ChoiceSweep, OverrideType
from hydra.errors import HydraException

from ib_cli.config.spacings import geomspace, linspace, logspace
from ib_cli.contracts.errors import ConfigError

hydras_functions = overrides_parser.create_functions


@contextmanager
def whole_parser() -> Iterator[None]:
    """Within the block Hydra's parser knows spacings, and keeps its assertions, whatever `python -O` says.

    Some assertions take a token from the input. Without them `seed=range(5)` and `{a: 1}` are parsed wrongly.
    """
    before = overrides_parser.create_functions
    overrides_parser.create_functions = _with_spacings
    try:
        with _asserting():
            yield
    finally:
        overrides_parser.create_functions = before


def _with_spacings() -> Functions:
    """Hydra's functions of an override's value, and spacings; each of these is a choice of its numbers."""

    def choice(spacing: Callable[..., list[Any]]) -> Callable[..., ChoiceSweep]:
        def numbers(*given: Any) -> ChoiceSweep:
            return ChoiceSweep(list=spacing(*given))

        numbers.__annotations__ = {"given": Any}  # Hydra compares arguments with them, and takes no text
        return numbers

    functions = hydras_functions()
    for spacing in (linspace, logspace, geomspace):
        functions.register(spacing.__name__, choice(spacing))
    return functions


@contextmanager
def _asserting() -> Iterator[None]:
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
                override = overrides_parser.OverridesParser.create().parse_override(word)
            except HydraException:  # of its parser, or of its lexer, in words of their grammar
                raise ConfigError(f"{word}: must be key=value, with quotes around what is not a plain word") from None
            if override.is_sweep_override() or override.type is not OverrideType.CHANGE:
                raise ConfigError(f"{word}: must be one value for one key, as in eval_samples=100")
            found[override.key_or_group] = override.value()
    return found
