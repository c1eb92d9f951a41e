"""Who made a run that is done, from its result: in words for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ib_cli import __version__

SHOWN = 7  # hexadecimal digits of a commit, as Git shows it


def other_maker(result: Mapping[str, Any]) -> str:
    """The version that made the run, in words; "" if it is this one."""
    version = _origin(result).get("version")
    if version == __version__:
        return ""
    return f"ib-train {version}" if version else "an earlier version"


def made(result: Mapping[str, Any]) -> str:
    """When and where the run was made, and by what; "" where it does not say."""
    origin = _origin(result)
    if not origin:
        return ""
    commit = origin.get("commit")
    at = f" at {str(commit)[:SHOWN]}{', with changes,' if origin.get('changed') else ''}" if commit else ""
    return f"{origin.get('end')} by ib-train {origin.get('version')}{at} on {origin.get('host')}"


def _origin(result: Mapping[str, Any]) -> Mapping[str, Any]:
    found = result.get("origin")
    return found if isinstance(found, Mapping) else {}
