"""Records of the procedures that measure laws of thermodynamics: predicted, measured, and the held-out splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from ib_cli.engine.copies import Samples
from ib_cli.experiment.evaluation import Evaluation
from ib_cli.experiment.experiment import Experiment
from ib_cli.experiment.recording import record
from ib_cli.system.atomic import as_json, write_atomically

FILE = "thermodynamics.jsonl"


def write_laws(experiment: Experiment, lines: Sequence[Mapping[str, Any]]) -> None:
    """Write thermodynamics.jsonl, for `ib-report`: lines of law, quantity, predicted, measured, stderr, and `doubt`."""
    write_atomically(experiment.records.folder / FILE, "".join(as_json(dict(line)) + "\n" for line in lines))


def doubted(line: Mapping[str, Any], doubts: Sequence[str]) -> dict[str, Any]:
    """The line of thermodynamics.jsonl; where there are doubts, it has them as `doubt`."""
    return dict(line) | ({"doubt": "; ".join(doubts)} if doubts else {})


def held_out(experiment: Experiment, params: dict[str, Tensor], epoch: int) -> dict[str, dict[str, float]]:
    """Measures of each split but train, averaged over chains with these parameters (M, …); also records them."""
    copies = Samples.of(experiment.model, params)
    M = len(next(iter(params.values())))
    evaluation, means = Evaluation(experiment), {}
    for split in (name for name in experiment.data.splits if name != "train"):
        found = evaluation.of_copies(copies, split, [experiment] * M)
        means[split] = {name: sum(each[name] for each in found) / M for name in found[0]}
        record(experiment, epoch, 0, split, means[split])
    return means
