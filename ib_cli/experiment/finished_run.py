"""A finished run as a value: what a procedure that measures it works with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ib_cli.config.settings import Settings
from ib_cli.contracts.errors import ConfigError
from ib_cli.datasets.data import Data
from ib_cli.datasets.dataset import DataSet
from ib_cli.experiment.experiment import Experiment
from ib_cli.experiment.records import Records
from ib_cli.model.model import Model


@dataclass(frozen=True)
class FinishedRun:
    """A run whose procedure has come to its end. Its model is in evaluation mode, with the final parameters."""

    experiment: Experiment  # what the run was made of; its model is the trained one
    dataset: DataSet | None = None  # what its data were loaded from; None: a data set without stored samples

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.experiment.records.folder

    @property
    def id(self) -> str:
        """The name of the folder: a hash of the config."""
        return self.folder.name

    @property
    def config(self) -> Mapping[str, Any]:
        """The resolved config, as plain containers."""
        return self.experiment.config

    @property
    def settings(self) -> Settings:
        """The top-level keys of the config."""
        return self.experiment.settings

    @property
    def data(self) -> Data:
        """The splits that the run was trained and evaluated on."""
        return self.experiment.data

    @property
    def model(self) -> Model:
        """The trained model."""
        return self.experiment.model

    @cached_property
    def params(self) -> dict[str, Tensor]:
        """The parameters that the run's last evaluation used, by name."""
        return {name: value.detach() for name, value in self.model.named_parameters()}

    @cached_property
    def buffers(self) -> dict[str, Tensor]:
        """The model's buffers, by name, such as the running statistics of batch normalisation."""
        return dict(self.model.named_buffers())

    @property
    def records(self) -> Records:
        """Metrics, estimates, checkpoint and result."""
        return self.experiment.records


def load_best_parameters(experiment: Experiment) -> None:
    """Give an experiment's model the parameters of its run's best.pt, in evaluation mode.

    Raises ConfigError without that file, or where it does not fit the config; DamagedError where it is not whole.
    """
    best = experiment.records.read_best(experiment.device)
    if best is None:
        raise ConfigError(
            f"{experiment.records.folder}: has no best.pt: dataset.validation_size makes the split that it is chosen on"
        )
    _load(experiment, best["params"], best["buffers"], "best.pt")


def load_final_parameters(experiment: Experiment) -> None:
    """Give an experiment's model the parameters of its run's end, or of its last checkpoint, in evaluation mode.

    Raises ConfigError where there is no checkpoint, as of a procedure that trains no model, or the checkpoint's
    parameters do not fit the config; DamagedError where no checkpoint is whole.
    """
    folder = experiment.records.folder
    checkpoint = experiment.records.read_checkpoint(experiment.device)
    if checkpoint is None:
        raise ConfigError(f"{folder}: has no checkpoint.pt, so there is no model to load")
    parameters = experiment.procedure.parameters(experiment, checkpoint)
    _load(experiment, parameters, checkpoint.get("buffers", {}), "checkpoint.pt")


def _load(experiment: Experiment, params: Mapping[str, Tensor], buffers: Mapping[str, Tensor], file: str) -> None:
    folder, model = experiment.records.folder, experiment.model
    own = [*model.named_parameters(), *model.named_buffers()]
    try:
        with torch.no_grad():
            for name, tensor in own:
                if name in params or name in buffers:
                    tensor.copy_(params[name] if name in params else buffers[name])
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"{folder}: {file} does not fit this config ({reason})") from None
    model.eval()
