"""What is only a spelling in a config: the same run, written in another way."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ib_cli.config.multipliers import parse_weight
from ib_cli.config.public_names import public_name
from ib_cli.functionals.objective import parse_symbol
from ib_cli.system.home import expanded

BY_CONTENT = ("npz", "table")  # data sets whose fingerprint says all that their path says
RUN_ID = re.compile("[0-9a-f]{10}")


def one_spelling(config: Mapping[str, Any], fingerprint: str) -> dict[str, Any]:
    """The config with what is only a spelling taken out of it; what is plain stays as it is.

    The path of a file is left out where its content is known, and so is the folder of a run that is measured; another
    run's folder is its id, and the weights of an objective are written in one way.
    """
    found = dict(config)
    if fingerprint and _by_content(config):
        found["dataset"] = {key: value for key, value in config["dataset"].items() if key != "path"}
    run = _other_run(config)
    if run is not None:
        of_runs = _id_of(run) if isinstance(run, str) else [_id_of(each) for each in run]
        found["weights"] = {**config["weights"], "run": of_runs}
    if isinstance(procedure := config.get("procedure"), Mapping) and isinstance(procedure.get("digest"), str):
        folders = ("run", "classifier") if isinstance(procedure.get("classifier_digest"), str) else ("run",)
        found["procedure"] = {key: value for key, value in procedure.items() if key not in folders}
    objective = config.get("objective")
    if isinstance(objective, Mapping) and isinstance(objective.get("minimise"), Mapping):
        found["objective"] = {key: value for key, value in objective.items() if key != "functionals" or value}
        found["objective"]["minimise"] = _weights(objective["minimise"])
    return found


def spellings(config: Mapping[str, Any], fingerprint: str) -> Iterator[dict[str, Any]]:
    """The config as it is and with its paths in the ways that a person may have written them."""
    by_content, run = fingerprint and _by_content(config), _other_run(config)
    for path in _paths(config["dataset"]["path"]) if by_content else [None]:
        for folder in _paths(run) if isinstance(run, str) else [None]:
            found = dict(config)
            if path is not None:
                found["dataset"] = {**config["dataset"], "path": path}
            if folder is not None:
                found["weights"] = {**config["weights"], "run": folder}
            yield found


def _by_content(config: Mapping[str, Any]) -> bool:
    node = config.get("dataset")
    if not isinstance(node, Mapping) or not isinstance(node.get("path"), str):
        return False
    return public_name("dataset", str(node.get("_target_"))) in BY_CONTENT


def _other_run(config: Mapping[str, Any]) -> str | list[str] | None:
    """The folder of the run whose posterior is this run's prior, or the folders of several."""
    node = config.get("weights")
    run = node.get("run") if isinstance(node, Mapping) else None
    several = isinstance(run, list) and all(isinstance(each, str) for each in run)
    return run if isinstance(run, str) or several else None


def _id_of(run: str) -> str:
    """The id of the run in a folder; the folder as it is spelled where its name is no id."""
    name = expanded(run).resolve().name
    return name if RUN_ID.fullmatch(name) else run


def _paths(path: str) -> list[str]:
    """A path as it is written, and with and without links: whole, from the working directory and from the home."""
    whole, home = os.path.normpath(expanded(path).absolute()), str(expanded("~"))
    found = [path]
    for each in (whole, os.path.realpath(whole)):
        relative = os.path.relpath(each)
        found += [each, relative, f"./{relative}"]
        if each.startswith(home + os.sep):
            found.append("~" + each[len(home) :])
    return list(dict.fromkeys(found))


def _weights(minimise: Mapping[str, Any]) -> dict[str, Any]:
    """Weights by symbol: numbers as numbers, products as their number and then their multipliers in order."""
    found: dict[str, Any] = {}
    for text, weight in minimise.items():
        symbol, power = parse_symbol(text)
        name = symbol if power == 1 else f"{symbol}^{power}"
        found[name if name == text or name not in minimise else text] = _weight(symbol, weight)
    return found


def _weight(symbol: str, text: str | float) -> str | float:
    coefficient, names = parse_weight(symbol, text)
    if not names:
        return coefficient
    product = "*".join(sorted(names))
    if abs(coefficient) == 1:
        return product if coefficient > 0 else f"-{product}"
    return f"{int(coefficient) if coefficient.is_integer() else coefficient}*{product}"
