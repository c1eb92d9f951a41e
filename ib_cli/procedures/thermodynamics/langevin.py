"""Parameters drawn from their posterior law by Langevin dynamics, in place of a single best point."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt, Interval
from torch import Tensor

from ib_cli.config.settings import Count
from ib_cli.contracts.errors import ConfigError, RunFailedError
from ib_cli.engine.copies import Samples
from ib_cli.engine.seeds import generator
from ib_cli.engine.train import Reporter
from ib_cli.experiment.evaluation import Evaluation
from ib_cli.experiment.experiment import Experiment, Finished
from ib_cli.experiment.procedure import Procedure
from ib_cli.experiment.recording import Clock, estimates_of, record, record_estimates, stop_if_asked
from ib_cli.procedures.thermodynamics import doubts, preconditions
from ib_cli.procedures.thermodynamics.chains import Chains, ChainState, Dynamics
from ib_cli.procedures.thermodynamics.recording import doubted, write_laws
from ib_cli.procedures.thermodynamics.weight_energy import WeightEnergy, named_parameters
from ib_cli.sampling.annealed import LogPartition, annealed
from ib_cli.sampling.averages import Average, average

Positive = Annotated[float, Gt(0)]


class Langevin(Procedure):
    """Samples θ ~ q(θ) exp(−N J₀(θ)/σ)/Z from the start or from a checkpoint, recording as it goes.

    J₀ = ρR + δD + γC, or the objective's other terms besides S/N. R, D and C are means per sample, N is the number of
    training samples, and q(θ) = N(0, prior²) for every parameter. Of all laws p(θ|data) this one has the least
    ⟨J₀⟩ + σ S/N, S = KL(p(θ|data) ‖ q(θ)); the least value is −(σ/N) ln Z (TherML eqs. 19, 20 and 35, whose
    functionals are of all samples at once). In the result `J` is ⟨J₀⟩; with `anneal`, `F` is the least value and
    S = N (F − J)/σ.

    Measures are averages over chains and the epochs after burn-in: for `train` over every step, for other splits over
    the evaluations. `run` raises RunFailedError when the objective stops being finite.
    """

    name = "langevin"
    samples_weights = True  # S needs no posterior of the model

    def __init__(
        self,
        *,
        temperature: Positive | None,
        prior: Positive,
        chains: Count,
        steps: Count,
        burn_in: Annotated[int, Ge(0)],
        step_size: Positive,
        step_offset: Positive,
        step_decay: Annotated[float, Interval(ge=0, le=1)],
        corrected: bool,
        adapt: bool,
        ladder: list[Positive],
        anneal: Annotated[int, Ge(0)],
    ) -> None:
        self.temperature, self.prior, self.chains, self.steps, self.burn_in = temperature, prior, chains, steps, burn_in
        self.size = (step_size, step_offset, step_decay)
        self.corrected, self.adapt, self.ladder, self.anneal = corrected, adapt, ladder, anneal

    def check(self, experiment: Experiment) -> None:
        """Raises ConfigError where the experiment does not allow these chains."""
        preconditions.temperature(experiment, self.temperature, self.name)
        preconditions.check_model(experiment, self.name)
        if self.burn_in >= experiment.settings.epochs:
            raise ConfigError(
                f"procedure.burn_in={self.burn_in}: leaves none of epochs={experiment.settings.epochs} to average"
            )
        needs = {
            "procedure.corrected": self.corrected,
            "procedure.ladder": self.ladder,
            "procedure.anneal": self.anneal,
        }
        for key, wanted in needs.items():
            if wanted:
                preconditions.check_exact(preconditions.without_entropy(experiment), f"{key}={wanted}".lower())

    def run(self, experiment: Experiment, checkpoint: dict[str, Any] | None) -> Finished:
        """Sample to the end."""
        progress = LangevinProgress(
            preconditions.without_entropy(experiment), checkpoint, self._dynamics(experiment), self.steps, self.burn_in
        )
        while progress.state.epoch < experiment.settings.epochs:
            progress.epoch()
        return progress.finish(progress.log_partition(self.anneal) if self.anneal else None)

    def parameters(self, experiment: Experiment, checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
        """The parameters of the first chain."""
        theta = ChainState.restored(checkpoint).point.theta[:1]
        return {name: value[0] for name, value in named_parameters(experiment.model, theta).items()}

    def _dynamics(self, experiment: Experiment) -> Dynamics:
        sigma = preconditions.temperature(experiment, self.temperature, self.name)
        return Dynamics(
            temperatures=(sigma, *self.ladder),
            chains=self.chains,
            prior=self.prior,
            size=self.size,
            corrected=self.corrected,
            adapt=self.adapt,
        )


class LangevinProgress:
    """The epochs of one run of Langevin dynamics, and what it records."""

    def __init__(
        self,
        experiment: Experiment,
        checkpoint: dict[str, Any] | None,
        dynamics: Dynamics,
        steps: int,
        burn_in: int,
    ) -> None:
        """`experiment`: its objective is J₀. Energies are exact where the steps or the ladder need it."""
        self.experiment, self.dynamics, self.steps, self.burn_in = experiment, dynamics, steps, burn_in
        energy = WeightEnergy(experiment, exact=dynamics.corrected or len(dynamics.temperatures) > 1)
        state = None if checkpoint is None else ChainState.restored(checkpoint)
        self.chains = Chains(energy, dynamics, experiment.data.spec.train_size, experiment.settings.seed, state)
        self.state = self.chains.state
        self.evaluation = Evaluation(experiment)
        self.held_out = [split for split in experiment.data.splits if split != "train"]
        self.clock, self.reporter = Clock(), Reporter(experiment.observers)

    def epoch(self) -> None:
        """Sample to the end of the present epoch; record, evaluate and save what is due."""
        state, settings = self.state, self.experiment.settings
        stream = self.chains.open()
        while state.step_in_epoch < self.steps:
            if self.experiment.stop() is not None:
                state.noise = stream.get_state()
                self._save()
            self.chains.advance(learn=state.epoch < self.burn_in)
            if self.reporter.due:
                self.reporter.report(state.epoch, state.step_in_epoch, self.steps, self.chains.running())
        means = self.chains.close_epoch()
        if state.epoch == self.burn_in:
            self.chains.settle()
        self._check(means)
        self._record("train", means)
        last = state.epoch == settings.epochs
        if last or state.epoch % settings.evaluate_every == 0:
            self._evaluate()
        self._estimate(last)
        if last or state.epoch % settings.checkpoint_every == 0 or self.experiment.stop() is not None:
            self._save()

    def log_partition(self, temperatures: int) -> LogPartition:
        """ln Z by annealed importance sampling, which begins anew after an interruption."""
        energy = WeightEnergy(self.experiment, exact=True)
        return annealed(
            energy,
            (self.dynamics.chains, energy.size),
            float(self.chains.beta[0]),
            self.dynamics.prior,
            temperatures=temperatures,
            step=float(self.chains.step_sizes[0]),
            generator=generator(self.experiment.device, self.experiment.settings.seed, "annealing"),
            between=lambda j: stop_if_asked(self.experiment),
        )

    def finish(self, log_partition: LogPartition | None) -> Finished:
        """The result of the run."""
        state = self.state
        train, places = self._train_measures(), range(len(self.dynamics.temperatures))
        thermal, mixing = [self._doubts_at(place) for place in places], self._doubts()
        found = [*(doubt for each in thermal for doubt in each), *mixing]
        if log_partition is not None:
            train |= self._free_energy(log_partition, train)
            found += doubts.of_annealing(log_partition, self.dynamics.chains)
        self._write_temperatures([each if place else each + mixing for place, each in enumerate(thermal)])
        held_out = {split: self._held_out_measures(split) for split in self.held_out}
        return Finished(
            epochs=state.epoch,
            seconds=state.seconds + self.clock.read(),
            measures={split: train if split == "train" else held_out[split] for split in self.experiment.data.splits},
            estimates=estimates_of(self.experiment, state.epoch),
            estimate_seconds=state.estimate_seconds,
            params={name: value[0] for name, value in self._samples().items()},
            doubts=found,
        )

    def _doubts(self) -> list[str]:
        """Why the averages at the first temperature are not to be trusted."""
        averages, records = self.chains.averages(self.burn_in), self.state.epoch - self.burn_in
        of_J = {name: averages[name] for name in self.state.names}
        errors = of_J | {f"{split}/J": self._held_out(split)["J"] for split in self.held_out}
        for place in range(len(self.dynamics.temperatures)):
            errors[f"σ of replica {place}" if place else "σ"] = self.chains.measured_temperature(self.burn_in, place)
        found = [*doubts.of_mixing(of_J, records, self.dynamics.chains), *doubts.of_errors(errors)]
        if len(self.dynamics.temperatures) > 1:
            found += doubts.of_swaps(averages["swaps"].mean)
        return found

    def _doubts_at(self, place: int) -> list[str]:
        """Why the chains at this place of the ladder are not at their temperature."""
        sigma, whose = self.dynamics.temperatures[place], f" of replica {place}" if place else ""
        measured, excess = (of(self.burn_in, place) for of in (self.chains.measured_temperature, self.chains.excess))
        remedy = doubts.EXACT if self.dynamics.corrected else doubts.ROUGH
        still = doubts.of_motion(self.chains.accepted(self.burn_in, place), whose)  # all are 1 without corrections
        return still + doubts.of_temperature(sigma, measured, excess, whose, remedy)

    def _train_measures(self) -> dict[str, float]:
        sigma = self.dynamics.temperatures[0]
        found = self.chains.averages(self.burn_in)
        measures = {name: found[name].mean for name in self.state.names}
        if "accuracy" in measures:
            measures["error"] = 1 - measures["accuracy"]
            if "C" in measures:
                measures["error_bound"] = -math.expm1(-measures["C"])  # holds for the mean C, as exp is convex
            if (H := self.experiment.data.label_entropy("train")) is not None:
                measures["H[Y]"] = H
        measures |= {f"{name}_stderr": found[name].stderr for name in self.state.names}
        measured = self.chains.measured_temperature(self.burn_in, 0)
        measures |= {"spread": found["J"].spread, "effective": found["J"].effective, "sigma": sigma}
        measures |= {"sigma_measured": measured.mean, "sigma_measured_stderr": measured.stderr}
        if self.dynamics.corrected:
            measures["acceptance"] = found["acceptance"].mean
        if len(self.dynamics.temperatures) > 1:
            measures["swap_rate"] = found["swaps"].mean
        return measures

    def _held_out_measures(self, split: str) -> dict[str, float]:
        """Averages over evaluations and chains, with standard errors for measures that train has as well."""
        found = self._held_out(split)
        errors = {f"{name}_stderr": found[name].stderr for name in self.state.names if name in found}
        return {name: of.mean for name, of in found.items()} | errors

    def _held_out(self, split: str) -> dict[str, Average]:
        lines = self.state.evaluations[split]
        return {name: average(torch.tensor([line[name] for line in lines])) for name in lines[0]}

    def _free_energy(self, found: LogPartition, train: Mapping[str, float]) -> dict[str, float]:
        """F = −(σ/N) ln Z, the least ⟨J₀⟩ + σ S/N, S/N = (F − J)/σ and S, with their standard errors."""
        beta, N = float(self.chains.beta[0]), self.chains.N
        F, stderr = -found.value / beta, found.stderr / beta
        S_stderr = beta * (stderr**2 + train["J_stderr"] ** 2) ** 0.5
        S = beta * (F - train["J"])
        measures = {"F": F, "F_stderr": stderr, "F_chains": found.effective, "S": S, "S_stderr": S_stderr}
        return measures | {"S/N": S / N, "S/N_stderr": S_stderr / N}

    def _write_temperatures(self, unsure: Sequence[Sequence[str]]) -> None:
        """Write thermodynamics.jsonl: the temperature at each place of the ladder, as set and as measured."""
        lines = []
        for place, sigma in enumerate(self.dynamics.temperatures):
            measured = self.chains.measured_temperature(self.burn_in, place)
            name = "σ" if place == 0 else f"σ of replica {place}"
            found = {"predicted": sigma, "measured": measured.mean, "stderr": measured.stderr}
            line = {"law": "temperature of the chains (virial)", "quantity": name, **found}
            lines.append(doubted(line, unsure[place]))
        write_laws(self.experiment, lines)

    def _evaluate(self) -> None:
        """Evaluate the held-out splits at the chains' present points; recorded, and kept once burn-in is over."""
        count = self.dynamics.chains
        copies = Samples.of(self.experiment.model, self._samples())
        for split in self.held_out:
            found = self.evaluation.of_copies(copies, split, [self.experiment] * count)
            lines = {name: [each[name] for each in found] for name in found[0]}
            self._record(split, {name: sum(values) / count for name, values in lines.items()})
            if self.state.epoch > self.burn_in:
                self.state.evaluations.setdefault(split, []).append(lines)

    def _estimate(self, last: bool) -> None:
        """Estimate the information in the first chain's representation, where that is due."""
        params = {name: value[0] for name, value in self._samples().items()}
        buffers = dict(self.experiment.model.named_buffers())
        self.state.estimate_seconds += record_estimates(self.experiment, self.state.epoch, last, params, buffers)

    def _samples(self) -> dict[str, Tensor]:
        """The parameters at the first temperature, (chains, …), as the experiment's own model takes them."""
        return named_parameters(self.experiment.model, self.state.point.theta[: self.dynamics.chains])

    def _check(self, means: Mapping[str, float]) -> None:
        """Raises RunFailedError where a chain is not finite."""
        if not bool(self.state.series[-1].isfinite().all()):
            terms = [f"{name} became {value}" for name, value in means.items() if not abs(value) < float("inf")]
            keys = "".join(f"{key}; or else " for key in self.experiment.suspects.keys)
            dynamics = self.dynamics
            exact = "" if dynamics.corrected else ", or procedure.corrected=true"
            raise RunFailedError(
                f"{' and '.join(terms) or 'a chain became infinite'} in epoch {self.state.epoch}: {keys}try less than "
                f"procedure.step_size={dynamics.size[0]:g}, less than procedure.prior={dynamics.prior:g}{exact}"
            )

    def _record(self, split: str, measures: Mapping[str, float]) -> None:
        record(self.experiment, self.state.epoch, self.state.step, split, measures)

    def _save(self) -> None:
        """Replace the checkpoint. Raises Interrupted where a signal has come."""
        self.state.seconds += self.clock.read()
        self.experiment.records.save_checkpoint(self.state.checkpoint())
        stop_if_asked(self.experiment)
