"""A classifier of a label, trained on the frozen representation of a finished run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from annotated_types import Gt, MinLen
from torch import Tensor

from ib_cli.contracts.errors import ConfigError, RunFailedError
from ib_cli.contracts.passes import Spec
from ib_cli.datasets.data import Data, Split
from ib_cli.datasets.normalisation import fit
from ib_cli.engine.seeds import generator
from ib_cli.experiment.experiment import Experiment, Finished
from ib_cli.experiment.finished_run import FinishedRun
from ib_cli.experiment.procedure import Procedure
from ib_cli.procedures.fit.fit import Fit
from ib_cli.procedures.representation import Representation

OWN = "y"  # the name of y where the data give it none


class NuisanceProbe(Procedure):
    """Fits the experiment's model to (z, label), z being the representation of the run in the folder `run`.

    Its error tells how much of the label the representation still holds: Information Dropout asks it of a nuisance that
    occludes the object (Achille and Soatto 2018, Fig. 4). Noisy training samples are drawn anew for every batch, those
    of the other splits once, so the error is that of a single draw.
    """

    name = "nuisance_probe"
    trains_together = True

    def __init__(
        self,
        *,
        run: Annotated[str, MinLen(1)],
        digest: str | None,
        layer: Annotated[str, MinLen(1)],
        noise: Literal["on", "off"],
        label: Annotated[str, MinLen(1)],
        normalise: Literal["standard", "none"],
        patience: Annotated[int, Gt(0)] | None,
        watch: str,
    ) -> None:
        self.run_folder, self.layer, self.noise, self.label = run, layer, noise, label
        self.normalise: Literal["standard", "none"] = normalise
        self.fit = Fit(patience=patience, watch=watch)

    @property
    def measure(self) -> str:
        """The error's name in the measured run's row: `nuisance_error`, with layer and noise where not the usual."""
        layer = "" if self.layer == "z" else f"_{self.layer}"
        return f"{self.label}_error{layer}{'' if self.noise == 'on' else '_noise_off'}"

    def data(self, measured: FinishedRun) -> Data:
        """Splits of the representation, with the label for y. Raises ConfigError for a label that the data lack."""
        labels, classes = self._labels(measured)
        z = Representation(measured, self.layer, self.noise == "on")
        splits = {}
        for name, split in measured.data.splits.items():
            noise = generator(measured.data.device, measured.settings.seed, "representation", name)
            splits[name] = Split(z.of_split(name, noise), labels[name], split.weight)
        x = splits["train"].x
        return Data(
            Spec(tuple(x.shape[1:]), classes, len(x), None, None),
            splits,
            fit(self.normalise, x, None),
            (lambda indices, noise: z.of("train", indices, noise)) if z.drawn else None,
            doubts=measured.data.doubts,
        )

    def _labels(self, measured: FinishedRun) -> tuple[dict[str, Tensor], int]:
        """The label of each split's samples, (N,), and the number of its classes."""
        data, named = measured.data, measured.data.spec.labels
        if self.label in named:
            return {name: split.labels[self.label] for name, split in data.splits.items()}, named[self.label]
        key = f"procedure.label={self.label}"
        if data.spec.classes is None:
            raise ConfigError(f"{key}: the y of {measured.folder} is continuous, and no label")
        if self.label != OWN:
            there = ", ".join([*named, OWN])
            raise ConfigError(f"{key}: the data of {measured.folder} have no such label; there are {there}")
        return {name: split.y for name, split in data.splits.items()}, data.spec.classes

    def check(self, experiment: Experiment) -> None:
        """Raises ConfigError where early stopping has nothing to watch, or the objective predicts no label."""
        if experiment.model.classifier is None:
            name = experiment.config["objective"]["name"]
            raise ConfigError(f"objective={name}: trains no classifier, which a probe is: leave objective out")
        self.fit.check(experiment)

    def run(self, experiment: Experiment, checkpoint: dict[str, Any] | None) -> Finished:
        """Train to the end."""
        return self._told(self.fit.run(experiment, checkpoint))

    def together(
        self, experiments: Sequence[Experiment], checkpoints: Sequence[dict[str, Any] | None]
    ) -> Iterator[tuple[int, Finished | RunFailedError]]:
        """Train several probes of one run at once."""
        for number, end in self.fit.together(experiments, checkpoints):
            yield number, self._told(end) if isinstance(end, Finished) else end

    def _told(self, finished: Finished) -> Finished:
        """With the error as a measure of the measured run."""
        errors = {split: {self.measure: found["error"]} for split, found in finished.measures.items()}
        return replace(finished, of_measured=errors)

    def parameters(self, experiment: Experiment, checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
        """Those of `fit`."""
        return self.fit.parameters(experiment, checkpoint)
