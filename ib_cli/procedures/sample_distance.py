"""How far the samples of a finished run are from its data, by the features of a classifier that was trained here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge, Interval, MinLen
from torch import Tensor

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.labels import counted
from ib_cli.contracts.noise import Planner
from ib_cli.contracts.passes import Batch, needed
from ib_cli.engine.generation import decoded, draws_of_prior
from ib_cli.engine.loss import forward
from ib_cli.engine.seeds import generator
from ib_cli.estimators.frechet import frechet_distance
from ib_cli.experiment.experiment import Experiment, Finished
from ib_cli.experiment.finished_run import FinishedRun
from ib_cli.experiment.procedure import Procedure
from ib_cli.experiment.recording import Clock, record, stop_if_asked
from ib_cli.procedures.representation import nothing_dropped


class SampleDistance(Procedure):
    """Judges samples E d(x|z), z ~ m(z), of the run in the folder `run` by the finished classifier in `classifier`.

    `sample_distance` is the squared Fréchet distance of its features between `samples` of them and the samples of
    `split` (Heusel et al. 2017, eq. 6, whose features are those of another network: compare with one classifier and one
    number of samples only). `data_distance` is that of as many training samples, in place of the model's (of all, where
    there are fewer, which a doubt says); the distance of these and the model's samples is `sample_distance` of train.
    Features are z of the classifier, without noise; a label is the one that it finds most probable.

    `share_3` is the share of the samples with label 3, `least_share` the least of them, and `sample_classes` the number
    of labels with a share of `least` or more.
    """

    name = "sample_distance"
    trains_model = False
    samples_weights = True

    def __init__(
        self,
        *,
        run: Annotated[str, MinLen(1)],
        digest: str | None,
        classifier: Annotated[str, MinLen(1)],
        classifier_digest: str | None,
        samples: Annotated[int, Ge(2)],
        split: Literal["test", "validation"],
        least: Annotated[float, Interval(gt=0, le=1)],
    ) -> None:
        self.run_folder, self.classifier, self.samples = run, classifier, samples
        self.split: str = split
        self.least = least

    def check(self, experiment: Experiment) -> None:
        """Raises ConfigError where the run makes no samples, or the classifier cannot judge them."""
        measured, judge = needed(experiment.measured), needed(experiment.judge)
        run, key = f"procedure.run={measured.folder}", f"procedure.classifier={self.classifier}"
        if not measured.model.generates:
            raise ConfigError(f"{run}: makes no samples: it has no decoder, or no m(z) that can be drawn from")
        if self.split not in measured.data.splits:
            raise ConfigError(f"procedure.split={self.split}: the run's data have {', '.join(measured.data.splits)}")
        for name in ("train", self.split):
            if len(measured.data.splits[name]) < 2:
                raise ConfigError(f"{run}: its {name} split has 1 sample, and a distance needs 2 or more")
        if judge.model.classifier is None or judge.data.spec.classes is None:
            raise ConfigError(f"{key}: is no classifier of labels: name a finished run of objective=ce, for example")
        here, there = judge.data.spec.input_shape, measured.data.spec.input_shape
        if here != there:
            shapes = ["×".join(map(str, shape)) for shape in (here, there)]
            raise ConfigError(f"{key}: sees {shapes[0]}, and the run makes {shapes[1]}: they must be alike")
        for folder, run_of in ((run, measured), (key, judge)):
            if run_of.data.whitening is not None:
                raise ConfigError(f"{folder}: its images are whitened, so samples cannot be turned into the other's")

    def facts(self, experiment: Experiment) -> Mapping[str, str]:
        """What is compared; no model is trained."""
        size = len(needed(experiment.measured).data.splits[self.split])
        return {
            "samples": f"{self.samples:,} against {size:,} of the {self.split} split",
            "features": f"z of {self.classifier}",
            "model": "that of the run",
        }

    def run(self, experiment: Experiment, checkpoint: dict[str, Any] | None) -> Finished:
        """Draw, judge and measure. There is no checkpoint to go on from; raises Interrupted."""
        clock = Clock()
        measured, judge = needed(experiment.measured), needed(experiment.judge)

        def judged(images: Iterator[Tensor]) -> tuple[Tensor, Tensor]:
            features, labels = zip(*(_judged(judge, _as_seen_by(judge, measured, x)) for x in images))
            return torch.cat(features), torch.cat(labels)

        made, labels = judged(self._made(experiment, measured))
        data, _ = judged(self._of(experiment, measured, self.split, None))
        train, _ = judged(self._of(experiment, measured, "train", self.samples))
        found = {
            "sample_distance": frechet_distance(made, data),
            "data_distance": frechet_distance(train, data),
            **self._shares(labels, needed(judge.data.spec.classes)),
        }
        of_train = {"sample_distance": frechet_distance(made, train)}
        measures: dict[str, dict[str, float]] = {"train": of_train, self.split: found}
        for split, each in measures.items():
            record(experiment, 0, 0, split, each)
        doubts = self._doubts(len(data), len(train), data.shape[1])
        if bool((torch.cat([train, data]) == data[:1]).all()):
            doubts.append(
                f"procedure.classifier={self.classifier}: its features are the same for all of the data, so distances "
                "by them say nothing"
            )
        return Finished(
            epochs=0, seconds=clock.read(), measures=measures, of_measured={self.split: found}, doubts=doubts
        )

    def _doubts(self, of_split: int, of_train: int, features: int) -> list[str]:
        """What the distances cannot be compared by."""
        told = []
        if of_train < self.samples:
            told.append(
                f"data_distance is of the {counted(of_train, 'training sample')} there are, and sample_distance of "
                f"{self.samples:,}: fewer samples are farther away"
            )
        if (fewest := min(of_split, of_train, self.samples)) <= features:
            told.append(
                f"distances of {fewest:,} samples by {counted(features, 'feature')} are mostly chance: "
                "procedure.samples and the split must have many more"
            )
        return told

    def _made(self, experiment: Experiment, measured: FinishedRun) -> Iterator[Tensor]:
        """The run's samples, as its decoder makes them."""
        noise = generator(measured.data.device, experiment.settings.seed, "samples")
        z = draws_of_prior(measured.model, measured.params, measured.buffers, self.samples, noise)
        for part in z.split(experiment.settings.eval_batch_size):
            yield decoded(measured.model, measured.params, measured.buffers, part)
            stop_if_asked(experiment)

    def _of(self, experiment: Experiment, measured: FinishedRun, split: str, count: int | None) -> Iterator[Tensor]:
        """Samples of a split as the run sees them: all, or the first `count` of them, in an order of `seed`."""
        data = measured.data
        order = generator(data.device, experiment.settings.seed, "order of samples", split)
        chosen = torch.randperm(len(data.splits[split]), generator=order, device=data.device)[:count]
        for indices in chosen.split(experiment.settings.eval_batch_size):
            yield data.batch(split, indices).x
            stop_if_asked(experiment)

    def _shares(self, labels: Tensor, classes: int) -> dict[str, float]:
        shares = (torch.bincount(labels, minlength=classes).double() / len(labels)).tolist()
        return {
            "sample_classes": float(sum(share >= self.least for share in shares)),
            "least_share": min(shares),
            **{f"share_{label}": share for label, share in enumerate(shares)},
        }

    def parameters(self, experiment: Experiment, checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
        """Raises ValueError: there is no trained model."""
        raise ValueError(f"procedure={self.name} trains no model")


def _as_seen_by(judge: FinishedRun, measured: FinishedRun, x: Tensor) -> Tensor:
    """x of the run as the classifier sees it: back to stored values by the one's map, and on by the other's."""
    return judge.data.affine(measured.data.affine.inverse(x))


@torch.no_grad()
def _judged(judge: FinishedRun, x: Tensor) -> tuple[Tensor, Tensor]:
    """Features (n, F) and the most probable label (n,) of x by the classifier, without noise."""
    model = judge.model
    buffers = model.without_noise(judge.buffers) | nothing_dropped(model)
    batch = Batch(x, torch.zeros(len(x), dtype=torch.int64, device=x.device))
    only = frozenset({"label_density"})
    p = forward(model, judge.params, buffers, batch, Planner(x.device), 1, judge.settings.precision, only)
    probable = p.of_samples(p.expected(needed(p.class_logits).softmax(-1))).argmax(-1)
    return (p.z[0] if p.z_weight is None else p.z_weight.T).float(), probable
