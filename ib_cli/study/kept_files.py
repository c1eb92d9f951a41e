"""Files that no command may replace: the records of runs and of studies, and what the command reads."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ib_cli.contracts.errors import ConfigError
from ib_cli.experiment.damage import CHECKPOINTS, FILES
from ib_cli.system.digests import SUMS
from ib_cli.system.places import is_there

OF_STUDY = ("study.log", "multirun.yaml", "optuna.yaml")  # beside a study's runs
# One of these beside a file tells that the folder is a run's; `metrics.jsonl` alone may be a person's own.
MARKS = (".lock", "run.log", "config.yaml", "result.json", SUMS, *CHECKPOINTS)


def check_output(output: Path, read: Mapping[str, Any]) -> None:
    """Raises ConfigError where `--output` would replace a record of a run or a study, or a file that is read.

    Links and `..` are followed. Other names in a run's folder, such as `z.npz`, may be written. `read`: flag or key →
    the file that it names, if any.
    """
    # The name in its real folder, and what that is a link to.
    for place in (Path(os.path.realpath(output.parent)) / output.name, Path(os.path.realpath(output))):
        if what := _kept(place):
            raise ConfigError(f"--output {output}: is a record of {what}, which would be lost: choose another name")
        for name, file in read.items():
            if file and str(place) == os.path.realpath(file):
                raise ConfigError(f"--output {output}: is the file of {name}, which would be lost: choose another name")


def check_output_folder(output: Path) -> None:
    """Raises ConfigError where the `--output` of a report is the folder of a run: two records tell it."""
    if sum(is_there(output / name) for name in FILES) > 1:
        raise ConfigError(f"--output {output}: is the folder of a run: choose another, such as {output / 'report'}")


def _kept(file: Path) -> str:
    """What a file is, or would be, a record of; '' for any other file."""
    if file.name in FILES and any(is_there(file.parent / name) for name in MARKS if name != file.name):
        return f"the run in {file.parent}"
    if file.name in (*OF_STUDY, "config.yaml") and is_there(file):
        return f"the study in {file.parent}"
    return ""
