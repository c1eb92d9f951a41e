"""A run's id and folder. Runs with the same numbers have the same id, whatever the study, the paths or the device."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from hashlib import sha256
from pathlib import Path
from typing import Any

from ib_cli.config.public_names import hashed_name
from ib_cli.config.settings import COSMETIC, LATER
from ib_cli.run.spellings import one_spelling, spellings

# Key that came after ids were first made → the value that stands for what the program did before.
# With this value a run has the id that it had then. Entries stay for ever, as finished runs rely on them.
NEUTRAL: dict[str, Any] = {
    **LATER,
    "dataset.label": None,
    "dataset.labelled": None,
    "dataset.labelled_share": 0.1,
    "dataset.binarise": False,
    "procedure.kind": "auto",
    "marginal.start": "noise",
    "iw_samples": 0,
    "objective.minimise.D_error": 0,
    "objective.minimise.log_L2[Z]": 0,
}


def run_id(config: Mapping[str, Any], fingerprint: str) -> str:
    """A hash of everything in the resolved config that can change the run's numbers, and of the data's fingerprint.

    Classes enter by their public names, so that a module may move. Two spellings of one run have one id
    (`ib_cli.run.spellings`).
    """
    return _hashed(one_spelling(config, fingerprint), fingerprint)


def _hashed(config: Mapping[str, Any], fingerprint: str) -> str:
    """The id of a config as it is spelled."""
    rest = deepcopy(dict(config))
    for key in COSMETIC:
        node, name = _place(rest, key)
        node.pop(name, None)
    for key, value in NEUTRAL.items():
        node, name = _place(rest, key)
        if name in node and node[name] == value:
            del node[name]
    for group, node in rest.items():
        if isinstance(node, Mapping) and isinstance(node.get("_target_"), str):
            rest[group] = {**node, "_target_": hashed_name(group, node["_target_"])}
    return sha256((json.dumps(_canonical(rest), sort_keys=True) + fingerprint).encode()).hexdigest()[:10]


def _place(config: dict[str, Any], key: str) -> tuple[dict[str, Any], str]:
    """The part of the config that holds a dotted key, empty where there is none, and the key's last word."""
    *groups, name = key.split(".")
    for group in groups:
        config = config.get(group) or {}
    return config, name


def _canonical(value: Any) -> Any:
    """The value with whole floats as integers, so that 1 and 1.0 have one hash."""
    if isinstance(value, Mapping):
        return {key: _canonical(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def run_folder(config: Mapping[str, Any], fingerprint: str) -> Path:
    """The run's folder: output/study/id.

    A run that began when its id still knew how paths were spelled keeps the folder that it had then.
    """
    study, own = Path(config["output"]) / str(config["name"]), run_id(config, fingerprint)
    if not (study / own).is_dir():
        for spelled in spellings(config, fingerprint):
            if (earlier := study / _hashed(spelled, fingerprint)).is_dir():
                return earlier
    return study / own
