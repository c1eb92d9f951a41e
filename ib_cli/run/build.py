"""A valid config → data, model, objective, procedure: an Experiment. Changes nothing in the process."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch

from ib_cli.config.public_names import short_name
from ib_cli.config.settings import Settings
from ib_cli.contracts.errors import ConfigError, RunFailedError
from ib_cli.datasets.data import Data
from ib_cli.datasets.dataset import DataSet
from ib_cli.datasets.few_labels import check_few_labels
from ib_cli.engine.portions import in_a_line, out_of_memory
from ib_cli.engine.seeds import derived_seed
from ib_cli.experiment.estimates import Estimates
from ib_cli.experiment.experiment import Experiment
from ib_cli.experiment.finished_run import FinishedRun, load_final_parameters
from ib_cli.experiment.generative_measures import GenerativeMeasures
from ib_cli.experiment.procedure import Procedure
from ib_cli.experiment.records import Records
from ib_cli.experiment.soft_labels import check_soft_labels
from ib_cli.model.blocks.layers import is_monte_carlo
from ib_cli.model.model import Model
from ib_cli.model.weights.averaged_encoder import AveragedEncoder
from ib_cli.run import compatibility
from ib_cli.run.codebooks import check_codebook
from ib_cli.run.measured import content_digest, judging_folder, measured_folder
from ib_cli.run.noise import check_drawn, check_noise, with_noise
from ib_cli.run.stored_config import stored_config
from ib_cli.run.too_large import OVERFLOW, too_large
from ib_cli.run.validation import DRAWN, PARTS, ValidConfig, absent, validate
from ib_cli.system.home import expanded
from ib_cli.system.temporary import settle_temporary
from ib_cli.watch.observer import Observer


def build(
    valid: ValidConfig,
    records: Records,
    observers: tuple[Observer, ...] = (),
    dataset: DataSet | None = None,
    like: Experiment | None = None,
) -> Experiment:
    """Everything that a run needs, on its device.

    `dataset`: this config's data set, if it has been made already. `like`: an experiment whose data are this one's too.
    Raises ConfigError for parts that do not go together.
    """
    settings, targets, config = valid.settings, valid.targets, valid.config
    settle_temporary(records.folder)
    device = pick_device(settings.device)
    _check_compiler(settings, device)
    procedure = _procedure(valid)
    if like is not None:
        data, measured, judge = like.data, like.measured, like.judge
    else:
        measured, judge = measured_run(valid), judging_run(valid)
        data = procedure.data(measured) if measured else _loaded(dataset or targets["dataset"](), device, config)
    objective, multipliers = valid.objective, {name: float(config[name]) for name in valid.objective.multipliers}
    try:
        if measured is None or procedure.trains_model:
            model = build_model(valid, data, procedure).to(device)
        else:
            model, objective = measured.model, measured.experiment.objective
            multipliers = measured.experiment.multipliers
    except (RuntimeError, OverflowError, TypeError) as error:  # from torch: the network does not fit in memory
        if isinstance(error, TypeError) and OVERFLOW not in str(error):
            raise
        raise ConfigError(too_large(config, error)) from error
    # The faster order for the weights of convolutions. torch's stubs lack this call.
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    experiment = Experiment(
        config=deepcopy(dict(config)),  # whatever the caller does with theirs
        settings=settings,
        data=data,
        model=model,
        objective=objective,
        multipliers=multipliers,
        optimizer=targets["optimizer"],
        schedule=targets["schedule"](),
        estimates=_estimates(valid, data),
        noise_measures=targets["noise_measures"](),
        procedure=procedure,
        records=records,
        observers=observers,
        device=device,
        measured=measured,
        judge=judge,
    )
    procedure.check(experiment)
    experiment.noise_measures.check(experiment)
    GenerativeMeasures(experiment).check()
    if (labelled := config["dataset"].get("labelled")) is not None:
        check_soft_labels(experiment, data, labelled)
        check_few_labels(data, config["batch_size"])
    if procedure.facts(experiment) is None:  # it trains a model
        compatibility.check_trained(config, valid.objective, experiment.model)
    return experiment


def _loaded(dataset: DataSet, device: torch.device, config: Mapping[str, Any]) -> Data:
    """The data on the device. Raises RunFailedError where they do not fit in its memory."""
    try:
        return dataset.load(device)
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        name = short_name("dataset", config["dataset"]["_target_"])
        told = f"dataset={name}: {in_a_line(error)}: its samples do not fit in the memory of this {device.type}"
        raise RunFailedError(told) from error


def measured_run(valid: ValidConfig) -> FinishedRun | None:
    """The finished run that the config's procedure measures, on the config's device; None if it measures none.

    Raises ConfigError where that run is not what it was when the config was completed, or has no model.
    """
    if (run := measured_folder(valid.config)) is None:
        return None
    return _finished(valid, run, "run", "digest", valid.config["dataset"])


def judging_run(valid: ValidConfig) -> FinishedRun | None:
    """The finished classifier by which the config's procedure judges, on the config's device; None if it needs none.

    Raises ConfigError as `measured_run`.
    """
    if (run := judging_folder(valid.config)) is None:
        return None
    return _finished(valid, run, "classifier", "classifier_digest", None)


def _finished(
    valid: ValidConfig, run: str, name: str, digest: str, dataset_node: Mapping[str, Any] | None
) -> FinishedRun:
    """The run in the folder that the procedure's key `name` holds, which its key `digest` tells from others.

    `dataset_node`: the data set's config; None: that of the run, with its files where the measured run's are.
    """
    key, folder, config = f"procedure.{name}={run}", expanded(run), valid.config
    stored = stored_config(folder, {"device": valid.settings.device}, valid.settings.trust)
    if content_digest(folder, stored, key) != config["procedure"].get(digest):
        raise ConfigError(f"{key}: has changed since this measurement of it began: begin another one")
    if dataset_node is None:
        both = "root" in stored["dataset"] and "root" in config["dataset"]
        dataset_node = {**stored["dataset"], **({"root": config["dataset"]["root"]} if both else {})}
    valid = validate({**stored, "dataset": dataset_node})
    dataset = valid.targets["dataset"]()
    experiment = build(valid, Records(folder), dataset=dataset)
    try:
        load_final_parameters(experiment)
    except (KeyError, ValueError) as error:
        told = error if isinstance(error, ConfigError) else f"procedure={experiment.procedure.name} leaves no model"
        raise ConfigError(f"{key}: {told}") from None
    return FinishedRun(experiment, dataset if isinstance(dataset, DataSet) else None)


def _procedure(valid: ValidConfig) -> Procedure:
    procedure = valid.targets["procedure"]()
    if not isinstance(procedure, Procedure):
        target = valid.config["procedure"]["_target_"]
        raise ConfigError(f"procedure._target_={target}: is no subclass of ib_cli.experiment.procedure.Procedure")
    return procedure


def pick_device(wanted: str) -> torch.device:
    """The device. auto: CUDA where there is one, else the CPU. Raises ConfigError for cuda without one."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device=cuda: torch sees no CUDA device here; use device=cpu or device=auto")
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")


