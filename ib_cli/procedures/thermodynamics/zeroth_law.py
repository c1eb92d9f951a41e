"""The zeroth law: two models that exchange J come to one temperature, and at one temperature exchange nothing."""

from __future__ import annotations

import logging
from typing import Annotated, Any

from annotated_types import Ge, Gt

from ib_cli.config.settings import Count
from ib_cli.contracts.errors import ConfigError
from ib_cli.experiment.experiment import Experiment, Finished
from ib_cli.experiment.procedure import Procedure
from ib_cli.experiment.recording import Clock
from ib_cli.procedures.thermodynamics import preconditions
from ib_cli.procedures.thermodynamics.coupled_models import STAGES, CoupledModels, ModelAlone
from ib_cli.procedures.thermodynamics.recording import held_out, write_laws
from ib_cli.sampling.averages import Average

Positive = Annotated[float, Gt(0)]
NAMES = "AB"
SPREAD = 1.2  # R̂ from which on chains have not all seen the same

log = logging.getLogger(__name__)


class ZerothLaw(Procedure):
    """Two models A and B of the experiment's kind, with priors of their own, before, during and after their coupling.

    1. Apart: corrected Langevin chains at σ_A and at σ_B; the virial theorem measures their temperatures.
    2. Coupled: z = (z_A, z_B), so that J₀ = J_A + J_B (J₀ = R for an objective of R alone). The sum is kept while the
       parameters move (`sampling.exchange`). Nothing sets a temperature; TherML eqs. 32 and 33 say that both come to
       the same one. The demon between them measures it, and so does the virial of each.
    3. Apart again, at the demon's σ: nothing flows between systems of one σ, so J_A and J_B must stay as they were.

    Each stage takes a third of the `epochs`, and its first `burn_in` are not averaged. Predictions and measurements go
    to thermodynamics.jsonl. The run ends with A's parameters. After an interruption it begins anew.
    """

    name = "zeroth_law"
    samples_weights = True  # S needs no posterior of the model

    def __init__(
        self,
        *,
        temperature: Positive | None,
        other_temperature: Positive,
        prior: Positive,
        other_prior: Positive,
        chains: Annotated[int, Ge(2)],
        steps: Count,
        burn_in: Annotated[int, Ge(0)],
        step_size: Positive,
    ) -> None:
        self.temperature, self.other_temperature, self.prior, self.other_prior = (
            temperature, other_temperature, prior, other_prior
        )  # fmt: skip
        self.chains, self.steps, self.burn_in, self.step_size = chains, steps, burn_in, step_size

    def check(self, experiment: Experiment) -> None:
        """Raises ConfigError where the experiment does not allow these chains."""
        preconditions.temperature(experiment, self.temperature, self.name)
        preconditions.check_model(experiment, self.name)
        if self.burn_in >= (third := experiment.settings.epochs // STAGES):
            raise ConfigError(
                f"procedure.burn_in={self.burn_in}: leaves none of the {third} epochs to average that each of the "
                f"{STAGES} stages has of epochs={experiment.settings.epochs}"
            )
        preconditions.check_exact(preconditions.without_entropy(experiment), f"procedure={self.name}")

    def run(self, experiment: Experiment, checkpoint: dict[str, Any] | None) -> Finished:
        """Run all three stages."""
        clock = Clock()
        sigmas = (preconditions.temperature(experiment, self.temperature, self.name), self.other_temperature)
        plain = preconditions.without_entropy(experiment)
        models = CoupledModels(
            plain, (self.prior, self.other_prior), self.chains, self.steps, self.burn_in, self.step_size
        )
        before = models.apart(sigmas)
        _warn(before)
        met = models.coupled(before)
        after = models.apart((met.sigma.mean, met.sigma.mean), met.points)
        lines = [
            *(_temperature(i, sigma, model) for i, (sigma, model) in enumerate(zip(sigmas, before))),
            *(
                _agreement(i, met.sigma, found, apart)
                for i, (found, apart) in enumerate(zip(met.sigmas, met.differences))
            ),
            *(_unmoved(i, met.J[i], model, met.sigma) for i, model in enumerate(after)),
        ]
        write_laws(plain, lines)
        params = models.params(after[0].point)
        return Finished(
            epochs=models.epoch,
            seconds=clock.read(),
            measures={"train": _measures(before, met.J, met.sigmas, met.sigma)} | held_out(plain, params, models.epoch),
            params={name: value[0] for name, value in params.items()},
        )


def _warn(models: tuple[ModelAlone, ModelAlone]) -> None:
    """Warn where copies have not come to their temperature: such a copy would bring its excess to both models."""
    for name, model in zip(NAMES, models):
        if not model.J.spread < SPREAD:
            log.warning(
                "the copies of %s have not all come to their temperature (R̂ = %.3g): more procedure.burn_in, a smaller "
                "procedure.step_size or narrower priors may help",
                name,
                model.J.spread,
            )


def _temperature(i: int, sigma: float, model: ModelAlone) -> dict[str, Any]:
    found = {"predicted": sigma, "measured": model.sigma.mean, "stderr": model.sigma.stderr}
    return {"law": "zeroth law: σ before", "quantity": f"σ of {NAMES[i]}", **found}


def _agreement(i: int, sigma: Average, found: Average, difference: Average) -> dict[str, Any]:
    """A model's σ by the virial against the demon's; the standard error is the difference's."""
    values = {"predicted": sigma.mean, "measured": found.mean, "stderr": difference.stderr}
    return {"law": "zeroth law: one σ when coupled", "quantity": f"σ of {NAMES[i]}, against the demon's", **values}


def _unmoved(i: int, J: Average, after: ModelAlone, sigma: Average) -> dict[str, Any]:
    """J alone against J coupled; the standard error includes the error of σ, through ∂J/∂σ."""
    stderr = (J.stderr**2 + after.J.stderr**2 + (after.capacity * sigma.stderr) ** 2) ** 0.5
    found = {"predicted": J.mean, "measured": after.J.mean, "stderr": stderr}
    return {"law": "zeroth law: nothing flows at one σ", "quantity": f"J of {NAMES[i]}", **found}


def _measures(
    before: tuple[ModelAlone, ModelAlone], J: tuple[Average, ...], sigmas: tuple[Average, ...], sigma: Average
) -> dict[str, float]:
    """J and σ when coupled, for both models and for each, and J before."""
    found = {"J": sum(each.mean for each in J), "sigma": sigma.mean, "sigma_stderr": sigma.stderr}
    for name, apart, together, own in zip(NAMES, before, J, sigmas):
        found |= {f"J_{name}": together.mean, f"J_{name}_stderr": together.stderr, f"J_{name}_before": apart.J.mean}
        found |= {f"sigma_{name}": own.mean, f"sigma_{name}_stderr": own.stderr}
    return found
