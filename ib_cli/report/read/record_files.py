"""Files of a run's folder → plain values. Whatever stands in their place, reading ends soon and takes little memory."""

from __future__ import annotations

import json
import os
import stat
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from ib_cli.contracts.errors import DamagedError
from ib_cli.system.plain_text import printable

LARGEST = 2**20  # bytes of config.yaml, which is a few thousand: more would take libyaml a minute
LARGEST_RESULT = 2**26
LARGEST_LINES = 2**30
AT_ONCE = 10_000  # lines that are parsed together
DEEPEST = 50  # levels of a config or a result; ours have four
MOST_NODES = 100_000  # values of a config after its aliases are expanded
LONGEST = 10_000  # letters of a text
KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
OTHERS = {bytes: "binary value", set: "set", date: "date", datetime: "date"}  # YAML's, which JSON lacks
# What PyYAML raises for wrong syntax, numbers and dates out of range, tags on what they do not fit, and deep nesting.
NO_YAML = (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError)
if TYPE_CHECKING:
    _SAFE = yaml.SafeLoader
else:
    _SAFE = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's is ten times as fast


class Lines(NamedTuple):
    """The whole lines of a .jsonl file, and whether a kill cut one short at its end."""

    lines: list[dict[str, Any]]
    cut: bool


class _Loader(_SAFE):
    """YAML without merge keys, whose expansion grows without bound, and without repeated keys."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Leave `<<` as it is, so that it is refused as an unknown tag."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping whose keys all differ."""
        found = super().construct_mapping(node, deep)
        if len(found) != len(node.value):
            raise yaml.YAMLError("a key stands twice")
        return found


def read_yaml(file: Path) -> dict[str, Any]:
    """A YAML mapping with texts for keys, aliases expanded; {} if there is no file. Raises DamagedError."""
    text = _text(file, LARGEST)
    if text is None:
        return {}
    try:
        _check_depth(file.name, text)
        found = yaml.load(text, Loader=_Loader)
    except NO_YAML as error:
        deep = "nesting depth" in str(error)  # newer releases of libyaml end at a depth of their own
        raise DamagedError(f"{file.name} is nested too deeply" if deep else f"{file.name} is no YAML") from None
    if found is None:
        raise DamagedError(f"{file.name} is empty")
    if not isinstance(found, dict):
        raise DamagedError(f"{file.name} is no mapping")
    return _plain(file.name, found)


def read_json(file: Path) -> dict[str, Any] | None:
    """A JSON object; None if there is no file. Raises DamagedError."""
    text = _text(file, LARGEST_RESULT)
    if text is None:
        return None
    try:
        found = json.loads(text, object_pairs_hook=_distinct)
    except (ValueError, RecursionError):
        raise DamagedError(f"{file.name} is no JSON" if text.strip() else f"{file.name} is empty") from None
    if not isinstance(found, dict):
        raise DamagedError(f"{file.name} is no JSON object")
    return _plain(file.name, found)


def read_lines(file: Path) -> Lines | None:
    """The objects in a file of JSON lines, whose last line may be cut; None without a file. Raises DamagedError."""
    text = _text(file, LARGEST_LINES)
    if text is None:
        return None
    whole, _, rest = text.rpartition("\n")
    texts = whole.split("\n")
    del text, whole  # a file may have a million lines
    lines: list[dict[str, Any]] = []
    for first in range(0, len(texts), AT_ONCE):
        lines += _some_lines(file.name, first + 1, texts[first : first + AT_ONCE])
    return Lines(lines, bool(rest))


def _some_lines(name: str, first: int, texts: list[str]) -> list[dict[str, Any]]:
    """The objects of successive lines, empty ones left out; `first` is the first one's number. Raises DamagedError."""
    each = [line for line in texts if line]
    filled = ",".join(each)
    try:
        lines = json.loads(f"[{filled}]")  # at once, which is faster
        whole = len(lines) == len(each) and all(type(line) is dict for line in lines)
        if not whole or sum(map(len, lines)) != filled.count('":'):
            raise ValueError
        if "\\u" in filled:
            _check_text(name, lines)
    except (ValueError, RecursionError):
        lines = [_line(name, number, line) for number, line in enumerate(texts, first) if line]
    return lines


def _line(name: str, number: int, text: str) -> dict[str, Any]:
    try:
        found = json.loads(text, object_pairs_hook=_distinct)
    except (ValueError, RecursionError):
        raise DamagedError(f"line {number} of {name} is no JSON") from None
    if not isinstance(found, dict):
        raise DamagedError(f"line {number} of {name} is no JSON object")
    return _plain(f"line {number} of {name}", found)


def _text(file: Path, largest: int) -> str | None:
    """The text of a regular file; None without one. Never waits, as opening a pipe would."""
    try:
        kind = stat.S_IFMT(file.stat().st_mode)
    except FileNotFoundError:
        if file.is_symlink():
            raise DamagedError(f"{file.name} is a link to nothing") from None
        return None
    except OSError as error:
        raise DamagedError(f"{file.name} cannot be read ({error.strerror})") from None
    if kind != stat.S_IFREG:
        raise DamagedError(f"{file.name} is {KINDS.get(kind, 'no file')}")
    try:
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY), "rb") as handle:
            content = handle.read(largest + 1)
    except OSError as error:
        raise DamagedError(f"{file.name} cannot be read ({error.strerror})") from None
    if len(content) > largest:
        raise DamagedError(f"{file.name} is larger than {largest // 2**20} MiB")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise DamagedError(f"{file.name} is no UTF-8 text") from None


def _check_depth(name: str, text: str) -> None:
    """libyaml's loader calls itself for each level, and a hundred thousand levels end the process."""
    depth = 0
    for event in yaml.parse(text, Loader=_SAFE) if len(text) > LONGEST else ():
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise DamagedError(f"{name} is nested too deeply")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _plain(name: str, found: dict[Any, Any]) -> dict[str, Any]:
    """The same with texts for keys, printable texts and no shared parts.

    Raises DamagedError for what is no plain value, or too much.
    """
    left = MOST_NODES

    def plain(value: Any, depth: int) -> Any:
        nonlocal left
        left -= 1
        if left < 0 or depth > DEEPEST:
            raise DamagedError(f"{name} is nested too deeply" if depth > DEEPEST else f"{name} has too many values")
        if isinstance(value, dict):
            return {plain(str(key), depth): plain(part, depth + 1) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [plain(part, depth + 1) for part in value]
        if isinstance(value, str):
            _check_text(name, value)
            return printable(value)
        elif not isinstance(value, int | float | None):
            kind = OTHERS.get(type(value), f"value of type {type(value).__name__}")
            raise DamagedError(f"{name} has a {kind}, which no record has")
        elif value != value:
            raise DamagedError(f"{name} has a NaN, which no record has")
        return value

    return plain(found, 0)


def _check_text(name: str, value: Any) -> None:
    """Raises DamagedError for halves of UTF-16 pairs, which no file can hold, and for texts without end."""
    if isinstance(value, str) and len(value) > LONGEST:
        raise DamagedError(f"{name} has a text of {len(value):,} letters")
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise DamagedError(f"{name} has text that is no Unicode") from None
