"""Errors of Hydra and OmegaConf as one line that names the key and what would be right."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import yaml

from ib_cli.config.catalogue import choices, directory, groups, multipliers
from ib_cli.config.multipliers import MULTIPLIERS
from ib_cli.config.unreadable_files import UNREADABLE, no_file, reading_error
from ib_cli.contracts.errors import ConfigError

PLUGINS = "hydra/launcher=… and hydra/sweeper=… choose one, as ib-train --help lists them"


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
        told = no_file(f"{match[1]}/{match[2]}", arguments) or _no_such_option(match[1], match[2], text)
        return f"{inside[1]}: defaults: {told}" if inside else told
    if "Config group override must be a string" in text:
        return _no_option(arguments)
    if match := re.search(r"Ambiguous value for argument '([^']+)'", text):
        key, _, values = match[1].partition("=")
        return f"{match[1]}: several values need a multirun (ib-train -m …); a list is written {key}=[{values}]"
    if "LexerNoViableAltException" in text or "missing EQUAL" in text or "mismatched input" in text:
        return f"{text.split(' See https')[0]}; an override is KEY=VALUE, with quotes around what is not a plain word"
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


def _no_such_option(group: str, option: str, text: str) -> str:
    """The line for an option that a group does not have. `text`: Hydra's, which lists those of own folders too."""
    listed = re.search(r"Available options in '[^']*': (.*?)(?: Config search path|$)", text)
    options = listed[1].split() if listed else choices(group)
    near = get_close_matches(option, options, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    there = f"there are {', '.join(options)}" if options else "ib-train --help lists the groups"
    return f"{group}={option}: no such {group}; {hint}{there}"


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
    for word in arguments:
        if word.startswith("="):
            raise ConfigError(f"{word}: an override is KEY=VALUE")
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


def _chosen_objective(arguments: Sequence[str]) -> str:
    """The objective of the command line, or the default."""
    chosen = [word.partition("=")[2] for word in arguments if word.startswith("objective=")]
    if chosen and chosen[-1] in choices("objective"):
        return chosen[-1]
    defaults = yaml.safe_load((directory("conf") / "config.yaml").read_text(encoding="utf-8"))["defaults"]
    return next(entry["objective"] for entry in defaults if isinstance(entry, dict) and "objective" in entry)


def _no_such_key(key: str, arguments: Sequence[str]) -> str:
    """The line for a key that the composed config does not have."""
    key = key.lstrip("+~")
    if key in groups():
        return _no_option(arguments)
    if key in MULTIPLIERS:
        objective = _chosen_objective(arguments)
        has = ", ".join(multipliers(objective)) or "none"
        return f"{key} is no multiplier of objective={objective}, which has: {has}"
    if key.startswith("objective.minimise."):
        return f"{key}: not in this objective yet; +{key}=… adds it"
    group, _, inner = key.partition(".")
    if inner and group in groups():
        return f"{key}: the chosen {group} has no such key; ib-train --cfg job --package {group} lists what it has"
    if key.startswith("hydra."):
        return f"{key}: no such key; ib-train --cfg hydra lists Hydra's own"
    config = yaml.safe_load((directory("conf") / "config.yaml").read_text(encoding="utf-8"))
    known = [*groups(), *MULTIPLIERS, *(name for name in config if name not in ("defaults", "hydra"))]
    near = get_close_matches(key, known, n=1)
    return f"{key}: no such key; " + (f"did you mean {near[0]}?" if near else "ib-train --help lists the groups")
