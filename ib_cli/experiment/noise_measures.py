"""What layers of noise let through, measured at the end of a run: of units, of places and of whole layers."""

from __future__ import annotations

import io
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import torch
from annotated_types import Ge, Gt
from pydantic import StringConstraints
from torch import Tensor

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.passes import Pass, needed
from ib_cli.engine.batch_statistics import batch_statistics, has_batch_norm
from ib_cli.engine.loss import Tensors
from ib_cli.engine.passes import passes
from ib_cli.engine.seeds import generator
from ib_cli.estimators.estimate import Estimate
from ib_cli.experiment.activations import histograms, total_correlation
from ib_cli.experiment.damage import NOISE_LAYERS
from ib_cli.experiment.kl_places import box_share, places
from ib_cli.model.noise.layer import NoiseLayer
from ib_cli.system.atomic import write_atomically
from ib_cli.system.signals import Interrupted

if TYPE_CHECKING:
    from ib_cli.experiment.experiment import Experiment

BATCH = 250  # most samples in a pass: the tensors of all layers are kept at once


@dataclass
class Measured:
    """What was found: numbers and estimates of one split, and the arrays of `noise_layers.npz`."""

    split: str
    measures: dict[str, float] = field(default_factory=dict)
    estimates: list[Estimate] = field(default_factory=list)
    arrays: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


class NoiseMeasures(ABC):
    """What is measured of layers of noise at the end of a run."""

    def check(self, experiment: Experiment) -> None:  # noqa: B027 (there may be nothing to check)
        """Raises ConfigError where the experiment lacks what is to be measured."""

    @abstractmethod
    def of(self, experiment: Experiment, params: Tensors, buffers: Tensors) -> Measured | None:
        """With these parameters and buffers; None where there is nothing to measure."""


class NoNoiseMeasures(NoiseMeasures):
    """Nothing."""

    def of(self, experiment: Experiment, params: Tensors, buffers: Tensors) -> None:
        """Nothing."""


