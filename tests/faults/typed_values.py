"""Values as a key's annotation allows them, at its limits and beyond, as texts of a command line."""

from __future__ import annotations

import collections.abc
import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pkgutil import resolve_name
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Interval, Le, Len, Lt, MinLen

from ib_cli.config.known_keys import KnownKeys
from ib_cli.config.public_names import of_option, path_of
from ib_cli.config.settings import Settings

NUMBERS = ("0", "1", "-1", "0.5", "1e-3", "3", "nan", "inf", "1e400", "2147483648", "9223372036854775808")
TEXTS = ("a", "x y", "true", "1", "", "none")


def values_of(hint: Any) -> list[str]:
    """Texts for a parameter of this type: right ones, those at and beyond its limits, and null."""
    found = [*dict.fromkeys(_values(hint))]
    return found or [*NUMBERS, *TEXTS]


def _values(hint: Any, limits: Sequence[Any] = ()) -> list[str]:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _values(inner[0], (*limits, *inner[1:]))
    if origin in (Union, UnionType):
        return [text for each in inner for text in _values(each, limits)]
    if origin is Literal:
        return [_text(each) for each in inner] + ["nothing"]
    if hint is bool:
        return ["true", "false", "yes", "2"]
    if hint in (int, float):
        return _numbers(hint, limits)
    if hint is str:
        return list(TEXTS)
    if hint is NoneType:
        return ["null"]
    if origin in (list, tuple, collections.abc.Sequence):
        parts = (_values(inner[0]) if inner else []) or ["1"]
        return ["[]", *(f"[{part}]" for part in parts), *(f"[{part},{part}]" for part in parts), parts[0]]
    if origin in (dict, collections.abc.Mapping):
        return ["{}", "{a: 1}", "[1]"]
    return []


def _numbers(kind: type, limits: Sequence[Any]) -> list[str]:
    """Numbers within limits and next to each of them, and what is no such number."""
    ends = [end for limit in limits for end in _ends(limit)]
    step = 1 if kind is int else 1e-6
    around = [kind(end + way) for end in ends for way in (-step, 0, step)]
    usual = ["1", "2", "64"] if kind is int else ["0.5", "1", "1e-3"]
    return [*usual, *map(_text, around), "0", "-1", "0.5", "1e-3", "nan", "inf", "1e400", "x", "true", "null"]


def _ends(limit: Any) -> list[float]:
    if isinstance(limit, Gt | Ge | Lt | Le | Interval | MinLen | Len):
        values = (getattr(limit, name, None) for name in ("gt", "ge", "lt", "le"))
        return [value for value in values if isinstance(value, int | float)]
    return []


def _text(value: Any) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


@cache
def typed_keys() -> Mapping[str, tuple[str, ...]]:
    """Full key → values to try, of every option of every group and of the top level.

    A key that several options have takes the values of each.
    """
    known = KnownKeys()
    found: dict[str, list[str]] = {key: values_of(hint) for key, hint in hints_of(Settings).items()}
    for group in known.groups():
        if group == "sweep":
            continue
        for option in known.options(group):
            hints = hints_of(_class_of(group, option))
            for key in known.keys(group, option):
                name = f"{group.replace('/', '.')}.{key}"
                found[name] = [*found.get(name, ()), *values_of(hints.get(key, Any))]
    return {key: tuple(dict.fromkeys(values)) for key, values in found.items()}


def _class_of(group: str, option: str) -> Callable[..., Any] | None:
    """The class of an option; None of an objective, which is a sum."""
    path = path_of(group, of_option(group, option))
    return resolve_name(path) if "." in path else None


def hints_of(target: Callable[..., Any] | None) -> Mapping[str, Any]:
    """The types of a class's or function's parameters, with their limits."""
    if target is None:
        return {}
    of = target.__init__ if inspect.isclass(target) and target is not Settings else target  # type: ignore[misc]
    try:
        return get_type_hints(of, include_extras=True)
    except (NameError, TypeError):  # torch's own
        return {}
