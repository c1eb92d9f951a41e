"""Auto-encoders against pythae: the same networks, images, batches, rate and epochs, one thread each, in turns.

Times are of the processor.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from benchmarks.autoencoders.cases import CASES, Case
from benchmarks.autoencoders.peer import Peer, translated
from benchmarks.autoencoders.sample_distance import CLASSIFIER, SampleDistance, samples
from benchmarks.experiments import Solo, made
from benchmarks.measure import Options, short
from ib_cli.experiment.evaluation import Evaluation
from ib_cli.experiment.experiment import Experiment

TITLE = "Auto-encoders against pythae"
MOST_TIME = 0.6  # ours/theirs
SLACK, SLACK_OF_DISTANCE = 0.5, 1.1  # nats that ours may be worse by; and the factor
CLASSIFIER_EPOCHS, SEED = 5, 0


Distance = Callable[[Tensor], float]  # of samples from the test images


class Cells(NamedTuple):
    """A row as it is printed; `ours / theirs` in each cell but the first and last two."""

    case: str
    seconds: str
    ratio: str
    bound: str
    D: str
    distance: str
    worse: str


HEADER = Cells(
    "case; ours / pythae", "processor s an epoch", "ratio (least–greatest), ≤ 0.6", "−ELBO, nats", "D, nats",
    "sample distance", "not met",
)  # fmt: skip


class Quality(NamedTuple):
    """What the test images tell of a trained model."""

    bound: float | None  # nats; None: this model has none
    D: float  # nats
    distance: float  # of its samples


@dataclass(frozen=True)
class Beside:
    """Ours and pythae's of one case."""

    case: str
    pairs: list[tuple[float, float]]  # processor seconds of an epoch: ours, theirs
    ours: Quality
    theirs: Quality
    minimises_bound: bool = True

    @property
    def values(self) -> dict[str, object]:
        """All that was measured."""
        return {"seconds": self.pairs, "ours": self.ours._asdict(), "theirs": self.theirs._asdict()}

    @property
    def ratios(self) -> list[float]:
        return [ours / theirs for ours, theirs in self.pairs]

    @property
    def worse(self) -> list[str]:
        """What ours does not meet."""
        found = ["time"] if median(self.ratios) > MOST_TIME else []
        if self.minimises_bound and self.ours.bound is not None and self.theirs.bound is not None:
            found += ["−ELBO"] if self.ours.bound > self.theirs.bound + SLACK else []
        found += ["D"] if self.ours.D > self.theirs.D + SLACK else []
        return found + (["distance"] if self.ours.distance > SLACK_OF_DISTANCE * self.theirs.distance else [])

    @property
    def met(self) -> bool:
        """Whether ours is as good in all of them."""
        return not self.worse

    def cells(self) -> Cells:
        """Medians of the seconds; the median, least and greatest of the ratios; both sides' measures."""
        seconds = " / ".join(f"{median(side):.2f}" for side in zip(*self.pairs))
        ratios = self.ratios
        ratio = f"{short(median(ratios))} ({short(min(ratios))}–{short(max(ratios))})"
        found = {name: _both(getattr(self.ours, name), getattr(self.theirs, name)) for name in Quality._fields}
        return Cells(self.case, seconds, ratio, **found, worse=", ".join(self.worse) or "–")


def _both(ours: float | None, theirs: float | None) -> str:
    return "–" if ours is None or theirs is None else f"{ours:.2f} / {theirs:.2f}"


def turns(options: Options) -> int:
    """Timed turns of each row: the first epoch is a warm-up."""
    return options.epochs - 1


def rows(options: Options) -> Iterator[Beside]:
    """A row for each case."""
    assert options.peer is not None  # the command has checked it
    torch.set_num_threads(1)
    data = ("dataset=mnist", f"dataset.root={options.root}", "dataset.download=false")
    data = data if options.images is None else (*data, f"dataset.train_size={options.images}")
    whole = data[:3]  # the classifier knows all images, however few the models are trained on
    distance = SampleDistance(made(*CLASSIFIER, *whole), CLASSIFIER_EPOCHS)
    with TemporaryDirectory() as name:
        folder = Path(name)
        for case in CASES:
            yield beside(case, data, distance, options, folder)


def beside(case: Case, data: tuple[str, ...], distance: Distance, options: Options, folder: Path) -> Beside:
    """Train both, epoch by epoch in turns, and measure them on the test images."""
    assert options.peer is not None
    ours = made(*case.words(), *data, f"seed={SEED}")
    images = folder / "images.npz"
    np.savez(images, train=ours.data.splits["train"].x.numpy())
    training, pairs = Solo(ours), []
    with Peer(options.peer, case, images, options.epochs, SEED) as peer:
        for _ in range(options.epochs):
            pairs.append((processor_seconds(training.step), peer.epoch()))
        theirs = peer.parameters(folder / "parameters.npz")
    of_ours = quality(ours, case, distance)
    ours.model.load_state_dict(translated(theirs, ours.model))
    of_theirs = quality(ours, case, distance)
    return Beside(case.name, pairs[1:], of_ours, of_theirs, case.minimises_bound)


def processor_seconds(work: Callable[[], object]) -> float:
    """Of this process. With one thread that is the time on an idle machine, whatever else a busy one does."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def quality(experiment: Experiment, case: Case, distance: Distance) -> Quality:
    """The present model's measures, by our evaluation."""
    model = experiment.model
    found = Evaluation(experiment).of(dict(model.named_parameters()), "test", buffers=dict(model.named_buffers()))
    bound = sum(found[name] for name in case.bound) if case.bound else None
    return Quality(bound, found["D"], distance(samples(experiment)))
