"""The library's public functions: from overrides to a trained run, and from a run's folder back to its model."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import hydra
import torch
from hydra.core.global_hydra import GlobalHydra
from hydra.core.singleton import Singleton
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from ib_cli.config.catalogue import directory
from ib_cli.config.error_lines import check_words, explain
from ib_cli.config.expansions import expanded
from ib_cli.config.guarded_hydra import guarded_hydra
from ib_cli.config.hydra_parser import whole_parser
from ib_cli.config.quick_composing import quick_composing
from ib_cli.config.quick_yaml import quick_yaml
from ib_cli.config.trust import packages, typed_trust
from ib_cli.config.unreadable_files import UNREADABLE
from ib_cli.contracts.errors import ConfigError, DamagedError, RunFailedError
from ib_cli.contracts.passes import needed
from ib_cli.experiment.damage import check_digests
from ib_cli.experiment.experiment import Experiment
from ib_cli.experiment.records import Records
from ib_cli.run import build as building
from ib_cli.run.attempt import open_attempt
from ib_cli.run.loaded_run import Run
from ib_cli.run.log_file import log_file
from ib_cli.run.run_ids import run_folder
from ib_cli.run.validation import resolve, validate
from ib_cli.system.places import is_folder
from ib_cli.system.signals import catch_signals
from ib_cli.watch.screen import Screen

log = logging.getLogger(__name__)


def compose(overrides: Sequence[str] = (), config_dir: str | Path | None = None) -> dict[str, Any]:
    """The resolved config of a command's words, such as `["objective=vib", "gamma=1e-2"]`, as plain containers.

    `config_dir`: a folder with configs of your own, as `--config-dir` on the command line; code of your own that they
    name needs the word `trust=[my_package]` among the overrides. Raises ConfigError, one line that names the key;
    TypeError for overrides that are no list of words.
    """
    if isinstance(overrides, str) or not all(isinstance(word, str) for word in overrides):
        raise TypeError('overrides: a list of words, such as ["objective=vib", "gamma=1e-2"]')
    words = list(overrides)
    for word in words:
        if word.startswith(("-", "sweep=", "hydra")):
            raise ConfigError(f"{word}: is for the command line; compose takes the keys of one run")
    check_words(words)
    words = expanded(words)
    own = []
    if config_dir is not None:
        if not is_folder(config_dir):
            raise ConfigError(f"config_dir={config_dir}: there is no such folder")
        own = [f"hydra.searchpath=['file://{Path(config_dir).resolve()}']"]
    try:
        with (
            quick_yaml(),
            quick_composing(),
            whole_parser(),
            _apart(),
            guarded_hydra(typed_trust(words)),
            hydra.initialize_config_dir(str(directory("conf")), version_base="1.3"),
        ):
            return resolve(hydra.compose("config", overrides=[*own, *words]))
    except (HydraException, OmegaConfBaseException, OSError, ValueError, *UNREADABLE) as error:
        told = words if config_dir is None else [*words, f"--config-dir={config_dir}"]
        raise ConfigError(explain(error, told)) from None


@contextmanager
def _apart() -> Iterator[None]:
    """Within the block Hydra is as new; a Hydra that the caller has begun goes on afterwards."""
    before = Singleton.get_state()
    GlobalHydra.instance().clear()
    try:
        yield
    finally:
        Singleton.set_state(before)


def build(config: Mapping[str, Any]) -> Experiment:
    """Data, model, objective and procedure of a resolved config, on their device.

    Nothing is written, and threads and allocator stay as they are. Raises ConfigError for what does not fit.
    """
    if not isinstance(config, Mapping):
        raise TypeError(f"config: what compose returns, not {type(config).__name__}")
    valid = validate(deepcopy(dict(config)))
    dataset = valid.targets["dataset"]()
    records = Records(run_folder(valid.config, dataset.fingerprint()))
    return building.build(valid, records, (valid.targets["tracker"](),), dataset=dataset)


def varied(experiment: Experiment, multipliers: Mapping[str, float], seed: int | None = None) -> Experiment:
    """The experiment with other values of some multipliers and, if given, another seed, for `train_copies`.

    Its model is a copy of the experiment's, whatever the seed; its config, id and folder are its own. Raises
    ConfigError for a multiplier that the objective does not have.
    """
    config = {**deepcopy(dict(experiment.config)), **multipliers}
    if seed is not None:
        config["seed"] = seed
    valid = validate(config)
    records = Records(run_folder(config, valid.targets["dataset"]().fingerprint()))
    return replace(
        experiment,
        config=config,
        settings=valid.settings,
        multipliers={name: float(config[name]) for name in valid.objective.multipliers},
        model=deepcopy(experiment.model),
        schedule=deepcopy(experiment.schedule),
        records=records,
    )


def train(experiment: Experiment, screen: bool = False) -> Run:
    """Run an experiment's procedure to its end, in the folder that the command line would use.

    A run that is done is loaded, an interrupted one goes on from its checkpoint. The experiment itself stays as it was
    built. `screen`: show the run as the command does. Raises RunFailedError where it fails; BusyError where the run is
    under way elsewhere; ConfigError where its folder cannot be written, or its model does not have the initial
    parameters of its config; Interrupted at Ctrl-C, after saving.
    """
    if not isinstance(experiment, Experiment):
        raise TypeError(f"experiment: what build returns, not {type(experiment).__name__}")
    records, settings = experiment.records, experiment.settings
    _check_start(experiment)
    if not settings.rerun and records.done is not None:
        return Run(records.folder, trust=settings.trust)
    observers = (Screen(), *experiment.observers) if screen else experiment.observers
    own = replace(
        experiment,
        model=deepcopy(experiment.model),
        schedule=deepcopy(experiment.schedule),
        observers=observers,
    )
    attempt = open_attempt(own, command="ib_cli.train", again="ib_cli.train(experiment)")
    try:
        with torch.enable_grad(), log_file(attempt.folder), catch_signals() as stop:
            outcome = attempt.train(stop)
    finally:
        attempt.close()
    if outcome.status != "done":
        raise RunFailedError(outcome.error)
    return Run(records.folder, trust=settings.trust)


def _check_start(experiment: Experiment) -> None:
    """Raises ConfigError unless the model is the one that its config starts from, which the run's id stands for.

    Where none is trained, that is the model of the measured run.
    """
    valid, procedure = validate(experiment.config), experiment.procedure
    if procedure.trains_model or experiment.measured is None:
        fresh, own = building.build_model(valid, experiment.data, procedure).to(experiment.device), experiment.model
        told = "does not have the initial parameters of its config, which the run's id stands for"
    else:
        fresh, own = needed(building.measured_run(valid)).model, experiment.measured.model
        told = "is not that of the run it measures"
    values = fresh.state_dict()
    if values.keys() != own.state_dict().keys() or not all(
        torch.equal(value, values[name]) for name, value in own.state_dict().items()
    ):
        raise ConfigError(f"experiment: its model {told}: build it anew, or use train_copies, which records nothing")


def load_run(
    folder: str | Path,
    device: str = "auto",
    overrides: Mapping[str, Any] | None = None,
    best: bool = False,
    trust: Sequence[str] = (),
) -> Run:
    """A run from its folder, finished or not.

    `device`: auto, cpu or cuda, wherever it was trained. `overrides`: config values that hold here, such as
    `{"dataset.root": "/data"}`. `best`: the model is that of best.pt, the best evaluation of the validation split,
    instead of the run's end. `trust`: packages of your own whose code the run's config may name, as `["my_package"]`.
    Raises ConfigError where there is no run, or its config is damaged; a warning in the log says where another record
    is.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device={device}: must be auto, cpu or cuda")
    if overrides is not None and not isinstance(overrides, Mapping):
        raise TypeError('overrides: a mapping of keys to values, such as {"dataset.root": "/data"}')
    if isinstance(trust, str):
        raise TypeError('trust: a list of packages, such as ["my_package"]')
    run = Run(Path(folder), device, overrides, best, packages(trust))
    try:
        check_digests(run.folder)
    except DamagedError as error:  # the rest can be read all the same
        log.warning("%s", error)
    return run
