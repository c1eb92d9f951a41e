"""A constructor's signature as the schema of its config node."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from difflib import get_close_matches
from typing import Any, get_type_hints

from pydantic import ConfigDict, ValidationError, create_model

from ib_cli.errors import ConfigError


def check(key: str, target: Callable[..., Any], values: Mapping[str, Any]) -> None:
    """Hold values against the keyword-only parameters of a class or function, types and ranges included.

    Raises ConfigError, one line naming the key (`key.parameter`, or the parameter alone where key is empty).
    """
    hints = get_type_hints(
        target if is_dataclass(target) or not inspect.isclass(target) else target.__init__, include_extras=True
    )
    parameters = [p for p in inspect.signature(target).parameters.values() if p.kind is p.KEYWORD_ONLY]
    fields = {p.name: (hints[p.name], ... if p.default is p.empty else p.default) for p in parameters}
    model = create_model(
        "Schema", __config__=ConfigDict(strict=True, extra="forbid", arbitrary_types_allowed=True), **fields
    )
    try:
        model(**values)
    except ValidationError as errors:
        raise ConfigError(_line(key, list(fields), errors.errors()[0])) from None


def _line(key: str, fields: list[str], error: dict[str, Any]) -> str:
    """One line of what pydantic found."""
    place = ".".join(str(part) for part in error["loc"] if not str(part).startswith(("constrained-", "list[")))
    name = ".".join(filter(None, (key, place)))
    if error["type"] == "extra_forbidden":
        near = get_close_matches(place, fields, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(fields)}"
        return f"{name}: no such key; {hint}"
    if error["type"] == "missing":
        return f"{name}: this key is missing"
    message = error["msg"][0].lower() + error["msg"][1:].removeprefix("Input ")
    message = message.replace("input should be", "must be")
    message = re.sub(r"\ba valid (?=[aeiou])", "an ", message).replace("valid ", "")
    return f"{name}={error['input']}: {message}"