class LayerMeasures(NoiseMeasures):
    """KL of each unit and place, its share in the box of the digit, and the activations of one layer.

    KL is measured with the noise off and the statistics of batch norm made anew without it, as the authors of
    Information Dropout do. The activations have their noise: their histogram, and the total correlation TC(z) of the
    layer (Achille and Soatto 2018, Figs. 1, 2 and 5).
    """

    def __init__(
        self,
        *,
        split: Literal["train", "validation", "test"],
        inputs: list[Annotated[int, Ge(0)]],
        activations: Annotated[str, StringConstraints(pattern=r"^(last|noise_\d+)$")] | None,
        samples: Annotated[int, Gt(1)] | None,
    ) -> None:
        self.split, self.inputs, self.activations, self.samples = split, inputs, activations, samples

    def check(self, experiment: Experiment) -> None:
        """Raises ConfigError for a split, an input or a layer that is not there. Without layers all is well."""
        layers, splits = _layers(experiment), experiment.data.splits
        if not layers:
            return
        if self.split not in splits:
            raise ConfigError(f"noise_measures.split={self.split}: the data have {', '.join(splits)}")
        count = len(splits[self.split])
        if beyond := [i for i in self.inputs if i >= count]:
            raise ConfigError(
                f"noise_measures.inputs={self.inputs}: the {self.split} split has samples 0 to {count - 1}, not "
                f"{beyond[0]}"
            )
        if self.activations not in (None, "last", *layers):
            raise ConfigError(
                f"noise_measures.activations={self.activations}: this network has {', '.join(layers)}: name one of "
                "them, or last"
            )

    def of(self, experiment: Experiment, params: Tensors, buffers: Tensors) -> Measured | None:
        """With these parameters and buffers; None of a model without layers of noise."""
        start, layers = time.monotonic(), _layers(experiment)
        if not layers:
            return None
        found = Measured(self.split, arrays={"layers": np.array(list(layers))})
        self._divergences(experiment, params, buffers, found)
        if self.activations is not None:
            name = list(layers)[-1] if self.activations == "last" else self.activations
            self._activations(experiment, params, buffers, layers[name], found)
        found.seconds = time.monotonic() - start
        return found

    def _divergences(self, experiment: Experiment, params: Tensors, buffers: Tensors, found: Measured) -> None:
        """KL of each unit, of the places of some inputs, and in the boxes."""
        layers = list(experiment.model.noise_weights)
        if not layers:
            return
        data, off = experiment.data, _noise_off(experiment, params, buffers)
        split = data.splits[self.split]
        sums: dict[str, Tensor] = {}
        shares = {layer: torch.zeros(2, dtype=torch.float64) for layer in layers}
        at = 0
        for p in self._passes(experiment, params, off, layers, None):
            rows = slice(at, at + len(p.y))
            at += len(p.y)
            for layer in layers:
                kl = p.weighed(needed(p.kept[layer].kl))
                total = kl.sum(0, dtype=torch.float64)
                sums[layer] = sums[layer] + total if layer in sums else total
                if split.boxes is not None and kl.dim() == 4:
                    shares[layer] += box_share(kl, split.boxes[rows], (split.x.shape[-2], split.x.shape[-1])).cpu()
        for layer in layers:
            found.arrays[f"{layer}/kl"] = (sums[layer] / len(split)).float().cpu().numpy()
            if float(shares[layer][1]) > 0:
                found.measures[f"box_share_{layer}"] = float(shares[layer][0] / shares[layer][1])
        self._maps(experiment, params, off, layers, found)

    def _maps(self, experiment: Experiment, params: Tensors, off: Tensors, layers: list[str], found: Measured) -> None:
        """KL at each place of some inputs, with these inputs and their boxes."""
        if not self.inputs:
            return
        split = experiment.data.splits[self.split]
        members = torch.tensor(self.inputs, device=experiment.data.device)
        kept = list(self._passes(experiment, params, off, layers, members))
        for layer in layers:
            kl = torch.cat([needed(p.kept[layer].kl) for p in kept])
            if kl.dim() == 4:
                found.arrays[f"{layer}/maps"] = places(kl).float().cpu().numpy()
        found.arrays["inputs"] = split.x[members].cpu().numpy()
        found.arrays["numbers"] = np.array(self.inputs)
        if split.boxes is not None:
            found.arrays["boxes"] = split.boxes[members].cpu().numpy()

    def _activations(
        self, experiment: Experiment, params: Tensors, buffers: Tensors, layer: NoiseLayer, found: Measured
    ) -> None:
        """Histogram and total correlation of a layer's noisy activations."""
        count = len(experiment.data.splits[self.split])
        chosen = generator(experiment.data.device, experiment.settings.seed, "noise measures", "samples")
        members = torch.randperm(count, generator=chosen, device=experiment.data.device)[: self.samples]
        parts = self._passes(experiment, params, buffers, [layer.name], members)
        z = torch.cat([p.kept[layer.name].activation.flatten(1).float() for p in parts])
        found.estimates.extend(total_correlation(z, layer.name))
        found.arrays |= {f"activations/{name}": array for name, array in histograms(z).items()}
        found.arrays["activations/layer"] = np.array(layer.name)
        prior = getattr(layer, "prior", None)
        path = next(name for name, module in experiment.model.named_modules() if module is layer)
        if prior is not None and f"{path}.prior.mean" in params:
            mean, log_deviation = (params[f"{path}.prior.{name}"].item() for name in ("mean", "log_deviation"))
            found.arrays["activations/prior"] = np.array([mean, np.exp(log_deviation)])

    def _passes(
        self, experiment: Experiment, params: Tensors, buffers: Tensors, keep: list[str], members: Tensor | None
    ) -> Iterator[Pass]:
        settings = experiment.settings
        found = passes(
            experiment.model,
            experiment.data,
            self.split,
            params=params,
            buffers=buffers,
            noise=generator(experiment.data.device, settings.seed, "noise measures", "noise"),
            precision=settings.precision,
            batch_size=min(settings.eval_batch_size, BATCH),
            members=members,
            keep=keep,
        )
        for p in found:
            yield p
            if (signal := experiment.stop()) is not None:
                raise Interrupted(signal)


def record_layers(experiment: Experiment, epoch: int, params: Tensors, buffers: Tensors) -> Measured | None:
    """Measure at the end of a run, and write the arrays and the estimates into its folder. Raises Interrupted."""
    found = experiment.noise_measures.of(experiment, params, buffers)
    if found is None:
        return None
    content = io.BytesIO()
    np.savez_compressed(content, **found.arrays)
    write_atomically(experiment.records.folder / NOISE_LAYERS, content.getvalue())
    lines = [{"epoch": epoch, "split": found.split} | asdict(each) for each in found.estimates]
    for line in lines:
        experiment.records.estimates.append(line)
    for observer in experiment.observers if lines else ():
        observer.estimated(lines)
    return found


def _layers(experiment: Experiment) -> dict[str, NoiseLayer]:
    """The layers of noise by name, from the input up."""
    return {module.name: module for module in experiment.model.modules() if isinstance(module, NoiseLayer)}


def _noise_off(experiment: Experiment, params: Tensors, buffers: Tensors) -> Tensors:
    """The buffers of a pass without noise, batch norm's statistics made anew."""
    model, settings = experiment.model, experiment.settings
    off = {name: buffer.clone() for name, buffer in model.without_noise(buffers).items()}
    if not has_batch_norm(model):
        return off
    size = min(settings.batch_size, len(experiment.data.splits["train"]))
    return batch_statistics(model, experiment.data, params, off, precision=settings.precision, batch_size=size)
