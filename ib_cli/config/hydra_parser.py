"""Hydra's parser of overrides, also under `python -O`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra.core.override_parser import overrides_visitor


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
