"""The words of ib-encode and ib-evaluate that are no folders: keys of a finished run that a command may change."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence

from ib_cli.config.known_keys import KnownKeys
from ib_cli.config.near_choices import value_of_a_key
from ib_cli.config.near_words import near_word
from ib_cli.contracts.errors import ConfigError
from ib_cli.system.places import is_folder

# What does not change what a run is: where its data lie, how it is measured, and on what.
CHANGEABLE = (
    "dataset.root", "dataset.path", "dataset.download", "device", "precision", "eval_samples", "eval_batch_size",
    "estimators.…", "trust",
)  # fmt: skip
ESTIMATORS = "estimators"


def check_words(words: Sequence[str], parser: argparse.ArgumentParser) -> None:
    """Raises ConfigError for a word `key=value` whose key is a flag of the program, or would make another run."""
    flags = [flag.removeprefix("--") for flag in parser._option_string_actions if flag.startswith("--")]
    for word in words:
        key, equals, value = word.partition("=")
        if not word:
            raise ConfigError("'': is no folder and no key=value")
        if not equals or is_folder(word):
            continue
        if key in flags and key not in CHANGEABLE:
            raise ConfigError(f"{word}: is a flag of {parser.prog}: --{key} {shlex.quote(value)}")
        if key == ESTIMATORS and value != "none":
            raise ConfigError(f"{word}: which estimates are made is told by estimators.use: {_use(value)}")
        if key not in CHANGEABLE and not key.startswith(f"{ESTIMATORS}."):
            near = near_word(key, [*CHANGEABLE[:-2], *flags])
            hint = f"; did you mean {f'--{near}' if near in flags else near}?" if near else ""
            raise ConfigError(f"{word}: would be another run; what can be given here: {', '.join(CHANGEABLE)}{hint}")


def _use(value: str) -> str:
    """The word that makes these estimates: `'estimators.use=[kraskov]'`; of the option with that name, its own."""
    known = KnownKeys()
    names = value.strip("[]").split(",")
    if value in known.options(ESTIMATORS):
        names = list(known.keys(ESTIMATORS, value)["use"])
    chosen = (value_of_a_key(ESTIMATORS, name.strip(" '\""), known) for name in names)
    right = [found[1].strip("[]") for found in chosen if found and found[0] == f"{ESTIMATORS}.use"]
    return shlex.quote(f"estimators.use=[{','.join(right or ['mixture', 'kraskov'])}]")
