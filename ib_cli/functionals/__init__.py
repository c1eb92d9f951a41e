"""The functionals. A new file in this folder is enough: its functionals are found without being listed anywhere."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from ib_cli.functionals.functional import Functional


@cache
def functionals() -> dict[str, Functional]:
    """Every functional of this package by its symbol."""
    modules = (import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
    found = [value for module in modules for value in vars(module).values() if isinstance(value, Functional)]
    return {entry.symbol: entry for entry in sorted(found, key=lambda entry: entry.symbol)}
