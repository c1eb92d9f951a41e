"""Scores of how new a sample is to a trained model, and how well they tell new samples from known ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ib_cli.contracts.errors import RunFailedError
from ib_cli.contracts.passes import Pass, needed
from ib_cli.functionals import functionals

SUM = "sum"  # the name of the sum of all scores
MEASURES = ("auroc", "auprc")
ROUNDING = 1e-6  # of a mean: a deviation below it is float32's rounding of a sum, and says nothing of the samples
LARGEST = 1e300  # stands for infinity: ranks stay, and a sum of some is finite
Scores = Mapping[str, np.ndarray]  # name → (N,) float64


def scores(p: Pass, encodes: bool) -> dict[str, Tensor]:
    """Scores of each sample of a pass by name, (B,): the larger, the newer. Those that the model has no part for lack.

    D, the distortion, and R, the KL of q(z|x) from m(z), in nats (Variational Glasses, §4.3); `critic_z` and
    `critic_x`, −T of the critic of z and of x: T → ln p/q is large where samples look like the data; H, the entropy of
    E c(y|z) in nats. `encodes`: whether z depends on x; without that, only the critic of x says something of x.
    """
    found: dict[str, Tensor] = {}
    if encodes:
        known = functionals()
        found |= {name: known[name].nats(p) for name in ("D", "R") if known[name].measurable(p)}
        if p.judged_z is not None:
            found["critic_z"] = -p.judged_z.of_p
    if p.judged_x is not None:
        found["critic_x"] = -p.judged_x.of_p
    if encodes and p.class_logits is not None and needed(p.classes) > 1:
        found["H"] = torch.special.entr(p.expected(p.class_logits.softmax(-1))).sum(-1)
    return found


@dataclass(frozen=True)
class Scale:
    """Mean and deviation of each score over the training samples."""

    mean: Mapping[str, float]
    deviation: Mapping[str, float]
    still: tuple[str, ...] = ()  # the scores that do not vary

    @classmethod
    def of(cls, train: Scores) -> Scale:
        """Of finite values alone; a score that changes by rounding alone has deviation 1, in nats."""
        finite = {name: values[np.isfinite(values)] for name, values in train.items()}
        mean = {name: float(values.mean()) if len(values) else 0.0 for name, values in finite.items()}
        deviation = {name: float(values.std()) if len(values) else 0.0 for name, values in finite.items()}
        still = {name for name, value in deviation.items() if value <= ROUNDING * abs(mean[name])}
        return cls(mean, {name: 1.0 if name in still else value for name, value in deviation.items()}, tuple(still))

    @property
    def doubts(self) -> list[str]:
        """A line where scores do not vary in training, so that the sum has no scale for them."""
        if not self.still:
            return []
        names = " and ".join(sorted(self.still))
        vary = "does" if len(self.still) == 1 else "do"
        return [
            f"{names} {vary} not vary over the training samples: the sum has no deviation to divide by, and takes 1"
        ]

    def with_sum(self, found: Scores) -> dict[str, np.ndarray]:
        """The scores and their `sum`, Σ (score − mean)/deviation: each counts by how it varies in training."""
        parts = [bounded((values - self.mean[name]) / self.deviation[name]) for name, values in found.items()]
        return {**found, SUM: np.sum(parts, 0)}


def bounded(values: np.ndarray) -> np.ndarray:
    """The values with ±LARGEST for what lies beyond."""
    return np.clip(values, -LARGEST, LARGEST)


def checked(found: Scores, which: str) -> None:
    """Raises RunFailedError where a score is not a number."""
    for name, values in found.items():
        if count := int(np.isnan(values).sum()):
            raise RunFailedError(f"the score {name} of {count} of {len(values)} {which} samples is not a number")


def detection(known: np.ndarray, new: np.ndarray) -> tuple[float, float]:
    """AUROC and AUPRC of scores, by scikit-learn, new samples being the positives.

    AUROC is the probability that a new sample has the larger score, AUPRC the average precision, which depends on the
    share of new samples: it is that share for scores that say nothing.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score  # here, as it takes a second

    is_new = np.concatenate([np.zeros(len(known)), np.ones(len(new))])
    values = bounded(np.concatenate([known, new]))
    return float(roc_auc_score(is_new, values)), float(average_precision_score(is_new, values))


def detections(known: Scores, new: Scores, classes: np.ndarray) -> tuple[dict[str, float], dict[str, float]]:
    """AUROC and AUPRC by name: of all new samples with the mean over their classes; and of each class.

    `auroc_D`: all new samples together; `auroc_D_class_3`: those of class 3; `auroc_D_mean`: the mean over the classes.
    `classes`: the class of each new sample, (M,). Known samples are the same for all.
    """
    told: dict[str, float] = {}
    of_classes: dict[str, float] = {}
    for name, values in known.items():
        of_class = {int(each): detection(values, new[name][classes == each]) for each in np.unique(classes)}
        for measure, whole, each_one in zip(MEASURES, detection(values, new[name]), zip(*of_class.values())):
            told |= {f"{measure}_{name}": whole, f"{measure}_{name}_mean": float(np.mean(each_one))}
            of_classes |= {f"{measure}_{name}_class_{label}": value for label, value in zip(of_class, each_one)}
    return told, of_classes
