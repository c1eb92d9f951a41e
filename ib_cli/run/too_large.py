"""The line for a model that torch cannot make: which key of the config asks for too much, as far as its size tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ib_cli.engine.portions import in_a_line, out_of_memory
from ib_cli.run.validation import PARTS

OVERFLOW = "Overflow when unpacking"  # torch's words for a whole number of more than 64 bits
TOO_MANY = "size calculation overflowed"  # and for more bytes than that
SUSPECT = 10_000  # a size above this is what does not fit; where all are smaller, the data or several sizes may be


def too_large(config: Mapping[str, Any], error: Exception) -> str:
    """One line for an error of making the model: the key with the largest size, else `architecture`."""
    reason = "a number of more than 64 bits" if OVERFLOW in str(error) else in_a_line(error)
    sizes = [
        (largest, f"{group}.{key}={_written(value)}")
        for group in ("architecture", "bottleneck", *PARTS)
        if isinstance(node := config.get(group), Mapping)
        for key, value in node.items()
        if (largest := max(_sizes(value), default=0)) > SUSPECT
    ]
    if not out_of_memory(error) and not any(sign in str(error) for sign in (OVERFLOW, TOO_MANY)):
        sizes = []  # it has another cause
    place = max(sizes, key=lambda size: size[0])[1] if sizes else "architecture"
    return f"{place}: this model cannot be made ({reason})"


def _sizes(value: Any) -> Iterator[int]:
    """The whole numbers of a key's value, those of lists within lists as well."""
    if isinstance(value, int) and not isinstance(value, bool):
        yield value
    for each in value if isinstance(value, list) else ():
        yield from _sizes(each)


def _written(value: Any) -> str:
    """The value as it is typed."""
    return f"[{','.join(map(_written, value))}]" if isinstance(value, list) else str(value)
