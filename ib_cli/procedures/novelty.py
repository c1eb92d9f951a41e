"""How new samples of other classes, or of another data set, are to a finished run."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
import torch
from annotated_types import Gt, MinLen
from torch import Tensor

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.labels import counted
from ib_cli.contracts.passes import needed
from ib_cli.datasets.binarised import binarised
from ib_cli.datasets.data import Data, Split
from ib_cli.datasets.dataset import Arrays
from ib_cli.datasets.transfer import Set, published
from ib_cli.engine.passes import passes
from ib_cli.engine.seeds import generator
from ib_cli.experiment.damage import NOVELTY
from ib_cli.experiment.evaluation import Evaluation
from ib_cli.experiment.experiment import Experiment, Finished
from ib_cli.experiment.finished_run import FinishedRun
from ib_cli.experiment.procedure import Procedure
from ib_cli.experiment.recording import Clock, record, stop_if_asked
from ib_cli.procedures.novelty_scores import Scale, checked, detections, scores
from ib_cli.system.atomic import write_atomically

OTHERS = "others"  # the split of what is new
CLASS = "class"  # the name of its labels


class Novelty(Procedure):
    """Scores the test samples of the run in the folder `run`, and test samples that are new to it.

    New are the classes that the run's `dataset.classes` leaves out, or the data set `others`, which the run's own map
    normalises. A score is D, R, a critic's or the entropy of the predicted label (`novelty_scores.scores`), a mean over
    `samples` draws of z; and their sum, each less its mean and over its deviation on the run's train split. AUROC and
    AUPRC tell how well it separates both (Variational Glasses, §4.3).

    The scores of each sample go to `novelty.npz` in the folder of this measurement: train_D, test_D, others_D (N,) and
    so on, test_class and others_class, labels as the data give them.
    """

    name = "novelty"
    trains_model = False
    samples_weights = True

    def __init__(
        self,
        *,
        run: Annotated[str, MinLen(1)],
        digest: str | None,
        others: Set | None,
        samples: Annotated[int, Gt(0)] | None,
        root: str | None,
        download: bool,
    ) -> None:
        self.run_folder, self.others, self.samples = run, others, samples
        self.root, self.download = root, download

    def data(self, measured: FinishedRun) -> Data:
        """The run's train and test split, and `others`. Raises ConfigError where nothing is new or fits the model."""
        splits = {name: measured.data.splits[name] for name in ("train", "test")}
        return replace(measured.data, splits={**splits, OTHERS: self._new(measured)}, way=None)

    def _new(self, measured: FinishedRun) -> Split:
        """What is new, stored as the run's data are. y is 0, as the model may know no other; labels hold the class."""
        split = self._left_out(measured) if self.others is None else self._published(measured)
        data, x = measured.data, split.x.to(measured.data.device)
        if data.whitening is not None:
            x = data.whitening(x)
        known = data.splits["test"].y
        y = known.new_zeros(len(x), *known.shape[1:])
        return Split(x, y, labels={CLASS: split.y.to(data.device)})

    def _left_out(self, measured: FinishedRun) -> Split:
        key = f"procedure.run={measured.folder}"
        remedy = "name another data set by procedure.others"
        if measured.dataset is None:
            raise ConfigError(f"{key}: its data have no labels to choose by: {remedy}")
        try:
            return measured.dataset.left_out()[0]
        except ConfigError as error:
            raise ConfigError(f"{key}: {error}: {remedy}, or train on some classes by dataset.classes") from None

    def _published(self, measured: FinishedRun) -> Split:
        """The test samples of the data set `others`."""
        assert self.others is not None
        key, config = f"procedure.others={self.others}", measured.config["dataset"]
        if self.others in (config["_target_"], config.get("of")):
            raise ConfigError(f"{key}: the run was trained on these data: leave it out to score the classes left out")
        root = self.root or config.get("root") or os.environ.get("IB_DATA", "data")
        try:
            arrays = published(self.others, root, self.download).read()
        except ConfigError as error:
            told = str(error)
            for name in ("root", "download"):  # keys of this procedure here
                told = told.replace(f"dataset.{name}", f"procedure.{name}")
            raise ConfigError(f"{key}: {told}") from None
        if config.get("binarise"):
            arrays = binarised(arrays, config["seed"])
        self._check_alike(key, arrays, measured)
        return arrays.test

    def _check_alike(self, key: str, arrays: Arrays, measured: FinishedRun) -> None:
        """Raises ConfigError for samples that the run's map from stored values, or its model, cannot take."""
        spec, stored = measured.data.spec, measured.data.splits["test"].x
        here, there = tuple(arrays.test.x.shape[1:]), spec.input_shape
        if here != there:
            shapes = ["×".join(map(str, shape)) for shape in (here, there)]
            raise ConfigError(
                f"{key}: its samples are {shapes[0]}, and those of the run are {shapes[1]}: they must be alike"
            )
        as_stored = measured.data.whitening is not None or (
            stored.dtype == arrays.test.x.dtype and spec.levels in (None, arrays.levels)
        )
        if not as_stored:
            raise ConfigError(
                f"{key}: has pixels of {arrays.levels} levels, and the run's data have not: they must be stored alike"
            )

    def check(self, experiment: Experiment) -> None:
        """Raises ConfigError where the run's model has no part that scores a sample."""
        measured, one = needed(experiment.measured), torch.zeros(1, dtype=torch.int64, device=experiment.data.device)
        settings = measured.settings
        noise = generator(experiment.data.device, settings.seed, "novelty")
        (p,) = passes(
            measured.model, experiment.data, "train", params=measured.params, buffers=measured.buffers, noise=noise,
            precision=settings.precision, batch_size=1, members=one,
        )  # fmt: skip
        if not scores(p, measured.model.encodes):
            raise ConfigError(
                f"procedure.run={measured.folder}: has no decoder, no rate, no critic and no classifier of several "
                "labels, so nothing that scores a sample"
            )

    def facts(self, experiment: Experiment) -> Mapping[str, str]:
        """What is new; no model is trained."""
        what = self.others or "other classes of its data"
        return {
            "new": f"{what}, {counted(len(experiment.data.splits[OTHERS]), 'test sample')}",
            "model": "that of the run",
        }

    def run(self, experiment: Experiment, checkpoint: dict[str, Any] | None) -> Finished:
        """Score, measure and save. There is no checkpoint to go on from; raises RunFailedError, Interrupted."""
        clock = Clock()
        found = {split: self._scored(experiment, split) for split in experiment.data.splits}
        scale = Scale.of(found["train"])
        found = {split: scale.with_sum(each) for split, each in found.items()}
        classes = self._classes(experiment)
        self._save(experiment, found, classes)
        told, of_classes = detections(found["test"], found[OTHERS], classes[OTHERS])
        measures = {
            "train": _means(found["train"]),
            "test": {
                **_means(found["test"]),
                **{f"{name}_{OTHERS}": value for name, value in _means(found[OTHERS]).items()},
                **told,
                **of_classes,
            },
        }
        for split, each in measures.items():
            record(experiment, 0, 0, split, each)
        ending = "" if self.others is None else f"_{self.others}"
        joining = {f"{name}{ending}": value for name, value in told.items()}
        return Finished(
            epochs=0, seconds=clock.read(), measures=measures, of_measured={"test": joining}, doubts=scale.doubts
        )

    def _scored(self, experiment: Experiment, split: str) -> dict[str, np.ndarray]:
        """The scores of a split's samples, (N,) each."""
        measured = needed(experiment.measured)
        settings = replace(
            measured.settings, seed=experiment.settings.seed, eval_batch_size=experiment.settings.eval_batch_size
        )
        run = replace(measured.experiment, data=experiment.data, settings=settings)
        evaluation = Evaluation(run, samples=self.samples)
        encodes = measured.model.encodes
        buffers = {name: value.clone() for name, value in measured.buffers.items()}  # refreshed in place
        rows = evaluation.of_samples(measured.params, split, buffers, lambda p: scores(p, encodes))
        stop_if_asked(experiment)
        found = {name: values.double().cpu().numpy() for name, values in rows.items()}
        checked(found, split)
        return found

    def _classes(self, experiment: Experiment) -> dict[str, np.ndarray]:
        """The class of each sample of `others` and, where y is a label, of `test`, as the data label it."""
        measured, splits = needed(experiment.measured), experiment.data.splits
        found = {OTHERS: splits[OTHERS].labels[CLASS].cpu().numpy()}
        if measured.data.spec.classes is not None:
            own = splits["test"].y.cpu()
            seen = None if measured.dataset is None else measured.dataset.seen
            found["test"] = (own if seen is None else torch.tensor(seen)[own]).numpy()
        return found

    def _save(
        self, experiment: Experiment, found: Mapping[str, Mapping[str, np.ndarray]], classes: Mapping[str, np.ndarray]
    ) -> None:
        arrays: dict[str, Any] = {f"{split}_{name}": rows for split, of in found.items() for name, rows in of.items()}
        arrays |= {f"{split}_{CLASS}": rows for split, rows in classes.items()}
        content = io.BytesIO()
        np.savez_compressed(content, **arrays)
        write_atomically(experiment.records.folder / NOVELTY, content.getvalue())

    def parameters(self, experiment: Experiment, checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
        """Raises ValueError: there is no trained model."""
        raise ValueError(f"procedure={self.name} trains no model: its scores are in {NOVELTY}")


def _means(found: Mapping[str, np.ndarray]) -> dict[str, float]:
    """The mean of each score over the samples where it is finite."""
    finite = {name: values[np.isfinite(values)] for name, values in found.items()}
    return {name: float(values.mean()) for name, values in finite.items() if len(values)}
