"""Measures of a model on its way from one task to another: under p(x, t), and on source and target apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

from ib_cli.datasets.data import Data
from ib_cli.engine.loss import Tensors
from ib_cli.experiment.evaluation import Evaluation
from ib_cli.experiment.experiment import Experiment
from ib_cli.experiment.soft_labels import check_soft_labels
from ib_cli.procedures.free_energy.preconditions import start_place
from ib_cli.procedures.free_energy.surface import Place

DOMAINS = {"source": 0.0, "target": 1.0}  # suffix of a measure → t
OF_DOMAINS = ("R", "D", "D_error", "C", "accuracy")  # measures that each domain has of its own
KEPT = 5  # laws: those of a place, of the two sides of a difference in t, and of the domains


def check_transfer(experiment: Experiment, procedure: str) -> Place:
    """λ and γ of the experiment, at t = 0. Raises ConfigError where it has no surface, or its data no way to a target.

    Labels that are not certain must suit all that is measured.
    """
    check_soft_labels(experiment, experiment.data.at(0.5))
    return start_place(experiment, procedure)


def laws(experiment: Experiment) -> Callable[[float], Data]:
    """t → the experiment's data under p(x, t): the same object each time, for the last few t."""
    return lru_cache(maxsize=KEPT)(experiment.data.at)


def measured_on_the_way(
    experiment: Experiment, data_at: Callable[[float], Data], t: float, params: Tensors, buffers: Tensors, split: str
) -> dict[str, float]:
    """Measures of a split under p(x, t), and those of source and target, as `C_source` and `C_target`.

    Those under a mixture are (1 − t) times the source's and t times the target's, so that noise and samples are the
    same at every t. Whatever is no mean over samples, and all under optimal transport, is measured at t itself.
    """
    here = data_at(t)
    at_t = Evaluation(replace(experiment, data=here))
    at_t.refresh(params, buffers, experiment.settings.seed)
    ends = {
        name: Evaluation(replace(experiment, data=data_at(end))).of(params, split, buffers=buffers, fresh=False)
        for name, end in DOMAINS.items()
    }
    found = {name: (1 - t) * value + t * ends["target"][name] for name, value in ends["source"].items()}
    known = experiment.objective.known
    whole = [name for name in found if name in known and known[name].sums is not None]
    if whole or here.splits[split].y_probabilities is not None:
        found = at_t.of(params, split, buffers=buffers, fresh=False)
    if (H := here.label_entropy(split)) is not None:
        found["H[Y]"] = H
    return found | {
        f"{name}_{domain}": measures[name]
        for domain, measures in ends.items()
        for name in OF_DOMAINS
        if name in measures
    }
