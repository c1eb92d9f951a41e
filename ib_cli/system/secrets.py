"""Passwords and keys: found in commands and configs by their names, and kept out of files and messages.

What has been found is remembered for as long as the process works, so that the message of another library, which may
repeat it, hides it too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from ib_cli.system.plain_text import printable

HIDDEN = "***"
ENVIRONMENT = "env_set"  # Hydra's key of environment variables, which may hold anything
OURS = "IB_TRAIN_JOBS"  # the one among them that the program itself sets: no secret
SECRET = frozenset(
    ("key", "apikey", "token", "secret", "password", "passwd", "pwd", "pass", "passphrase", "credential", "auth",
     "authorization", "cookie")
)  # fmt: skip
ENDINGS = ("token", "secret", "password", "passwd", "passphrase", "credential", "apikey", "accesskey", "secretkey")
COUNTED = ("keys", "tokens")  # words for numbers of things, too
PLACES = frozenset(("PWD", "OLDPWD"))  # the shell's own variables: folders, not passwords
LONGEST_PATH = 4096
LEAST, LEAST_COMMON = 4, 8  # letters of a secret, and of another value, that is looked for in other texts
# As in https://name:password@host, up to the last @: a password may hold @ and /. A number after : is a port.
_ACCOUNT = re.compile(r"(?<=://)([^/@:\s'\"]*:(?!\d+[/@])[^\s'\"]+|[^/\s'\"]+)@")
_NESTED = r"\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}"  # a dictionary, with up to two more within
# A key and its value within a dictionary: a word, or all of an inner list or dictionary.
_INNER = re.compile(rf"(['\"]?)([\w.-]+)\1(\s*[:=]\s*)(?!//)(\[[^\]]*\]|{_NESTED}|[^,}}\]\s]+)")
# Text in quotes, which may be escaped themselves, or up to a space or a mark; a comma ends it before a space or NAME=.
_VALUE = r"""(\\*"[^"]*"|\\*'[^']*'|(?:[^\s,;&'"\])}]|,(?!\s|[\w.]+=|$))+)"""
_ASSIGNED = re.compile(rf"\b(\w+=){_VALUE}")  # as in export API_KEY=…, or ?token=… of an address
_WRITTEN = re.compile(rf"(--[\w-]+\s+|\b[\w-]+:\s+){_VALUE}")  # as in --token …, or api_key: …
_WORD = re.compile(r"(?=.{1,15}$)[a-z]+(?:[_.-][a-z]+)*")  # such as gaussian, which stands in any config
_INTERPOLATION = re.compile(r"\$\{[^${}]*\}")
KEPT = 60  # letters at each end of a word that is cut
_LONG = re.compile(r"[^\s:'\"]{600,}")  # a word that would fill a terminal; no path and no command needs one
_known: dict[str, str] = {}  # value → what stands for it


class FromEnvironment(str):
    """The value of an environment variable in a config; `shown` stands for it in files."""

    shown: str

    def __new__(cls, value: str, shown: str) -> FromEnvironment:
        made = super().__new__(cls, value)
        made.shown = shown
        return made

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]
        return str(self), self.shown


def sounds_secret(key: str) -> bool:
    """Whether a key, or the name of a variable, is that of a secret: `api_key`, `tracker.apiKey`, `DB_PASSWORD`."""
    parts = re.split(r"[^a-z]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", key).lower())
    parts += [part[:-1] for part in parts if part.endswith("s") and part not in COUNTED]  # several of them
    return not SECRET.isdisjoint(parts) or any(part.endswith(ENDINGS) for part in parts)


def remember(value: Any, shown: str = HIDDEN, least: int = LEAST) -> str:
    """Hide this value wherever it comes up from now on; returns what stands for it. Shorter ones would hide words.

    Also as Python, JSON, YAML and addresses write it.
    """
    text = str(value).strip("'\"")
    if len(text) >= least and text != HIDDEN:
        written = repr(text)[1:-1], json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]
        for form in (text, *written, quote(text, safe=""), quote(text), quote_plus(text), printable(text)):
            _known.setdefault(form, shown)
    return shown


def begin(words: Iterable[str], environment: Mapping[str, str]) -> None:
    """A command begins: remember its secrets and those of its environment, and forget those of the last command.

    A variable that holds a lower-case word, or a folder or file that is there, is left out: to hide it would hide the
    program's own words and the places of data.
    """
    _known.clear()
    for name, value in environment.items():
        if name not in PLACES and sounds_secret(name) and not _WORD.fullmatch(value) and not _is_place(value):
            remember(value, least=LEAST_COMMON)
    told_words(words)


def holds_secret(text: str) -> bool:
    """Whether a text has a secret within it that is remembered and long enough to be no word."""
    return any(shown == HIDDEN and len(value) >= LEAST_COMMON and value in text for value, shown in _known.items())


def hidden(text: str) -> str:
    """The text without the secrets that are remembered, and without accounts in addresses."""
    for value in sorted(_known, key=len, reverse=True):
        if value in text:
            text = text.replace(value, _known[value])
    return _ACCOUNT.sub(_account, text) if "://" in text else text


def told_line(text: str) -> str:
    """The text as a message: one line without secrets and without what acts on a terminal; very long words are cut."""
    return printable(_LONG.sub(_cut, hidden(text)))


def _cut(found: re.Match[str]) -> str:
    word = found[0]
    return f"{word[:KEPT]}…{word[-KEPT:]} ({len(word)} letters)"


def masked(text: str) -> str:
    """A value of a command or a config without the secrets that it holds beside other things."""
    return _WRITTEN.sub(_assigned, _ASSIGNED.sub(_assigned, _ACCOUNT.sub(_account, text)))


def told_word(word: str) -> str:
    """A word of a command without its secrets: values whose key sounds like one, and all put into the environment."""
    key, sign, value = word.partition("=")
    if ENVIRONMENT in key and key.endswith(OURS):
        return word
    if sign and (sounds_secret(key) or ENVIRONMENT in word):
        for found in _INNER.finditer(value):
            remember(found[4])
        kept = _INTERPOLATION.fullmatch(value) and ENVIRONMENT not in word
        return f"{key}={value if kept else remember(value) if value else ''}"
    if sign and "{" in value:
        value = _INNER.sub(_shown, value)
    return f"{key}{sign}{masked(value)}" if sign else masked(word)


def told_words(words: Iterable[str]) -> list[str]:
    """`told_word` of each."""
    return [told_word(word) for word in words]


def without_secrets(value: Any, secret: bool = False) -> Any:
    """A config for a file or a tracker. Values under keys that sound secret are `***`, at any depth; so are accounts.

    A value that came from an environment variable is told as `${oc.env:NAME}`. `secret`: it is under such a key.
    """
    if isinstance(value, Mapping):
        return {
            key: inner
            if key in (OURS, "_target_")  # the path of a class is no secret, and without it no run is read
            else without_secrets(inner, secret or sounds_secret(str(key)) or str(key) == ENVIRONMENT)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        words = [told_word(inner) if type(inner) is str and not secret else inner for inner in value]
        return [without_secrets(inner, secret) for inner in words]
    if isinstance(value, FromEnvironment):
        return value.shown
    if secret and not isinstance(value, bool) and value not in (None, "", "???"):
        kept = isinstance(value, str) and _INTERPOLATION.fullmatch(value)
        return value if kept else remember(value)
    if isinstance(value, str):
        return HIDDEN if holds_secret(value) else masked(value)
    return value


def _is_place(text: str) -> bool:
    return text.startswith("/") and len(text) < LONGEST_PATH and "\0" not in text and Path(text).exists()


def _inner(found: re.Match[str]) -> str:
    if not sounds_secret(found[2]):
        return _INNER.sub(_shown, found[4])  # an inner dictionary
    if _INTERPOLATION.match(found[4]):
        return found[4]
    for part in re.split(r"[\[\]{},:\s]+", found[4]):
        remember(part)
    return HIDDEN


def _shown(found: re.Match[str]) -> str:
    return found[1] + found[2] + found[1] + found[3] + _inner(found)


def _account(found: re.Match[str]) -> str:
    if found[1] != HIDDEN:
        name, colon, password = found[1].partition(":")
        for part in (password, password.partition("@")[0]) if colon else (name,):
            remember(part)
    return f"{HIDDEN}@"


def _assigned(found: re.Match[str]) -> str:
    name = found[1].strip("-=: \t\n")
    value = found[2].strip("\\'\"")
    if name.lower() == "key" or not sounds_secret(name) or not value or value == HIDDEN or value.startswith("$"):
        return found[0]
    return found[1] + remember(value)
