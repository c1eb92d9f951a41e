"""The second law: under Langevin dynamics J falls to −σ ln Z, and its excess is σ times a divergence."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge, Gt

from ib_cli.config.settings import Count
from ib_cli.contracts.errors import ConfigError
from ib_cli.engine.seeds import generator
from ib_cli.experiment.experiment import Experiment, Finished
from ib_cli.experiment.procedure import Procedure
from ib_cli.experiment.recording import Clock, record, stop_if_asked
from ib_cli.procedures.thermodynamics import doubts, preconditions
from ib_cli.procedures.thermodynamics.recording import doubted, held_out, write_laws
from ib_cli.procedures.thermodynamics.relaxing_law import Ensemble, GridLaw, ParameterPlane
from ib_cli.sampling.annealed import LogPartition, annealed

Positive = Annotated[float, Gt(0)]
COARSE = 2.0  # largest spacing of the grid, in standard deviations of a step's noise
MOST = 101  # largest number of places on a side: the matrix of a step then takes 0.8 GB


class SecondLaw(Procedure):
    """Follows a law of parameters from the prior q to equilibrium π, exactly and by chains.

    Parameters are θ = a₁ b₁ + a₂ b₂ with two directions b drawn from N(0, I) and q(a) = N(0, prior²): a law of so few
    numbers can be followed. On a grid of points × points over ± width · prior, the matrix of a corrected Langevin step
    turns p_t into p_{t+1}; J_t = ⟨J₀⟩ + σ S/N, S = KL(p_t ‖ q), then has no error but the grid's. `chains` chains take
    the same steps without a grid; their S comes from distances to neighbours, and ln Z from annealed importance
    sampling. thermodynamics.jsonl has predictions by the grid and measurements by the chains: J_0 = ⟨J₀⟩_q (TherML
    eq. 40), KL(p_t ‖ π) = N ΔJ/σ at the start and after each epoch (36), and min J = −(σ/N) ln Z (35). That no step
    raises J (39) is measured on the grid. After an interruption the procedure begins anew.
    """

    name = "second_law"
    samples_weights = True  # S needs no posterior of the model

    def __init__(
        self,
        *,
        temperature: Positive | None,
        prior: Positive,
        points: Annotated[int, Ge(9)],
        width: Positive,
        chains: Annotated[int, Ge(8)],
        steps: Count,
        step_size: Positive,
        anneal: Count,
    ) -> None:
        self.temperature, self.prior, self.points, self.width = temperature, prior, points, width
        self.chains, self.steps, self.step_size, self.anneal = chains, steps, step_size, anneal

    def check(self, experiment: Experiment) -> None:
        """Raises ConfigError where this law cannot be followed."""
        preconditions.temperature(experiment, self.temperature, self.name)
        preconditions.check_model(experiment, self.name)
        if self.points % 2 == 0 or self.points > MOST:
            raise ConfigError(
                f"procedure.points={self.points}: choose an odd number up to {MOST}; its square is a matrix's side"
            )
        spacing, noise = 2 * self.width * self.prior / (self.points - 1), self.step_size**0.5
        if spacing > COARSE * noise:
            raise ConfigError(
                f"procedure.points={self.points}: places {spacing:.2g} apart do not show steps whose noise is "
                f"{noise:.2g}: choose more of them, or a larger procedure.step_size"
            )
        preconditions.check_exact(preconditions.without_entropy(experiment), f"procedure={self.name}")

    def run(self, experiment: Experiment, checkpoint: dict[str, Any] | None) -> Finished:
        """Follow the law to the end."""
        clock = Clock()
        sigma = preconditions.temperature(experiment, self.temperature, self.name)
        plain = preconditions.without_entropy(experiment)
        plane = ParameterPlane(plain, sigma, self.prior, self.step_size)
        law = plane.law(self.points, self.width)
        ensemble = plane.ensemble(self.chains)
        F = _annealed(plain, plane, self.chains, self.anneal)
        found, highest, epochs = law.measures(), 0.0, experiment.settings.epochs
        laws, above = [_start(found, ensemble), _least(law, F, plane.beta)], [_above(0, found, ensemble, F)]
        for epoch in range(1, epochs + 1):
            for _ in range(self.steps):
                stop_if_asked(experiment)
                law.advance()
                ensemble.advance()
                before, found = found, law.measures()
                highest = max(highest, found["J"] - before["J"])
            above.append(_above(epoch, found, ensemble, F))
            record(plain, epoch, epoch * self.steps, "train", found)
        rise = {"quantity": "largest rise of a step", "predicted": 0.0, "measured": highest}
        laws.append({"law": "second law: J never rises (39)", **rise})
        still, light = doubts.of_motion(ensemble.acceptance), doubts.of_annealing(F, self.chains)
        start, least, never = laws
        lines = [start, doubted(least, light), doubted(never, still)]
        write_laws(plain, [*lines, *(doubted(line, still + light) for line in above)])
        params = plane.params(ensemble.point)
        about = {"sigma": sigma, "F": -F.value / plane.beta, "F_stderr": F.stderr / plane.beta}
        about |= {"S/N": found["S"] / plain.data.spec.train_size, "acceptance": float(ensemble.acceptance.mean())}
        return Finished(
            epochs=epochs,
            seconds=clock.read(),
            measures={"train": found | about} | held_out(plain, params, epochs),
            params={name: value[0] for name, value in params.items()},
            doubts=still + light,
        )


def _annealed(experiment: Experiment, plane: ParameterPlane, chains: int, temperatures: int) -> LogPartition:
    """ln Z by annealed importance sampling with other chains, as many again."""
    return annealed(
        plane.plane,
        (chains, 2),
        plane.beta,
        plane.prior,
        temperatures=temperatures,
        step=plane.step,
        generator=generator(experiment.device, experiment.settings.seed, "annealing"),
        between=lambda j: stop_if_asked(experiment),
    )


def _start(found: dict[str, float], ensemble: Ensemble) -> dict[str, Any]:
    energy = ensemble.point.energy
    measured = {"measured": float(energy.mean()), "stderr": float(energy.std()) / len(energy) ** 0.5}
    return {
        "law": "second law: J at the start (40)",
        "quantity": "mean of J₀ under q",
        "predicted": found["J"],
        **measured,
    }


def _least(law: GridLaw, F: LogPartition, beta: float) -> dict[str, Any]:
    """−(σ/N) ln Z on the grid and by annealing; the standard error includes the grid's error."""
    stderr = ((F.stderr / beta) ** 2 + law.grid_error**2) ** 0.5
    found = {"predicted": law.least, "measured": -F.value / beta, "stderr": stderr}
    return {"law": "second law: min J = −σ ln Z (35)", "quantity": "−(σ/N) ln Z by annealing", **found}


def _above(epoch: int, law: dict[str, float], ensemble: Ensemble, F: LogPartition) -> dict[str, Any]:
    """The chains' N (J − F)/σ against the divergence of the law on the grid."""
    mean, error = ensemble.above()
    measured, stderr = mean + F.value, (error**2 + F.stderr**2) ** 0.5
    found = {"predicted": law["KL"], "measured": measured, "stderr": stderr}
    return {"law": "second law: KL(p‖π) = N ΔJ/σ (36)", "quantity": f"after epoch {epoch}", **found}
