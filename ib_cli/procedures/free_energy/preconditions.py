"""What a path over the equilibrium surface needs of an experiment, checked before anything is written."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Interval

from ib_cli.config.settings import Count
from ib_cli.contracts.errors import ConfigError
from ib_cli.experiment.experiment import Experiment
from ib_cli.functionals.objective import Term
from ib_cli.procedures.free_energy.surface import Place

# Annotations of the keys that all paths share (conf/path_options).
Copies = Annotated[int, Ge(2)]
Difference = Annotated[float, Interval(gt=0, lt=0.25)]  # four times of it leaves λ and γ above 0
Share = Annotated[float, Interval(ge=0, le=1)]
Positive = Annotated[float, Gt(0)]
Kind = Literal["trained", "exact"]
TERMS = {"R": (), "D": ("lambda",), "C": ("gamma",)}  # functional → multipliers of its weight


@dataclass(frozen=True)
class PathOptions:
    """The keys that all paths share; conf/path_options says what each means."""

    equilibration: Count
    peak: float
    copies: int = 2  # the rest is for those that need slopes
    difference: float = 0.05
    tolerance: float = 0.1
    correct: float = 0.0
    surface: Kind = "trained"


def start_place(experiment: Experiment, procedure: str) -> Place:
    """λ and γ of the experiment, at t = 0.

    Raises ConfigError unless it minimises R + λ D + γ C with λ, γ > 0, by numbers that are trained as they are.
    """
    _check_objective(experiment, procedure)
    for name in ("lambda", "gamma"):
        if not experiment.multipliers[name] > 0:
            raise ConfigError(
                f"{name}={experiment.multipliers[name]:g}: procedure={procedure} walks where λ and γ are above 0: "
                f"choose {name}=1, for example"
            )
    if experiment.model.weights is not None:
        raise ConfigError(f"weights: procedure={procedure} trains weights that are numbers: choose weights=point")
    if experiment.settings.averaging:
        raise ConfigError(
            f"averaging={experiment.settings.averaging:g}: procedure={procedure} goes on from the parameters that it "
            "trains, not from averages of them: choose averaging=0"
        )
    return Place(experiment.multipliers["lambda"], experiment.multipliers["gamma"])


def check_labels(experiment: Experiment, procedure: str) -> None:
    """Raises ConfigError where there is one label only: C is 0 everywhere, and no step keeps it or changes it."""
    if experiment.data.spec.classes == 1:
        transfer = experiment.data.way is not None
        keys = "dataset.source and dataset.target, or dataset.labels=kept" if transfer else "dataset.classes"
        raise ConfigError(
            f"procedure={procedure}: all samples have one label, so C is 0 and has no slope to walk by: choose more "
            f"classes by {keys}"
        )


def _check_objective(experiment: Experiment, procedure: str) -> None:
    """Raises ConfigError for another objective than R + λ D + γ C."""
    terms = [term for term in experiment.objective.terms if term.coefficient != 0]
    weighted = {term.symbol: (term.coefficient, term.multipliers) for term in terms}
    if weighted != {symbol: (1.0, names) for symbol, names in TERMS.items()}:
        raise ConfigError(
            f"objective.minimise: procedure={procedure} walks on the surface of R + λ D + γ C: choose "
            "objective=free_energy, or minimise {R: 1, D: lambda, C: gamma}"
        )


def with_error(experiment: Experiment) -> Experiment:
    """The experiment with `D_error` among what is measured."""
    objective = copy(experiment.objective)
    if any(term.symbol == "D_error" for term in objective.terms):
        return experiment
    objective.terms = (*objective.terms, Term(objective.known["D_error"], 1, 0.0, ()))
    return replace(experiment, objective=objective)
