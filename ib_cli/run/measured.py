"""The config of a run that measures a finished run: its data set and its study are those of that run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from ib_cli.config.public_names import public_name
from ib_cli.config.settings import COSMETIC
from ib_cli.contracts.errors import ConfigError, DamagedError
from ib_cli.experiment.records import Records
from ib_cli.run.stored_config import stored_config
from ib_cli.study.finished_runs import holds_runs
from ib_cli.system.home import expanded
from ib_cli.system.places import is_there

PLACE = "measured_run"  # the data set that stands for the one of the measured run


def measured_folder(config: Mapping[str, Any]) -> str | None:
    """The folder of the run that a config's procedure measures; None if it measures none."""
    node = config.get("procedure")
    run = node.get("run") if isinstance(node, Mapping) else None
    return run if isinstance(run, str) else None


def judging_folder(config: Mapping[str, Any]) -> str | None:
    """The folder of the classifier that a config's procedure judges a run by; None if it needs none."""
    node = config.get("procedure")
    run = node.get("classifier") if isinstance(node, Mapping) else None
    return run if isinstance(run, str) else None


def completed(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config with the data set, the study and the digest of the run that its procedure measures, if any.

    Raises ConfigError where there is no such run, or it is unfinished, damaged, without a model or itself such a
    measurement; also for another data set than that run's.
    """
    if (run := measured_folder(config)) is None:
        return dict(config)
    folder = expanded(run).resolve()
    key = f"procedure.run={run}"
    stored = _config_of(folder, key)
    digest = content_digest(folder, stored, key)
    here, output = Path.cwd(), folder.parent.parent
    output = output.relative_to(here) if output.is_relative_to(here) else output
    return {
        **config,
        "dataset": _dataset(config, stored, key),
        "output": str(output),
        "name": folder.parent.name,
        "procedure": {
            **config["procedure"],
            "run": str(output / folder.parent.name / folder.name),
            "digest": digest,
            **_judge(config),
        },
    }


def _judge(config: Mapping[str, Any]) -> dict[str, str]:
    """The digest of the classifier that the procedure judges by, if any. Raises ConfigError as `completed`."""
    if (run := judging_folder(config)) is None:
        return {}
    key, folder = f"procedure.classifier={run}", expanded(run).resolve()
    return {"classifier_digest": content_digest(folder, _config_of(folder, key), key)}


def content_digest(folder: Path, stored: Mapping[str, Any], key: str) -> str:
    """A hash of what a finished run is: its config, less what changes no number, and the tensors of its checkpoint.

    Raises ConfigError, which begins with `key`, where the run is not done, or its records are not as they were written.
    """
    records = Records(folder)
    try:
        if records.done is None:
            failed = records.result is not None
            raise ConfigError(
                f"{key}: this run {'failed' if failed else 'is not finished'}: the command that began it "
                f"{'tries it again' if failed else 'goes on with it'}"
            )
        checkpoint = records.read_checkpoint(torch.device("cpu"))
    except DamagedError as error:
        raise ConfigError(f"{key}: {error}") from None
    if checkpoint is None:
        name = public_name("procedure", str(stored.get("procedure", {}).get("_target_")))
        raise ConfigError(f"{key}: has no checkpoint.pt, so there is no model to measure (its procedure is {name})")
    hashed = sha256(json.dumps(_without_cosmetics(stored), sort_keys=True, default=str).encode())
    for name, tensor in _tensors(checkpoint):
        hashed.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        hashed.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return hashed.hexdigest()[:16]


def _config_of(folder: Path, key: str) -> dict[str, Any]:
    """The stored config of a run that can be measured."""
    if not is_there(folder / "config.yaml") and holds_runs(folder):
        raise ConfigError(
            f"{key}: is a study's folder: name one of its runs"
            f"{', or measure all of them by ib-train -m with this key' if key.startswith('procedure.run') else ''}"
        )
    try:
        stored = stored_config(folder, {})
    except ConfigError as error:
        raise ConfigError(f"{key}: {error}") from None
    if measured_folder(stored) is not None:
        raise ConfigError(f"{key}: this run measures another one itself: name that run, {measured_folder(stored)}")
    return stored


def _dataset(config: Mapping[str, Any], stored: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The data set of the measured run. Raises ConfigError where the config has chosen another one."""
    chosen, theirs = _named(config.get("dataset")), _named(stored["dataset"])
    if chosen.get("_target_") == PLACE:
        root = chosen.get("root")
        return theirs | ({"root": root} if root is not None and "root" in theirs else {})
    mine, other = (_without_cosmetics({"dataset": node})["dataset"] for node in (chosen, theirs))
    for name in dict.fromkeys(["_target_", *mine, *other]):
        if mine.get(name) != other.get(name):
            told = "dataset" if name == "_target_" else f"dataset.{name}"
            here, there = ("null" if node.get(name) is None else node[name] for node in (mine, other))
            raise ConfigError(f"{told}={here}: the run of {key} has {there}, and its data are used: leave dataset out")
    return chosen


def _named(node: Any) -> dict[str, Any]:
    """A data set's node with the public name of its class."""
    node = dict(node) if isinstance(node, Mapping) else {}
    if isinstance(node.get("_target_"), str):
        node["_target_"] = public_name("dataset", node["_target_"])
    return node


def _without_cosmetics(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    return {
        name: _without_cosmetics(value, f"{prefix}{name}.") if isinstance(value, Mapping) else value
        for name, value in config.items()
        if f"{prefix}{name}" not in COSMETIC
    }


def _tensors(state: Any, name: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors of a checkpoint, by the keys that lead to them."""
    if isinstance(state, torch.Tensor):
        yield name, state
    elif isinstance(state, Mapping):
        for key in sorted(state, key=str):
            yield from _tensors(state[key], f"{name}/{key}")
    elif isinstance(state, list | tuple):
        for number, value in enumerate(state):
            yield from _tensors(value, f"{name}/{number}")
