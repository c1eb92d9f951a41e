"""A command as it may be kept in a file: without passwords and keys."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

SECRET = frozenset(
    ("key", "apikey", "token", "secret", "password", "passwd", "pwd", "passphrase", "credential", "credentials", "auth")
)
ENVIRONMENT = "env_set"  # Hydra's key of environment variables, which may hold anything
HIDDEN = "***"
_ACCOUNT = re.compile(r"(?<=://)[^/@\s]+@")  # as in https://name:password@host
_INNER = re.compile(r"(['\"]?)([\w.-]+)\1(\s*[:=]\s*)(?!//)([^,}\]\s]+)")  # a key and its value within a dictionary


def told_command(words: Iterable[str]) -> str:
    """The words as one line for a shell. Values whose key sounds like a secret are `***`, as are accounts in addresses.

    All that is put into the environment counts as secret.
    """
    return shlex.join(_told(word) for word in words)


def _told(word: str) -> str:
    key, sign, value = word.partition("=")
    if sign and (_is_secret(key) or ENVIRONMENT in word):
        return f"{key}={HIDDEN}"
    if sign and "{" in value:
        value = _INNER.sub(lambda found: found[1] + found[2] + found[1] + found[3] + _inner(found), value)
    return _ACCOUNT.sub(f"{HIDDEN}@", f"{key}{sign}{value}")


def _inner(found: re.Match[str]) -> str:
    return HIDDEN if _is_secret(found[2]) else found[4]


def _is_secret(key: str) -> bool:
    return not SECRET.isdisjoint(re.split(r"[^a-z]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", key).lower()))
