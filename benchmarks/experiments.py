"""Our side: runs built as ib-train builds them, trained alone or together, epoch by epoch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import torch
from hydra import compose, initialize_config_dir

from ib_cli.config.catalogue import directory
from ib_cli.config.quick_yaml import quick_yaml
from ib_cli.engine.backward import Backward
from ib_cli.engine.group import GroupEpoch
from ib_cli.engine.loss import fields_of, loss_of_copies, make_loss
from ib_cli.engine.rivals import rivals
from ib_cli.engine.stack import Stack
from ib_cli.engine.train import Epoch, Reporter
from ib_cli.experiment.evaluation import Evaluation
from ib_cli.experiment.experiment import Experiment
from ib_cli.experiment.records import Records
from ib_cli.procedures.fit.progress import Progress
from ib_cli.procedures.fit.train_copies import starting_state
from ib_cli.run.build import build
from ib_cli.run.process import set_threads, set_up
from ib_cli.run.validation import resolve, validate


def made(*overrides: str, folder: Path = Path("unopened")) -> Experiment:
    """The experiment of a command's overrides. Nothing is written before its records are opened."""
    with quick_yaml(), initialize_config_dir(str(directory("conf")), version_base="1.3"):
        config = resolve(compose("config", overrides=list(overrides)))
    data = f"{config['dataset']} {config['device']}"
    experiment = build(validate(config), Records(folder), like=_first.get(data))
    _first.setdefault(data, experiment)
    set_up(experiment)
    return experiment


def with_gammas(experiment: Experiment, gammas: Sequence[float]) -> list[Experiment]:
    """Copies of an experiment with other γ. Composing a config for each would take longer than many steps of a GPU."""
    return [
        replace(
            experiment,
            multipliers={**experiment.multipliers, "gamma": gamma},
            model=deepcopy(experiment.model),
            schedule=deepcopy(experiment.schedule),
        )
        for gamma in gammas
    ]


_first: dict[str, Experiment] = {}  # of each data set on each device; later ones share its data


def now(device: torch.device) -> float:
    """Seconds on a clock, after waiting for the device."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


class Solo:
    """One run on its own."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.progress = Progress(experiment, None, None, "J")
        settings = experiment.settings
        loss = make_loss(experiment.model, experiment.objective, settings.samples, settings.precision)
        self.backward = Backward(loss, settings.compile, experiment.device)
        self.critics = rivals(experiment.model, settings, experiment.device)
        self.evaluation = Evaluation(experiment)
        self.requests: dict[int, list] = {}
        self.reporter = Reporter(())

    def step(self) -> float:
        """Seconds per step, over an epoch."""
        begin = self._begin()
        epoch = self._train()
        spent = now(self.experiment.device) - begin
        self.progress.state.close_epoch()
        return spent / len(epoch.order)

    def epoch(self) -> float:
        """Seconds of an epoch as in `fit`: its steps, averages, evaluation, records and checkpoint."""
        begin = self._begin()
        self.progress.trained(self._train().averages())
        params = self.progress.state.evaluated_params
        self.progress.evaluated({split: self.evaluation.of(params, split) for split in self.progress.evaluated_splits})
        self.progress.save(0.0)
        return now(self.experiment.device) - begin

    def _begin(self) -> float:
        experiment = self.experiment
        if experiment.device.type == "cpu":
            set_threads(experiment.settings, experiment.model)
        return now(experiment.device)

    def _train(self) -> Epoch:
        experiment = self.experiment
        epoch = Epoch(
            self.progress.state,
            experiment.model,
            self.backward,
            experiment.data,
            experiment.settings,
            experiment.multipliers,
            self.critics,
            fields_of(experiment.objective),
        )
        epoch.run(self.requests, lambda: None, self.reporter)
        return epoch


class Together:
    """Several runs in one stack."""

    def __init__(self, experiments: Sequence[Experiment]) -> None:
        self.experiments, self.first = experiments, experiments[0]
        settings = self.first.settings
        self.states = [starting_state(each) for each in experiments]
        self.stack = Stack(self.states, self.first.optimizer)
        loss = make_loss(self.first.model, self.first.objective, settings.samples, settings.precision)
        axis = 0 if len({each.settings.seed for each in experiments}) > 1 else None
        self.backward = Backward(loss_of_copies(loss, axis), settings.compile, self.first.device)
        self.requests: dict[int, list] = {}

    def step(self) -> float:
        """Seconds per step and run, over an epoch."""
        first, settings = self.first, self.first.settings
        if first.device.type == "cpu":
            set_threads(settings, first.model, len(self.experiments))
        begin = now(first.device)
        epoch = GroupEpoch(
            self.stack,
            first.model,
            lambda _: self.backward,
            first.data,
            [each.settings for each in self.experiments],
            [each.multipliers for each in self.experiments],
        )
        epoch.run(self.requests, lambda: None)
        spent = now(first.device) - begin
        for state in self.states:
            state.close_epoch()
        return spent / len(epoch.sizes) / len(self.experiments)
