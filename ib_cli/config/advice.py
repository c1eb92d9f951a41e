"""The line for an error of a command, with the command as it should be where that can be told."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ib_cli.config.command_flags import Words, marked, split
from ib_cli.config.command_words import tidied
from ib_cli.config.error_lines import UsageError, explain
from ib_cli.config.known_keys import KnownKeys
from ib_cli.config.near_keys import file_as_data, meant_key, meant_option, option_alone, own_folder
from ib_cli.config.near_values import fitting, meant_value
from ib_cli.config.no_such import no_override
from ib_cli.config.several_values import is_sweep, outside, wrong_spacing
from ib_cli.config.told_command import told_command
from ib_cli.config.unreadable_files import UNREADABLE, config_folders
from ib_cli.contracts.errors import ConfigError

TOLD = re.compile(r"([\w.]+)=[^\s:]*: (?=must be |a multiplier is )")
NO_SUCH = re.compile(r": (?:no such|\S+ is read with|\S+ has no such key|choose one of)")
OPTION = re.compile(r"[\w./-]+")


def advised(error: Exception, words: Sequence[str]) -> str:
    """One line for an error of the command whose words these are, the program's name not among them."""
    line = _as_typed(explain(error, words), words)
    if isinstance(error, UNREADABLE) or (isinstance(error, OSError) and error.filename):  # of a file, not of the words
        return line
    if isinstance(error, UsageError) or not isinstance(error, ConfigError):
        tidy = tidied(words, _known(words))
        if tidy.told:
            right = tidy.words if tidy.program != "ib-train" else mended(tidy.words)
            command = told_command([tidy.program, *right])
            return _left(right, tidy.program) or _wrong_spacing(words, right) or f"{tidy.told}: {command}"
    right = (
        mended(words) if NO_SUCH.search(line) or hasattr(error, "override") else meant_value(line, words, _known(words))
    )
    if right == list(words):
        return line
    if wrong := _wrong_spacing(words, right):  # a command that is still wrong helps nobody
        return wrong
    return f"{line}{' ' if line.endswith('?') else ': '}{told_command(['ib-train', *right])}"


def _wrong_spacing(words: Sequence[str], right: Words) -> str:
    """The line for a spacing that is still wrong in the right command, as it was typed; '' where there is none."""
    wrong = wrong_spacing(right)
    return wrong and (wrong_spacing(list(words)) or wrong)


def _as_typed(line: str, words: Sequence[str]) -> str:
    """The line with the value as it was typed, in place of what it was read as: `name=1e-3`, not `name=0.001`."""
    if not (told := TOLD.match(line)):
        return line
    word = next((word for word in reversed(words) if word.lstrip("+").startswith(f"{told[1]}=")), "")  # the last counts
    key, _, value = word.lstrip("+").partition("=")
    return f"{key}={value}: {line[told.end() :]}" if value and not is_sweep(word) else line


def _left(words: Words, program: str) -> str:
    """The line for the first word that is still nothing; '' where all are something."""
    if program != "ib-train":
        return ""
    left = (word for word, flag in marked(words) if not flag and "=" not in word and not word.startswith("~"))
    word = next(left, None)
    return "" if word is None else no_override(word, words)


def _known(words: Sequence[str]) -> KnownKeys:
    return KnownKeys(config_folders(words), list(words))


def mended(words: Sequence[str]) -> Words:
    """The words with keys and options that there are, where those that there are not are near some."""
    known = _known(words)
    flags, rest = split(list(words))
    parts = [word.partition("=") for word in rest]
    if folder := next(filter(None, (own_folder(group, option, known) for group, _, option in parts)), None):
        return ["--config-dir", str(folder), *words]
    found: Words = []
    for word in rest:
        found += _mended(word, known)
    chosen = {word.partition("=")[0]: word for word in found if word.partition("=")[0] in known.groups()}
    kept = [word for word in found if chosen.get(word.partition("=")[0], word) == word]  # the last choice of a group
    return [*flags, *dict.fromkeys(kept)] if kept != rest else list(words)


def _mended(word: str, known: KnownKeys) -> Words:
    key, equals, value = word.partition("=")
    bare = key.lstrip("+")
    if not equals or key.startswith("~") or "@" in key:
        return [word]
    if words := file_as_data(bare, value):
        return words
    if bare in known.groups():
        return [_mended_option(bare, value, known)] if known.chosen.get(bare) != value else [word]
    if bare in known.chosen_keys() or (key != bare and bare.startswith(("objective.", "hydra."))):
        return [word]
    if value.casefold() in ("true", "yes", "on", "1", "") and (named := option_alone(bare, known)):
        return ["=".join(named)]
    meant = meant_key(bare, known, value)
    if meant is None:
        return [word]
    if meant.key == "device" and bare != "device":  # gpu=0
        value = "cpu" if value.casefold() in ("false", "no", "none", "-1") else "cuda"
    fits = fitting(meant.key, value, known)
    if fits is None:  # the line names the key, and the value is for the person to choose
        return [word]
    if meant.key in known.groups():
        right = _mended_option(meant.key, value, known)
        if OPTION.fullmatch(value) and right.partition("=")[2] == value not in known.options(meant.key):
            return [word]  # it would be as wrong
    else:
        right = f"{meant.key}={fits}"
    return [*([meant.option] if meant.option else []), right]


def _mended_option(group: str, value: str, known: KnownKeys) -> str:
    if len(values := outside(value, ",")) > 1:  # of a multirun
        return f"{group}=" + ",".join(_mended_option(group, each.strip(), known).partition("=")[2] for each in values)
    if value in known.options(group) or not OPTION.fullmatch(value):
        return f"{group}={value}"
    meant = meant_option(group, value, known)
    return "=".join(meant) if meant else f"{group}={value}"
