"""The words of a command about finished runs: folders, and values that hold for this command."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from ib_cli.config.expansions import expanded
from ib_cli.config.hydra_parser import values_of
from ib_cli.config.trust import typed_trust
from ib_cli.contracts.errors import ConfigError
from ib_cli.run.library import load_run
from ib_cli.run.loaded_run import Run
from ib_cli.study.finished_runs import holds_runs, runs_to_measure
from ib_cli.system.places import is_folder


def runs_of(words: Sequence[str]) -> list[Run]:
    """The finished runs of the folders among `words`, a run's or a study's; words `key=value` hold for all of them.

    Raises ConfigError for a folder without a finished run with a model. `check_words` has checked the words.
    """
    folders = [Path(word) for word in words if "=" not in word or is_folder(word)]
    words = ["estimators.use=[]" if word == "estimators=none" else word for word in words]  # none is no estimator
    words = expanded([word for word in words if "=" in word and not is_folder(word)])
    trust, values = typed_trust(words), values_of(words)
    values.pop("trust", None)
    if not folders:
        beside = f"{words[0]}: holds for runs, and none is named: " if words else ""
        raise ConfigError(f"{beside}name a run's folder, or a study's, such as outputs/NAME")
    device = str(values.pop("device", "auto"))
    if device not in ("auto", "cpu", "cuda"):
        raise ConfigError(f"device={device}: must be auto, cpu or cuda")
    logging.basicConfig(format="%(message)s")
    found = [load_run(of, device, values, trust=trust) for folder in folders for of in _expanded(folder)]
    return [run for run in found if _is_done(run, alone=len(found) == 1)]


def _expanded(folder: Path) -> list[Path]:
    if not is_folder(folder):
        raise ConfigError(f"{folder}: no such folder: name a run's folder, or a study's, such as outputs/NAME")
    if (folder / "config.yaml").exists():
        return [folder]
    if not holds_runs(folder):
        raise ConfigError(f"{folder}: holds no run of ib-train: name a run's folder, or a study's")
    return runs_to_measure(folder)


def _is_done(run: Run, alone: bool) -> bool:
    if run.status == "done":
        return True
    if alone:
        raise ConfigError(f"{run.folder}: this run is {run.status}: finish it first")
    print(f"{run.folder}: {run.status}, left out")
    return False
