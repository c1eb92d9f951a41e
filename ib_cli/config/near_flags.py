"""Flags that there are not, and overrides written as flags, put right. For error messages."""

from __future__ import annotations

import re
from difflib import get_close_matches

from ib_cli.config.command_flags import ALONE, LONG, SHORT, WITH_VALUE, Words, is_flag
from ib_cli.config.known_keys import KnownKeys
from ib_cli.config.multipliers import MULTIPLIERS
from ib_cli.config.near_keys import Meant, meant_key, option_alone
from ib_cli.config.near_words import OTHER_NAMES, squashed
from ib_cli.system.places import is_folder

GRANTED = ("resume", "rezume", "continue")
SHOWN = ("job", "hydra", "all")  # what --cfg shows
OTHER_FLAGS = {"-v": "--version", "-V": "--version", "-?": "--help", "-H": "--help", "-help": "--help", "-M": "-m",
               "--multi": "-m", "--multi-run": "-m", "--sweeps": "-m", "--m": "-m", "--conf": "--config",
               **dict.fromkeys(("--show-config", "--print-config", "--show", "--print"), "--cfg"),
               **dict.fromkeys(("--dry-run", "--dryrun", "--dry_run", "--dry"), "--cfg"),
               **dict.fromkeys(("--list", "--usage", "--options", "--info-all"), "--help"), "-e": "--epochs",
               "-s": "--seed", "-g": "--gamma", "-b": "--batch_size", "-d": "--dataset", "-o": "--output",
               "-n": "--name", "-a": "--architecture"}  # fmt: skip


def flagged(words: Words, known: KnownKeys) -> Words:
    """Flags in their own spelling, and overrides without dashes: `--multirn` is -m, `--gamma 0.1` is gamma=0.1."""
    found: Words = []
    rest = list(words)
    while rest:
        word, *rest = rest
        if squashed(word.partition("=")[0]) == "multirun" and word.casefold() != "--multirun":
            found.append("-m")
        elif not is_flag(word):
            found.append(word)
        else:
            taken, rest = _one(word, rest, known)
            found += taken
    return found


def _one(word: str, rest: Words, known: KnownKeys) -> tuple[Words, Words]:
    """A word that begins with a dash put right, with what it takes of the rest; and the rest that is left."""
    name, equals, value = word.partition("=")
    if equals and re.fullmatch(r"-m\w+", name) and _means_key(name[2:], known):
        return ["-m"], [f"{name[2:]}={value}", *rest]
    name = OTHER_FLAGS.get(name, name)
    if name not in (*LONG, *SHORT, "--config") and not _means_key(name, known):
        near = get_close_matches(name.replace("_", "-").casefold(), LONG, n=1, cutoff=0.8) if len(name) > 4 else []
        name = near[0] if near else name
    following = rest[0] if rest and not is_flag(rest[0]) else None
    if squashed(name) in GRANTED:  # the same command goes on anyway, whatever folder is named
        return [], rest[1:] if following is not None and "=" not in following else rest
    if name == "--config":
        return _config(value if equals else following, rest if equals or following is None else rest[1:])
    if name in ("--cfg", "-c") and not (equals and value in SHOWN):
        return _cfg(value if equals else following, rest if equals or following is None else rest[1:])
    if name == "--multirun" and (equals or word != name):
        return ["-m"], rest
    if name in ALONE or name in ALONE.values():
        return [name], rest
    if name in WITH_VALUE or name in WITH_VALUE.values():
        if equals or following is None or "=" in following:
            return [name + equals + value], rest
        return [name, following], rest[1:]
    return _override(name.lstrip("-"), equals, value, rest, known) or ([word], rest)


def _meant(key: str, known: KnownKeys) -> Meant | None:
    return Meant(key) if key in MULTIPLIERS else meant_key(key, known)


def _means_key(flag: str, known: KnownKeys) -> bool:
    """Whether a word with dashes is a key, in whatever letters, or what other programs call one."""
    key = flag.lstrip("-")
    if key in known.chosen_keys() or squashed(key) in OTHER_NAMES:
        return True
    meant = _meant(key, known)
    return meant is not None and squashed(meant.key) in (squashed(key), squashed(meant.key.rpartition(".")[0] + key))


def _override(key: str, equals: str, value: str, rest: Words, known: KnownKeys) -> tuple[Words, Words] | None:
    """A key, or an option's name, with dashes as an override; None where there is none like it.

    A key without a value is left without its dashes.
    """
    default, meant = known.chosen_keys(), _meant(key, known)
    if equals:
        return ([f"{key}={value}"], rest) if meant else None
    off = re.match(r"no[-_]?(.+)", key)
    if off and (not_it := meant_key(off[1], known)) and isinstance(default.get(not_it.key), bool):
        return [f"{not_it.key}=false"], rest
    takes = rest and "=" not in rest[0] and not is_flag(rest[0])
    if not takes and (option := option_alone(key, known)):
        return ["=".join(option)], rest
    if not meant:
        return None
    if isinstance(default.get(meant.key), bool) and not (takes and rest[0].casefold() in ("true", "false")):
        return [f"{key}=true"], rest
    return ([f"{key}={rest[0]}"], rest[1:]) if takes else ([key], rest)


def _config(value: str | None, rest: Words) -> tuple[Words, Words]:
    """`--config`, which is none: of a folder, of a study's file, or a wish to see the config."""
    if value is None:
        return ["--cfg", "job"], rest
    if "=" in value:
        return ["--cfg", "job"], [value, *rest]
    if value.endswith((".yaml", ".yml")):
        return [f"sweep={value}"], rest
    return (["--config-dir", value] if is_folder(value) else ["--config-name", value]), rest


def _cfg(value: str | None, rest: Words) -> tuple[Words, Words]:
    """What --cfg shows; the run's config where it is not said."""
    if value is None or "=" in value:
        return ["--cfg", "job"], [value, *rest] if value else rest
    near = get_close_matches(value.casefold(), SHOWN, n=1)
    return ["--cfg", near[0] if near else "job"], rest
