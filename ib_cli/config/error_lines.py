"""Errors of Hydra and OmegaConf as one line that names the key and what would be right."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Any

from ib_cli.config.catalogue import choices, groups
from ib_cli.config.command_flags import unknown_flag
from ib_cli.config.known_keys import KnownKeys
from ib_cli.config.multipliers import MULTIPLIERS
from ib_cli.config.near_keys import Meant, meant_key, meant_option
from ib_cli.config.unreadable_files import UNREADABLE, config_folders, no_file, reading_error
from ib_cli.contracts.errors import ConfigError

# A list, or a range as other programs write it, where a key takes one number.
ONE_NUMBER = re.compile(rf"({'|'.join(MULTIPLIERS)}|seed)=(\[.*\]|\d+(\.\.|:|-)\d+)$")
MOST_SHOWN = 6  # objectives named in a line
PLUGINS = "hydra/launcher=… and hydra/sweeper=… choose one, as ib-train --help lists them"


class UsageError(ConfigError):
    """The words of a command are not in its grammar: a flag that there is not, say."""


def explain(error: Exception, arguments: Sequence[str]) -> str:
    """One line for an error raised while composing the config; our own errors are one line already."""
    if isinstance(error, UNREADABLE) or (isinstance(error, OSError) and error.filename):
        return reading_error(error, arguments)
    text = " ".join(str(error).split())
    if match := re.search(r"In '([^']+)': Could not (?:override|load) '([^']+)'", text):
        return _wrong_default(match[1], match[2], arguments)
    if match := re.search(r"Could not override '([^']+)'", text):
        return _no_such_key(match[1], arguments)
    if match := re.search(r"Key '([^']+)' is not in struct", text):
        return _no_such_key(match[1], arguments)
    if match := re.search(r"Could not find '([^']+)/([^'/]*)'", text):
        inside = re.match(r"In '(?!config')([^']+)'", text)  # a person's own file, whose defaults list names it
        told = no_file(f"{match[1]}/{match[2]}", arguments) or _no_such_option(match[1], match[2], text, arguments)
        return f"{inside[1]}: defaults: {told}" if inside else told
    if "Config group override must be a string" in text:
        return _no_option(arguments)
    if match := re.match(r"(\w+): no such key; there are ", text):  # a key that was added: + lets it in
        return _no_such_key(match[1], arguments)
    if match := re.search(r"parsing override '(.*?)' ValueError while evaluating '.*?': (.*?)(?: See https|$)", text):
        return f"{match[1]}: {match[2]}"
    if match := re.search(r"Ambiguous value for argument '([^']+)'", text):
        key, _, values = match[1].partition("=")
        return f"{match[1]}: several values need a multirun (ib-train -m …); a list is written {key}=[{values}]"
    if word := getattr(error, "override", None):  # Hydra's parser
        return no_override(str(word), arguments)
    if match := re.search(r"Error merging override (.*)", text):
        return f"{match[1]}: {_cause(error)[1]}"
    if not text:
        return ": ".join(_cause(error))
    return _of_plugins(text) or text


def is_of_plugins(error: Exception) -> bool:
    """Whether Hydra raised the error for a launcher or a sweeper that is none."""
    return isinstance(error, RuntimeError | ImportError) and bool(_of_plugins(" ".join(str(error).split())))


def _of_plugins(text: str) -> str:
    """The line for a launcher or a sweeper that is none, or whose keys are wrong; '' for other errors."""
    if match := re.search(r"(?:Invalid plugin|Unknown plugin class :) '([^']+)'", text):
        return f"_target_={match[1]}: is no launcher or sweeper; {PLUGINS}"
    if match := re.search(r"Hydra (launcher|sweeper) is not configured", text):
        return f"hydra.{match[1]}: a multirun needs one; {PLUGINS}"
    if match := re.search(r"Error in call to target .*?(missing|unexpected).*?'(\w+)'.*full_key: (\S+)", text):
        what = "this key is missing" if match[1] == "missing" else "no such key"
        return f"{match[3]}.{match[2]}: {what}; {PLUGINS}"
    return ""


def _cause(error: Exception) -> tuple[str, str]:
    """The key and the first line of the error that Hydra's error came from."""
    cause = error.__cause__ or error
    return str(getattr(cause, "full_key", None) or "config"), (str(cause).splitlines() or [type(cause).__name__])[0]


def _no_such_option(group: str, option: str, text: str, arguments: Sequence[str]) -> str:
    """The line for an option that a group does not have. `text`: Hydra's, which lists those of own folders too."""
    if meant := meant_option(group, option, _known(arguments)):
        return f"{group}={option}: no such {group}; did you mean {meant[1] if meant[0] == group else '='.join(meant)}?"
    listed = re.search(r"Available options in '[^']*': (.*?)(?: Config search path|$)", text)
    options = listed[1].split() if listed else choices(group)
    there = f"there are {', '.join(options)}" if options else "ib-train --help lists the groups"
    return f"{group}={option}: no such {group}; {there}"


