"""A run in words: its data, model, optimiser and device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ib_cli.config.catalogue import usual
from ib_cli.config.public_names import of_option, short_name
from ib_cli.contracts.labels import counted
from ib_cli.contracts.passes import Spec
from ib_cli.experiment.experiment import Experiment
from ib_cli.run.compatibility import untrained
from ib_cli.run.validation import PARTS
from ib_cli.system.local_locks import local_locks


def describe(experiment: Experiment, instead: Mapping[str, str] | None = None) -> dict[str, str]:
    """The facts to show before a run starts, in this order.

    `instead`: facts that replace model and training, from a procedure that trains no model.
    """
    config, settings, spec = experiment.config, experiment.settings, experiment.data.spec
    sizes = ", ".join(f"{len(split):,} {name}" for name, split in experiment.data.splits.items())
    shape = "×".join(map(str, spec.input_shape))
    return {
        "data": f"{_name(config, 'dataset')}: {sizes}; {shape}, {_target(spec)}",
        **({} if experiment.measured is None else {"measured": str(experiment.measured.folder)}),
        **(_of_model(config, experiment) if instead is None else instead),
        "device": f"{_device(experiment.device)}, {settings.precision}{_emulated(experiment)}",
    }


def doubts(experiment: Experiment) -> list[str]:
    """Warnings, a line each, for what can be run but was perhaps not meant."""
    model, classes = experiment.model, experiment.data.spec.classes
    size, discrete = model.bottleneck.size, model.bottleneck.discrete
    found = [*experiment.data.doubts, *filter(None, [local_locks(experiment.records.folder)])]
    if discrete and model.classifier is not None and classes is not None and size < classes:
        found.append(f"bottleneck.size={size}: fewer values of z than the {classes} classes cannot tell all apart")
    weighted = {each.symbol for each in experiment.objective.weighted(experiment.multipliers)}
    if "codebook" in weighted and experiment.config["bottleneck"].get("learned") == "ema":
        found.append(
            "codebook moves nothing with bottleneck.learned=ema, whose codewords follow their encodings anyway"
        )
    unbounded = [each.symbol for each in experiment.objective.weighted(experiment.multipliers) if each.needs_noise]
    if unbounded and not getattr(model.bottleneck, "least_noise", False):
        found.append(
            f"{' and '.join(unbounded)} has no least value with this bottleneck, whose z can shrink for ever: "
            "bottleneck=zero_entropy_noise keeps it from that"
        )
    if experiment.procedure.facts(experiment) is None:  # it trains a model
        found += _whole(experiment) + _untrained(experiment) + _unused(experiment)
        if model.noise_weights and "noise_divergence" not in experiment.objective.required(experiment.multipliers):
            found.append(
                "noise=information: KL has no weight in J, so training lowers the noise to its least, and the prior "
                "stays as it is; objective=information_dropout gives it a weight"
            )
    return found


def _whole(experiment: Experiment) -> list[str]:
    """A batch larger than the data; not of tables, whose batches are meant to be all of them."""
    data, batch_size = experiment.data, experiment.settings.batch_size
    if data.passes > 1 or data.samples >= batch_size:
        return []
    N = counted(data.samples, "training sample")
    return [
        f"batch_size={batch_size}: there {'is' if data.samples == 1 else 'are'} {N}, so each epoch is one step of all"
    ]


def _untrained(experiment: Experiment) -> list[str]:
    """Parts that are measured with their initial parameters."""
    parts = untrained(experiment.model, experiment.objective, experiment.multipliers)
    return [
        f"{' and '.join(terms)} has weight 0, so the {part.replace('_', ' ')} is not trained: what is measured with it "
        "is that of its initial parameters"
        for part, terms in parts.items()
    ]


def _unused(experiment: Experiment) -> list[str]:
    """Parts that somebody chose and the objective has no use for."""
    config, found = experiment.config, []
    for part in PARTS:
        target = config[part]["_target_"]
        names = usual(part, config["objective"]["name"])
        if getattr(experiment.model, part) is None and target not in {of_option(part, name) for name in names}:
            found.append(f"{part}={short_name(part, target)} is not used: nothing that is minimised needs it here")
    return found


def _of_model(config: Mapping[str, Any], experiment: Experiment) -> dict[str, str]:
    model = experiment.model
    noise = (
        ""
        if not model.noise_count
        else f" with {_name(config, 'noise')} noise in {counted(model.noise_count, 'layer')}"
    )
    encoder = [_name(config, "architecture") + noise] if model.encodes else []
    parts = []
    if model.decoder is not None:
        likelihood = config["decoder"].get("likelihood")
        parts.append(f"{_name(config, 'decoder')} decoder" + (f" ({likelihood})" if likelihood else ""))
    if model.classifier is not None:
        parts.append("classifier")
    parts += [f"{part.replace('_', ' of ')} ({_name(config, part)})" for part in model.critics]
    z = f"{_name(config, 'bottleneck')} (K = {model.bottleneck.size})"
    count = f"{sum(p.numel() for p in model.parameters()):,}"
    if model.weights is not None:
        count += f", {sum(weight.value.numel() for weight in model.weights.weights):,} of them of drawn weights"
    return {
        "model": " → ".join([*encoder, z, " + ".join(parts)]),
        "parameters": count,
        **_of_training(config, experiment),
    }


def _of_training(config: Mapping[str, Any], experiment: Experiment) -> dict[str, str]:
    """Epochs and seed; for `fit` also batches and optimiser, which other procedures may not have."""
    settings, procedure = experiment.settings, _name(config, "procedure")
    if procedure != "fit":
        return {"procedure": f"{procedure}, {counted(settings.epochs, 'epoch')}, seed {settings.seed}"}
    optimiser = f"{_name(config, 'optimizer')} lr {config['optimizer'].get('lr')}"
    epochs = counted(settings.epochs, "epoch")
    return {"training": f"{epochs}, batches of {settings.batch_size}, {optimiser}, seed {settings.seed}"}


def _target(spec: Spec) -> str:
    """The number of classes, or of dimensions of a continuous y."""
    if spec.classes is None:
        return f"continuous y of {spec.target_shape[0]}"
    return counted(spec.classes, "class", "classes")


def _name(config: Mapping[str, Any], group: str) -> str:
    return short_name(group, config[group]["_target_"])


def _emulated(experiment: Experiment) -> str:
    """A note where this CPU emulates bf16, so that it costs time instead of saving it; else ''."""
    native = experiment.device.type != "cpu" or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return "" if experiment.settings.precision != "bf16" or native else " (emulated by this CPU: fp32 is faster)"


def _device(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"cpu, {counted(torch.get_num_threads(), 'thread')}"
