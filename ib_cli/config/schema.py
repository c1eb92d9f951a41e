"""A constructor's signature as the schema of its config node."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any, get_type_hints

from pydantic import BaseModel, ConfigDict, PydanticUserError, ValidationError, create_model

from ib_cli.contracts.errors import ConfigError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

KINDS = ("int", "float", "bool", "str", "constrained-int", "constrained-float")  # pydantic's names of union members


def check(key: str, target: Callable[..., Any], values: Mapping[str, Any]) -> None:
    """Check values against the keyword-only parameters of a class or function: names, types and ranges.

    A parameter without an annotation takes any value. Raises ConfigError, one line naming the key (`key.parameter`, or
    the parameter alone where key is empty).
    """
    if strange := [name for name in values if not isinstance(name, str)]:
        raise ConfigError(f"{'.'.join(filter(None, (key, str(strange[0]))))}: no such key; keys are words")
    try:
        schema = _schema(target)
    except (NameError, TypeError, ValueError, PydanticUserError) as error:  # a person's own class, or one of C
        reason = " ".join(str(error).split()[:20])
        raise ConfigError(f"{key}: its class has parameters whose types cannot be read ({reason})") from None
    try:
        schema(**values)
    except ValidationError as errors:
        first, *others = errors.errors()
        same = [other for other in others if other["loc"][0] == first["loc"][0]]  # errors of the other union members
        if first["type"] == "extra_forbidden" and (name := str(first["loc"][0])) in _by_position(target):
            raise ConfigError(
                f"{'.'.join(filter(None, (key, name)))}: {target.__name__} takes it by position, and keys are "
                f"keyword-only parameters: write *, before it, as in __init__(self, …, *, {name})"
            ) from None
        raise ConfigError(_line(key, list(schema.model_fields), first, same)) from None


def _by_position(target: Callable[..., Any]) -> list[str]:
    """What a person's own class or function takes by position, after the first, which is the program's."""
    if target.__module__.partition(".")[0] in ("ib_cli", "torch"):
        return []
    parameters = list(inspect.signature(target).parameters.values())[1:]
    return [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]


@cache
def _schema(target: Callable[..., Any]) -> type[BaseModel]:
    """The keyword-only parameters of a class or function as a pydantic model."""
    hints = get_type_hints(
        target if is_dataclass(target) or not inspect.isclass(target) else target.__init__, include_extras=True
    )
    parameters = [p for p in inspect.signature(target).parameters.values() if p.kind is p.KEYWORD_ONLY]
    fields: dict[str, Any] = {
        p.name: (hints.get(p.name, Any), ... if p.default is p.empty else p.default) for p in parameters
    }
    strict = ConfigDict(strict=True, allow_inf_nan=False, extra="forbid", arbitrary_types_allowed=True)
    return create_model("Schema", __config__=strict, **fields)


def _line(key: str, fields: list[str], error: ErrorDetails, others: list[ErrorDetails]) -> str:
    """One line for an error of pydantic; `others` are its further errors for the same key."""
    place = ".".join(str(part) for part in error["loc"] if str(part) not in KINDS and "[" not in str(part))
    name = ".".join(filter(None, (key, place)))
    if error["type"] == "extra_forbidden":
        near = get_close_matches(place, fields, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(fields) or 'none'}"
        return f"{name}: no such key; {hint}"
    if error["type"] == "missing":
        return f"{name}: this key is missing"
    same = [found for found in others if found["input"] == error["input"]]
    messages = dict.fromkeys(_plain(found["msg"]) for found in (error, *same))
    shown = "null" if error["input"] is None else error["input"]
    told = " or ".join(message.removeprefix("must be ") for message in messages)
    told = told if told.startswith("must ") else f"must be {told}"
    return f"{name}={shown}: {told}{_listed(error)}"


def _listed(error: ErrorDetails) -> str:
    """`, as [16]` where a list is wanted and 16 was given; '' for any other error."""
    if (
        error["type"] != "list_type"
        or isinstance(error["input"], bool)
        or not isinstance(error["input"], int | float | str)
    ):
        return ""
    from ib_cli.config.near_values import as_list  # here, as values that are right need none of it

    listed = as_list(str(error["input"]))
    return f", as {listed}" if listed else ""


def _plain(message: str) -> str:
    """Pydantic's message in this program's words."""
    message = message[0].lower() + message[1:]
    message = message.replace("input should be ", "must be ").replace("value should have", "must be one with")
    message = re.sub(
        r"string should match pattern .*", "must be a plain word: letters, digits and _ - + . only", message
    )
    message = re.sub(r"\w+ should have (.*?) after validation, not.*", r"must be one with \1", message)
    message = message.replace("string should have", "must have")
    return re.sub(r"\ba valid (?=[aeiou])", "an ", message).replace("valid ", "")