def build_model(valid: ValidConfig, data: Data, procedure: Procedure) -> Model:
    """The model with the parts that the objective's functionals need, initialised from the seed alone.

    Raises ConfigError for parts that do not go together.
    """
    config, objective, targets = valid.config, valid.objective, valid.targets
    spec, needs, required = data.spec, objective.needs, objective.required(config)
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(derived_seed(valid.settings.seed, "initialisation"))
        architecture = with_noise(config, targets, spec)
        bottleneck = targets["bottleneck"](architecture.features)
        has_density = bottleneck.stochastic and not is_monte_carlo(architecture)  # whether q(z|x) has a known density
        compatibility.check_monte_carlo(config, architecture, bottleneck)
        check_drawn(config, architecture, bottleneck, spec)
        check_codebook(config, objective, architecture, bottleneck, data.splits["train"].weight is not None)
        compatibility.check_functionals(config, objective.weighted(config), bottleneck, has_density, spec)
        if not has_density:
            needs -= {"marginal", "backward_encoder", "averaged_encoder"}  # these are compared with q(z|x)'s density
        quantised = getattr(bottleneck, "quantised", False)
        if (needs & DRAWN or not getattr(bottleneck, "encodes", True)) and not quantised:
            needs |= {"marginal"}  # it is drawn from, whatever the encoder's density
        size = bottleneck.size
        made = [part for part, field in PARTS.items() if field in needs and not absent(config, part, field, required)]
        parts = {part: targets[part](size, spec) for part in made}
        if "averaged_encoder" in needs:
            parts["averaged_encoder"] = AveragedEncoder(architecture, bottleneck)
        _start_at_samples(parts.get("marginal"), data)
    if not getattr(bottleneck, "encodes", True):
        architecture = torch.nn.Identity()
    model = Model(architecture, bottleneck, **parts, train_size=spec.train_size, classes=spec.classes)
    if procedure.samples_weights and quantised:
        raise ConfigError(
            f"procedure={procedure.name}: draws the weights, but codewords follow a training: choose another bottleneck"
        )
    if model.critics and not procedure.trains_critics:
        raise ConfigError(
            f"procedure={procedure.name}: trains no critic, and objective={config['objective']['name']} has "
            f"{' and '.join(model.critics)}: choose procedure=fit"
        )
    model.weights = targets["weights"](model)
    drawn = model.weights is not None or procedure.samples_weights
    if not drawn and "weights_divergence" in required:
        raise ConfigError(
            "weights=point: this objective measures the entropy S of the weights, which numbers do not have: choose "
            "weights=gaussian or weights=lognormal"
        )
    check_noise(config, objective, model)
    compatibility.check_batch_norm(config, model, spec.train_size)
    compatibility.check_marginal(config, model, required)
    compatibility.check_discrete(config, model, spec)
    return model


def _start_at_samples(marginal: Any, data: Data) -> None:
    """Set the parameters of a marginal that starts from training samples, from torch's present random numbers."""
    if count := getattr(marginal, "samples_to_start", 0):  # one of a person's own need not say it
        indices = torch.randperm(len(data.splits["train"]))[:count]
        marginal.start(data.batch("train", indices.to(data.device)).x.cpu())


def _estimates(valid: ValidConfig, data: Data) -> Estimates:
    """The estimates to make. Raises ConfigError for a split that the data do not have."""
    estimates = valid.targets["estimators"]()
    if estimates.use and estimates.split not in data.splits:
        raise ConfigError(
            f"estimators.split={estimates.split}: the data have {', '.join(data.splits)}; "
            "dataset.validation_size makes a validation split"
        )
    return estimates


def _check_compiler(settings: Settings, device: torch.device) -> None:
    """Raises ConfigError where torch.compile would find no C++ compiler."""
    wanted = os.environ.get("CXX", "g++")
    if settings.compile and device.type == "cpu" and shutil.which(wanted) is None:
        raise ConfigError(f"compile={settings.compile}: needs a C++ compiler on this machine, and there is no {wanted}")
