"""TherML's bounds at each evaluation: the slack of each is measured, and a bound that is broken is told."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from ib_cli.contracts.passes import Pass
from ib_cli.experiment.experiment import Experiment
from ib_cli.functionals.worlds import BOUNDS, is_mass, world_sums, worlds

ROUNDING = {"fp32": 1e-5, "bf16": 3e-2}  # relative error of a functional
ERRORS = 4  # standard errors of an estimate that a bound may be broken by
ESTIMATED = {"B": "slack_R", "slack_C": "slack_C", "I[X;Y|Z]": "KL[P|Q]"}  # quantity of the estimates → measure
PARTS = {"C": "classifier", "D": "decoder"}  # functional → the part whose density it has

log = logging.getLogger(__name__)


class Bounds:
    """The informations that R, C, D and V bound, and the slack of these bounds (`functionals.worlds`).

    Sums over a discrete z are exact, so a slack below 0 by more than rounding says that a density is not normalised: a
    warning, once for each bound. Where the weights of c(y|z) or d(x|z) are drawn with those of the encoder, they may
    know of z what H[Y|Z] does not count, and C or D has no slack. Procedures that sample all weights have the slacks at
    given weights.
    """

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self._told: set[str] = set()

    def sums(self, p: Pass) -> dict[str, Tensor]:
        """What `of` needs of a pass: sums over its samples."""
        return world_sums(p, discrete_x=self.experiment.data.spec.one_hot and (p.decoder is None or is_mass(p.decoder)))

    def of(self, means: Mapping[str, float], sums: Mapping[str, Tensor], split: str) -> dict[str, float]:
        """Measures of a split, given its other ones and the sums."""
        data, weights = self.experiment.data, self.experiment.model.weights
        certain = data.splits[split].y_probabilities is None
        noise = data.label_noise(split) if sums and certain and data.spec.classes is not None else None
        found = worlds(sums, weights is not None and weights.evaluate == "draw", noise)
        if found is None:
            return {}
        known = {name: value for name, value in means.items() if PARTS.get(name) not in self._drawn}
        measures = found.measures(known)
        if found.told_by_weights is not None and weights is not None:
            measures["I[Z;Θ|X]"] = found.told_by_weights
        if self.experiment.procedure.samples_weights:  # of given weights, and not of their law
            measures = {name: value for name, value in measures.items() if name.startswith("slack_")}
        self._tell(measures, means, split)
        return measures

    def of_estimates(self, lines: Iterable[Mapping[str, Any]]) -> dict[str, float]:
        """The same from estimates of a continuous z, by `mixture`, which knows its noise: measures of their split.

        Flagged estimates give none. KL[P|Q] = I[X;Y|Z] where the weights are numbers.
        """
        names = dict(ESTIMATED)
        if self.experiment.model.weights is not None or self.experiment.procedure.samples_weights:
            del names["I[X;Y|Z]"]
        if "classifier" in self._drawn:
            del names["slack_C"]
        found: dict[str, float] = {}
        for line in lines:
            if line["estimator"] != "mixture" or line["quantity"] not in names or line["saturated"]:
                continue
            name, value, error = names[line["quantity"]], line["value"], line["stderr"] or 0.0
            found |= {name: value, f"{name}_stderr": error}
            if name in BOUNDS and value < -ERRORS * error:
                bound, bounded, where = BOUNDS[name]
                log.warning(
                    "%s is %.3g ± %.3g nats below %s, which it cannot be (%s)", bound, -value, error, bounded, where
                )
        return found

    @property
    def _drawn(self) -> set[str]:
        """The parts of the model whose weights are drawn."""
        weights = self.experiment.model.weights
        return set() if weights is None else {weight.path.partition(".")[0] for weight in weights.weights}

    def _tell(self, measures: Mapping[str, float], means: Mapping[str, float], split: str) -> None:
        """Warn of bounds that are broken."""
        relative = ROUNDING[self.experiment.settings.precision]
        for name, (bound, bounded, where) in BOUNDS.items():
            size = 1 + sum(abs(means[part]) for part in bound.split(" + ") if part in means)
            if measures.get(name, 0) < -relative * size and name not in self._told:
                self._told.add(name)
                log.warning(
                    "%s of the %s split is %.3g nats below %s, which it cannot be (%s)",
                    bound, split, -measures[name], bounded, where,
                )  # fmt: skip
