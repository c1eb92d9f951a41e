"""Words of ours that stand for several of Hydra's."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ib_cli.config.trust import spelled_out
from ib_cli.contracts.errors import ConfigError
from ib_cli.system.home import expanded as expanded_path

QUOTE = "'"
HOME = re.compile(r"(\+{0,2}[\w.]+)=(['\"]?)(~[^'\"\\,]*)\2")
TRACKERS = re.compile(r"\+{0,2}tracker=\[(.*)\]")


def expanded(words: Sequence[str]) -> list[str]:
    """The words of a command as Hydra takes them: `tracker=[wandb,tensorboard]` is both, each with keys of its own.

    Their keys are `tracker.wandb.mode` and the like; `trust=a,b` is `trust=[a,b]`; a path may begin with `~`. Raises
    ConfigError for a list of what are no names.
    """
    found: list[str] = []
    for word in words:
        found += _trackers(word, match[1]) if (match := TRACKERS.fullmatch(word)) else [_at_home(spelled_out(word))]
    return found


def _at_home(word: str) -> str:
    """A path that begins with `~` in quotes, which Hydra needs; that of `output`, which Hydra reads too, in full."""
    match = HOME.fullmatch(word)
    if not match:
        return word
    path = str(expanded_path(match[3])) if match[1].lstrip("+") == "output" else match[3]
    return f"{match[1]}={match[2] or QUOTE}{path}{match[2] or QUOTE}"


def _trackers(word: str, text: str) -> list[str]:
    names = [name for name in dict.fromkeys(name.strip(" '\"") for name in text.split(",")) if name != "none"]
    if names == [""]:
        return ["tracker=none"]
    if not all(re.fullmatch(r"\w+", name) for name in names):
        raise ConfigError(f"{word}: must be a list of trackers, such as tracker=[wandb,tensorboard]")
    if len(names) < 2:
        return [f"tracker={name}" for name in names or ["none"]]
    return ["tracker=none", *(f"+tracker@tracker.{name}={name}" for name in names)]
