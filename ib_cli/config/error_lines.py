"""Errors of Hydra and OmegaConf as one line that names the key and what would be right."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ib_cli.config.catalogue import groups
from ib_cli.config.command_flags import unknown_flag
from ib_cli.config.multipliers import MULTIPLIERS
from ib_cli.config.spacings import FORMS
from ib_cli.config.told_command import told_command
from ib_cli.config.unreadable_files import UNREADABLE, no_file, reading_error
from ib_cli.contracts.errors import ConfigError

# A list, or a range as other programs write it, where a key takes one number.
_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
ONE_NUMBER = re.compile(  # from here to there: 0..4, 1e-4:1, and of any key but these 0.1..0.9
    rf"(?:{'|'.join(MULTIPLIERS)}|seed)=(?:\[.*\]|{_NUMBER}(?:\.\.\.?|…|:|-){_NUMBER})$"
    rf"|(?!name=|output=)[\w.]+={_NUMBER}(?:\.\.\.?|…){_NUMBER}$"
)
CALLS = FORMS | {"range": "range(n), range(a,b) or range(a,b,step): numbers from 0 or a, below n or b"}
PLUGINS = "hydra/launcher=… and hydra/sweeper=… choose one, as ib-train --help lists them"


class UsageError(ConfigError):
    """The words of a command are not in its grammar: a flag that there is not, say."""


def explain(error: Exception, arguments: Sequence[str]) -> str:
    """One line for an error raised while composing the config; our own errors are one line already."""
    from ib_cli.config import no_such  # here, as a command that is right needs none of it

    if isinstance(error, UNREADABLE) or (isinstance(error, OSError) and error.filename):
        return reading_error(error, arguments)
    text = " ".join(str(error).split())
    if match := re.search(r"In '([^']+)': Could not (?:override|load) '([^']+)'", text):
        return _wrong_default(match[1], match[2], arguments)
    if match := re.search(r"Could not override '([^']+)'", text):
        return no_such.no_such_key(match[1], arguments)
    if match := re.search(r"Key '([^']+)' is not in struct", text):
        return no_such.no_such_key(match[1], arguments)
    if match := re.search(r"Could not find '([^']+)/([^'/]*)'", text):
        inside = re.match(r"In '(?!(?:hydra/)?config')([^']+)'", text)  # a person's own file, whose defaults name it
        parts = (word.lstrip("+").partition("=") for word in arguments)  # an option may be a path, with slashes
        typed = ((key, to) for key, _, to in parts if f"{key}/{to}" == f"{match[1]}/{match[2]}")
        group, option = next(typed, (match[1], match[2]))
        told = no_file(f"{group}/{option}", arguments) or no_such.no_such_option(group, option, text, arguments)
        return f"{inside[1]}: defaults: {told}" if inside else told
    if "Config group override must be a string" in text:
        return no_such.no_option(arguments)
    if match := re.match(r"(\w+): no such key; there are ", text):  # a key that was added: + lets it in
        return no_such.no_such_key(match[1], arguments)
    if match := re.search(r"parsing override '(.*?)' \w+ while evaluating '(\w+).*?': (.*?)(?: See https|$)", text):
        return f"{match[1]}: {CALLS[match[2]] if match[2] in CALLS and 'argument' in match[3] else match[3]}"
    if match := re.search(r"Cannot find primary config '([^']+)'", text):
        return f"--config-name: there is no config {match[1]}; options and studies of your own need --config-dir only"
    if match := re.search(r"Additional config directory '([^']+)' not found", text):
        return no_such.no_folder(Path(match[1]))
    if "Expecting one subcommand from" in text:
        return "--shell-completion: needs install=SHELL, uninstall=SHELL or query=SHELL, such as install=bash"
    if match := re.search(r"Ambiguous value for argument '([^']+)'", text):
        key, _, values = match[1].partition("=")
        return f"{match[1]}: several values need a multirun (ib-train -m …); a list is written {key}=[{values}]"
    if word := getattr(error, "override", None):  # Hydra's parser
        return no_such.no_override(str(word), arguments)
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


def _wrong_default(file: str, entry: str, arguments: Sequence[str]) -> str:
    """The line for an entry of a file's defaults list. `entry`: `group@package`, or the path of a file."""
    group, _, package = entry.partition("@")
    if package.endswith(f".{group}") and group in groups():
        return f"{file}: defaults: to choose another {group}, the file must begin with '# @package _global_'"
    return no_file(entry, arguments) or f"{file}: defaults: there is no {entry}"


def again(command: Sequence[str]) -> str:
    """The command line that continues this command: the same without `rerun=true`, and without secrets."""
    return told_command(["ib-train", *(word for word in command[1:] if word != "rerun=true")])


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
        if word.partition("=")[0] == "--experimental-rerun":
            raise ConfigError(
                f"{word}: this flag of Hydra reads a pickle, which may run anything: type the run's own command again"
            )
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
