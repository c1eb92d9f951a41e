"""The zeroth law: two models that exchange J come to one temperature, and at one temperature exchange nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

from annotated_types import Ge, Gt

from ib_cli.config.settings import Count
from ib_cli.contracts.errors import ConfigError
from ib_cli.experiment.experiment import Experiment, Finished
from ib_cli.experiment.procedure import Procedure
from ib_cli.experiment.recording import Clock
from ib_cli.procedures.thermodynamics import doubts, preconditions
from ib_cli.procedures.thermodynamics.coupled_models import STAGES, CoupledModels, ModelAlone, ModelsCoupled
from ib_cli.procedures.thermodynamics.recording import doubted, held_out, write_laws
from ib_cli.sampling.averages import Average

Positive = Annotated[float, Gt(0)]
NAMES = "AB"


class Stages(NamedTuple):
    """What the three stages found."""

    before: tuple[ModelAlone, ModelAlone]
    met: ModelsCoupled
    after: tuple[ModelAlone, ModelAlone]


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
        met = models.coupled(before)
        after = models.apart((met.sigma.mean, met.sigma.mean), met.points)
        stages = Stages(before, met, after)
        unsure = _doubts(stages, sigmas, models.records)
        write_laws(plain, [doubted(line, why) for line, why in _laws(stages, sigmas, unsure)])
        params = models.params(after[0].point)
        return Finished(
            epochs=models.epoch,
            seconds=clock.read(),
            measures={"train": _measures(stages)} | held_out(plain, params, models.epoch),
            params={name: value[0] for name, value in params.items()},
            doubts=[doubt for stage in unsure for doubt in stage],
        )


def _doubts(found: Stages, sigmas: tuple[float, float], T: int) -> tuple[list[str], ...]:
    """Doubts about averages over T epochs: of A and of B apart, coupled, and apart again."""
    met = found.met.sigma.mean
    A, B = (_of_model(each, at, T, f" of {name} apart") for name, at, each in zip(NAMES, sigmas, found.before))
    last = [
        doubt for name, each in zip(NAMES, found.after) for doubt in _of_model(each, met, T, f" of {name} apart again")
    ]
    averages = {f"J of {name}": J for name, J in zip(NAMES, found.met.J)} | {"the demon's energy": found.met.sigma}
    coupled: list[str] = []
    for name, taken in zip(NAMES, found.met.taken):
        coupled += doubts.of_motion(taken, f" of {name} coupled", "more procedure.burn_in")
    coupled += doubts.of_mixing(averages, T, len(found.met.taken[0]), " coupled")
    return A, B, coupled, last


def _of_model(model: ModelAlone, sigma: float, T: int, whose: str) -> list[str]:
    return [
        *doubts.of_motion(model.acceptance, whose),
        *doubts.of_temperature(sigma, model.sigma, model.excess, whose),
        *doubts.of_mixing({"J": model.J}, T, len(model.acceptance), whose),
        *doubts.of_errors({f"J{whose}": model.J}),
    ]


def _laws(
    found: Stages, sigmas: tuple[float, float], unsure: tuple[list[str], ...]
) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """The lines of thermodynamics.jsonl, each with the doubts that bear on it: copies that have not mixed carry on."""
    met, (A, B, coupled, last) = found.met, unsure
    for i, (sigma, model) in enumerate(zip(sigmas, found.before)):
        yield _temperature(i, sigma, model), (A, B)[i]
    for i, (own, apart) in enumerate(zip(met.sigmas, met.differences)):
        yield _agreement(i, met.sigma, own, apart), A + B + coupled
    for i, model in enumerate(found.after):
        yield _unmoved(i, met.J[i], model, met.sigma), A + B + coupled + last


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


def _measures(stages: Stages) -> dict[str, float]:
    """J and σ when coupled, for both models and for each, J before, and R̂ of J in each stage, the larger of both."""
    met = stages.met
    found = {"J": sum(each.mean for each in met.J), "sigma": met.sigma.mean, "sigma_stderr": met.sigma.stderr}
    for name, apart, together, own in zip(NAMES, stages.before, met.J, met.sigmas):
        found |= {f"J_{name}": together.mean, f"J_{name}_stderr": together.stderr, f"J_{name}_before": apart.J.mean}
        found |= {f"sigma_{name}": own.mean, f"sigma_{name}_stderr": own.stderr}
    spreads = {
        "before": [model.J.spread for model in stages.before],
        "coupled": [J.spread for J in met.J],
        "after": [model.J.spread for model in stages.after],
    }
    return found | {f"spread_{stage}": max(of) for stage, of in spreads.items()}