def no_override(word: str, arguments: Sequence[str]) -> str:
    """The line for a word that Hydra cannot parse."""
    if "=" in word:
        return f"{word}: an override is KEY=VALUE, with quotes around what is not a plain word, as in \"name='a: b'\""
    known = _known(arguments)
    if word in known.chosen_keys() or word in known.groups():
        group = known.chosen.get(word)
        value = group or known.chosen_keys().get(word, "")
        return f"{word}: needs a value, as in {word}={'null' if value is None else value}"
    return f"{word}: is no override KEY=VALUE and no name of an option; ib-train --help lists what there is"


def _no_option(arguments: Sequence[str]) -> str:
    """The line for a word that chooses for a group what is no option's name: null, a number, a mapping."""
    wrong = (word for word in arguments if re.fullmatch(r"\w+=(null|true|false|[-+.\d].*|\{.*)", word, re.IGNORECASE))
    found = next((word for word in wrong if word.partition("=")[0] in groups()), "a group")
    return f"{found}: choose one of the group's options, as ib-train --help lists them"


def _wrong_default(file: str, entry: str, arguments: Sequence[str]) -> str:
    """The line for an entry of a file's defaults list. `entry`: `group@package`, or the path of a file."""
    group, _, package = entry.partition("@")
    if package.endswith(f".{group}") and group in groups():
        return f"{file}: defaults: to choose another {group}, the file must begin with '# @package _global_'"
    return no_file(entry, arguments) or f"{file}: defaults: there is no {entry}"


def again(command: Sequence[str]) -> str:
    """The command line that continues this command: the same without `rerun=true`."""
    return shlex.join(["ib-train", *(word for word in command[1:] if word != "rerun=true")])


def check_hydra(hydra: Any) -> None:
    """Raises ConfigError for a key of Hydra's that ib-train cannot follow. `hydra`: the config's node of that name."""
    if hydra.job.chdir:
        raise ConfigError(
            "hydra.job.chdir=true: ib-train stays in the folder of the command, from which its relative paths start: "
            "leave it false"
        )


def check_words(arguments: Sequence[str]) -> None:
    """Raises ConfigError for words that Hydra would take in an unintended way."""
    if flag := unknown_flag(arguments):
        raise UsageError(f"{flag}: no such flag; ib-train --help and --hydra-help list what there is")
    for word in arguments:
        if word.startswith("="):
            raise UsageError(f"{word}: an override is KEY=VALUE")
        if ONE_NUMBER.match(word):
            raise UsageError(f"{word}: must be one number, or with -m several: a,b or range(n) or logspace(a,b,n)")
        if re.match(r"\+{0,2}objective\.minimise=", word):
            raise ConfigError(
                f"{word}: terms are changed one by one: objective.minimise.R=0.5 sets a weight, "
                "+objective.minimise.D=0.5 adds a term and ~objective.minimise.C removes one"
            )
        if re.match(r"[+~]{0,2}objective\.minimise\.S/N", word):
            raise ConfigError(
                f"{word}: Hydra takes no slash in a key: weigh S instead, with 1/N of the weight, or set the "
                "multiplier of objective=therml or weight_ib"
            )
        if re.match(r"[+~]{0,2}objective\.minimise\.[^=]*[\[\]|]", word):
            raise ConfigError(
                f"{word}: Hydra takes no brackets in a key: set a multiplier of the objective, or write the sum into a "
                "file of your own, as docs/objectives.md shows"
            )


def _known(arguments: Sequence[str]) -> KnownKeys:
    return KnownKeys(config_folders(arguments), list(arguments))


def _no_such_key(key: str, arguments: Sequence[str]) -> str:
    """The line for a key that the composed config does not have."""
    key, known = key.lstrip("+~"), _known(arguments)
    if key in groups():
        return _no_option(arguments)
    if key in MULTIPLIERS:
        return _no_multiplier(key, known)
    if key.startswith("objective.minimise."):
        return f"{key}: not in this objective yet; +{key}=… adds it"
    typed = (word.lstrip("+").partition("=") for word in arguments)
    value = next((value for name, _, value in typed if name == key), "")
    group, _, inner = key.partition(".")
    if meant := meant_key(key, known, value):
        return _meant(key, meant, known)
    if key.startswith("hydra."):
        return f"{key}: no such key; ib-train --cfg hydra lists Hydra's own"
    if inner and group in known.groups():
        option = known.chosen.get(group, "")
        there = ", ".join(name for name in known.keys(group, option) if "." not in name) or "none"
        return f"{key}: {group}={option} has no such key; it has {there}"
    return f"{key}: no such key; ib-train --help lists the groups, ib-train --cfg job all keys"


def _meant(key: str, meant: Meant, known: KnownKeys) -> str:
    group = meant.option.partition("=")[0]
    if group and key.rpartition(".")[2] == meant.key.rpartition(".")[2] and not key.startswith(meant.option):
        return f"{key}: {group}={known.chosen.get(group)} has no such key; {meant.option} has {meant.key}"
    return f"{key}: no such key; did you mean {meant.key}?"


def _no_multiplier(key: str, known: KnownKeys) -> str:
    objective = known.chosen["objective"]
    has, having = ", ".join(known.multipliers(objective)) or "none", known.with_key("objective", key)
    shown = ", ".join(having[:MOST_SHOWN]) + (", …" if len(having) > MOST_SHOWN else "")
    line = f"{key} is no multiplier of objective={objective}, which has: {has}"
    return f"{line}; objectives with {key}: {shown}" if having else line
