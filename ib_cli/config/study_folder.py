"""Where a study's files go: checked on a composed config, before any folder is made."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from ib_cli.config.environment import check_names
from ib_cli.contracts.errors import ConfigError
from ib_cli.system.secrets import holds_secret

# Keys of Hydra's own that name folders, and what a config has to have there.
FIXED = {"run.dir": ".", "sweep.dir": "${output}/${name}", "sweep.subdir": ".", "output_subdir": None}
OF_HYDRA = ("hydra._internal.", "hydra.core.")
STRANGE = ("Cc", "Zl", "Zp")  # Unicode's categories of control characters and line breaks
TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # letters after them run the other way
BESIDE = " .+-\u200c\u200d"  # beside these and _, but not at the beginning of a name
LETTERS = "LMN"  # Unicode's letters, marks and digits


def check_study_folder(raw: Mapping[str, Any], name: Any, output: Any) -> None:
    """Raises ConfigError where a config would write outside `output`, or under a name that is no plain word.

    `raw`: the config, not resolved. `name`, `output`: resolved.
    """
    hydra = raw.get("hydra") or {}
    for key, right in FIXED.items():
        group, _, last = key.rpartition(".")
        node = (hydra.get(group) or {}) if group else hydra
        if isinstance(node, Mapping) and node.get(last, right) != right:
            raise ConfigError(
                f"hydra.{key}: leave it as it is: a study lies in output/name, and each run in a folder there"
            )
    for kind, instead in (("launcher", "sequential"), ("sweeper", "grid")):
        node = hydra.get(kind)
        if isinstance(node, Mapping) and str(node.get("_target_")).startswith(OF_HYDRA):
            raise ConfigError(f"hydra/{kind}: ib-train's own are needed, which check what they write: {instead}, say")
    _check_logging(hydra)
    check_names(raw)
    check_name(name)
    for key, value in (("name", name), ("output", output)):
        if isinstance(value, str) and holds_secret(value):
            raise ConfigError(f"{key}={value}: holds a secret, and this key becomes the name of a folder: write a name")
    if isinstance(output, str) and output.startswith("~"):
        raise ConfigError(f"output={output}: ~ is a home directory on the command line only: write the whole path")
    if isinstance(output, str) and any(unicodedata.category(c) in STRANGE or c in TURNS for c in output):
        raise ConfigError(f"output={output}: must be a folder's name without line breaks and control characters")


def _check_logging(hydra: Mapping[str, Any]) -> None:
    """Raises ConfigError where Hydra would write a log beside the command: into a folder that is no run's."""
    for group in ("job_logging", "hydra_logging"):
        node = hydra.get(group)
        handlers = node.get("handlers") if isinstance(node, Mapping) else None
        for handler in handlers.values() if isinstance(handlers, Mapping) else ():
            file = handler.get("filename") if isinstance(handler, Mapping) else None
            if "${hydra" in str(file):
                raise ConfigError(
                    f"hydra/{group}: would write {file}, outside output/name: choose none, as run.log is there"
                )


def check_name(name: Any) -> None:
    """Raises ConfigError where a study's name is a text and no plain word."""
    if isinstance(name, str) and name.lstrip(BESIDE) != name and is_plain(name.lstrip(BESIDE)):
        raise ConfigError(f"name={name}: must begin with a letter, a digit or _, as name={name.lstrip(BESIDE)}")
    if isinstance(name, str) and not is_plain(name):
        raise ConfigError(f"name={name}: must be a plain word: letters, digits and _ - + . only")


def is_plain(name: str) -> bool:
    """Whether a study's name is one folder: letters, digits and `_ - + .` and spaces, of which _ alone may begin it."""
    ours = [unicodedata.category(c)[0] in LETTERS or unicodedata.category(c) == "Pc" for c in name]
    return bool(name) and ours[0] and all(known or c in BESIDE for known, c in zip(ours, name))
