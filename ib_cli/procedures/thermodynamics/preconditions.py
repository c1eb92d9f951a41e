"""What Langevin dynamics of an experiment's parameters needs: a temperature, and the objective without S.

`procedure` is the public name of the procedure that asks, for its error messages.
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace

from torch.nn.modules.batchnorm import _BatchNorm

from ib_cli.contracts.errors import ConfigError
from ib_cli.experiment.experiment import Experiment
from ib_cli.procedures.thermodynamics.weight_energy import WeightEnergy

ENTROPY = "weights_divergence"  # the field of a Pass that only the terms of the weights' entropy read


def without_entropy(experiment: Experiment) -> Experiment:
    """The same experiment with J₀, the objective without S. Raises ConfigError where no term is left."""
    objective = copy(experiment.objective)
    objective.terms = tuple(term for term in objective.terms if ENTROPY not in term.functional.needs)
    if not objective.terms:
        raise ConfigError("objective.minimise: beside the entropy of the weights there is nothing to minimise")
    return replace(experiment, objective=objective)


def temperature(experiment: Experiment, given: float | None, procedure: str) -> float:
    """σ: the weight of S/N in the objective, or `given` where the objective has no S/N.

    Raises ConfigError where there is none, it is not above 0 or there are two.
    """
    terms = [term for term in experiment.objective.terms if ENTROPY in term.functional.needs]
    if not terms:
        if given is None:
            raise ConfigError(
                "procedure.temperature: this objective has no S/N, whose weight would be the temperature: give one, "
                "as in procedure.temperature=1e-2, or choose objective=therml"
            )
        return given
    (term,) = terms if len(terms) == 1 else [None]
    if term is None or "train_size" not in term.functional.needs or term.power != 1:
        raise ConfigError(f"objective.minimise: procedure={procedure} takes one entropy of the weights, S/N")
    key, weight = "*".join(term.multipliers) or "objective.minimise.S/N", float(term.weight(experiment.multipliers))
    if given is not None:
        raise ConfigError(f"procedure.temperature={given:g}: the objective has one already, {key}={weight:g}")
    if not weight > 0:
        raise ConfigError(
            f"{key}={weight:g}: Langevin dynamics needs a temperature above 0, as in {key}=1e-2; "
            "procedure=fit minimises without one"
        )
    return weight


def check_model(experiment: Experiment, procedure: str) -> None:
    """Raises ConfigError where the loss is no function of the parameters of one chain alone."""
    if experiment.model.weights is not None:
        raise ConfigError(f"weights: procedure={procedure} draws the weights by itself: choose weights=point")
    size, N = experiment.settings.batch_size, len(experiment.data.splits["train"])
    whole = [each.symbol for each in experiment.objective.weighted(experiment.multipliers) if each.sums is not None]
    if whole and size < N:
        raise ConfigError(
            f"batch_size={size}: {whole[0]} of a batch is not that of all samples, nor on average, as the law of the "
            f"parameters needs it: choose batch_size={N}"
        )
    if any(isinstance(module, _BatchNorm) for module in experiment.model.modules()):
        raise ConfigError(
            "architecture: batch normalisation remembers the batches that it has seen, so that no law of the "
            "parameters alone is stationary: choose an architecture without it"
        )


def check_exact(experiment: Experiment, why: str) -> None:
    """Raises ConfigError where the loss differs from call to call; `why`: the key that forbids it."""
    N = len(experiment.data.splits["train"])
    if experiment.settings.precision != "fp32":
        raise ConfigError(f"precision={experiment.settings.precision}: {why} compares energies: choose precision=fp32")
    if experiment.settings.batch_size < N:
        raise ConfigError(
            f"batch_size={experiment.settings.batch_size}: {why} needs the whole train split: batch_size={N}"
        )
    if WeightEnergy(experiment, exact=True).random:
        raise ConfigError(
            f"{why} needs a loss without noise, and this one draws some (z, dropout or augmentation): "
            "choose a bottleneck whose z is enumerated, or none"
        )
