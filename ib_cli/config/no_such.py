"""Lines for keys, options and words that there are not: what was meant, or what there is."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from ib_cli.config.catalogue import choices, groups
from ib_cli.config.known_keys import KnownKeys
from ib_cli.config.multipliers import MULTIPLIERS
from ib_cli.config.near_keys import Meant, file_as_data, meant_key, meant_option, option_alone, own_folder
from ib_cli.config.near_words import near_word
from ib_cli.config.unreadable_files import config_folders
from ib_cli.system.places import is_folder

MOST_SHOWN = 6  # objectives named in a line
# Group → Hydra's own option, which writes where a study may not and is refused.
REFUSED = {"hydra/launcher": "basic", "hydra/sweeper": "basic", "hydra/job_logging": "default"}


def no_such_option(group: str, option: str, text: str, arguments: Sequence[str]) -> str:
    """The line for an option that a group does not have. `text`: Hydra's, which lists those of own folders too."""
    if words := file_as_data(group, option):
        return f"{group}={option}: no such {group}; did you mean {' '.join(words)}?"
    if folder := own_folder(group, option, _known(arguments)):
        return f"{group}={option}: {folder}/{group}/{option}.yaml is read with --config-dir {folder}"
    if meant := meant_option(group, option, _known(arguments)):
        return f"{group}={option}: no such {group}; did you mean {meant[1] if meant[0] == group else '='.join(meant)}?"
    listed = re.search(r"Available options in '[^']*': (.*?)(?: Config search path|$)", text)
    options = [each for each in listed[1].split() if REFUSED.get(group) != each] if listed else choices(group)
    there = f"there are {', '.join(options)}" if options else "ib-train --help lists the groups"
    return f"{group}={option}: no such {group}; {there}"


def no_override(word: str, arguments: Sequence[str]) -> str:
    """The line for a word that Hydra cannot parse."""
    if "=" in word:
        return f"{word}: an override is KEY=VALUE, with quotes around what is not a plain word, as in \"name='a: b'\""
    known = _known(arguments)
    if word in known.chosen_keys() or word in known.groups():
        group = known.chosen.get(word)
        if word in known.groups() and not group:
            return f"{word}: needs a name, as in {word}=NAME; there are {', '.join(known.options(word))}"
        value = group or known.chosen_keys().get(word, "")
        return f"{word}: needs a value, as in {word}={'null' if value is None else value}"
    return (
        f"{shlex.quote(word)}: is no override KEY=VALUE and no name of an option; ib-train --help lists what there is"
    )


def no_folder(folder: Path) -> str:
    """The line for a folder of --config-dir that is not there."""
    beside = [each.name for each in folder.parent.iterdir() if each.is_dir()] if is_folder(folder.parent) else []
    near = near_word(folder.name, beside)
    return f"--config-dir: there is no folder {folder}" + (f"; did you mean {near}?" if near else "")


def no_option(arguments: Sequence[str]) -> str:
    """The line for a word that chooses for a group what is no option's name: null, a number, a mapping."""
    last = {word.partition("=")[0]: word for word in arguments}.values()  # what counts of a group given twice
    wrong = (word for word in last if re.fullmatch(r"\w+=(null|true|false|[-+.\d].*|\{.*)", word, re.IGNORECASE))
    found = next((word for word in wrong if word.partition("=")[0] in groups()), "a group")
    return f"{found}: choose one of the group's options, as ib-train --help lists them"


def _known(arguments: Sequence[str]) -> KnownKeys:
    return KnownKeys(config_folders(arguments), list(arguments))


def no_such_key(key: str, arguments: Sequence[str]) -> str:
    """The line for a key that the composed config does not have."""
    key, known = key.lstrip("+~"), _known(arguments)
    if key in groups():
        return no_option(arguments)
    if key in MULTIPLIERS:
        return _no_multiplier(key, known)
    if key.startswith("objective.minimise."):
        return f"{key}: not in this objective yet; +{key}=… adds it"
    typed = (word.lstrip("+").partition("=") for word in reversed(arguments))  # the last counts
    value = next((value for name, _, value in typed if name == key), "")
    group, _, inner = key.partition(".")
    if value.casefold() in ("true", "yes", "on", "1", "") and (named := option_alone(key, known)):
        return f"{key}: no such key; did you mean {'='.join(named)}?"
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
