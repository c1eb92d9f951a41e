"""What procedures that measure laws of thermodynamics have in common: their lines, and the other splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ib_cli.experiment.evaluation import Evaluation
from ib_cli.experiment.experiment import Experiment
from ib_cli.system.atomic import as_json, write_atomically
from ib_cli.system.signals import Interrupted

FILE = "thermodynamics.jsonl"


@dataclass(frozen=True)
class Samples:
    """Parameters and buffers of several chains on a leading axis, as `Evaluation.of_stack` reads them."""

    evaluated_params: dict[str, Tensor]
    buffers: dict[str, Tensor]


def write_laws(experiment: Experiment, lines: Sequence[Mapping[str, Any]]) -> None:
    """thermodynamics.jsonl in the run's folder: law, quantity, predicted, measured, stderr; `ib-report` reads it."""
    write_atomically(experiment.records.folder / FILE, "".join(as_json(dict(line)) + "\n" for line in lines))


def record(experiment: Experiment, line: dict[str, Any]) -> None:
    """A line of metrics.jsonl, told to the observers."""
    experiment.records.metrics.append(line)
    for observer in experiment.observers:
        observer.evaluated(line)


def held_out(experiment: Experiment, params: dict[str, Tensor], epoch: int) -> dict[str, dict[str, float]]:
    """Means over chains of the measures of each split but train, given their parameters (M, …); recorded."""
    M = len(next(iter(params.values())))
    buffers = {name: value.expand(M, *value.shape).clone() for name, value in experiment.model.named_buffers()}
    evaluation, means = Evaluation(experiment), {}
    for split in (name for name in experiment.data.splits if name != "train"):
        found = evaluation.of_stack(Samples(params, buffers), split, [experiment] * M)
        means[split] = {name: sum(each[name] for each in found) / M for name in found[0]}
        record(experiment, {"epoch": epoch, "step": 0, "split": split, **means[split]})
    return means


def ask(experiment: Experiment) -> None:
    """Raises Interrupted where a signal has come."""
    if (signal := experiment.stop()) is not None:
        raise Interrupted(signal)
