"""Two models side by side: apart, each at its own temperature, and coupled through the sum of their J."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ib_cli.engine.seeds import derived_seed, generator
from ib_cli.experiment.experiment import Experiment
from ib_cli.experiment.recording import record, stop_if_asked
from ib_cli.procedures.thermodynamics.chains import Chains, ChainState, Dynamics
from ib_cli.procedures.thermodynamics.weight_energy import WeightEnergy, named_parameters
from ib_cli.sampling.averages import Average, average, ratio
from ib_cli.sampling.boltzmann import Point
from ib_cli.sampling.exchange import System, exchanged
from ib_cli.sampling.metropolis import adapted
from ib_cli.sampling.temperature import centres, virial

STAGES = 3  # apart, coupled, apart again; each has a third of the epochs
TAKEN = 0.3  # share of accepted exchanges to which step sizes are tuned, near the best for random walks


class ModelAlone(NamedTuple):
    """One model, alone at a temperature."""

    point: Point  # where its copies ended
    step: float  # the learned variance of a step's noise
    J: Average
    sigma: Average  # by the virial theorem
    excess: Average  # ⟨v·∇U⟩/d − 1, 0 at its temperature
    acceptance: Tensor  # of each copy, (M,)
    capacity: float  # ∂J/∂σ = N Var[J]/σ², from where the copies ended


class ModelsCoupled(NamedTuple):
    """Both models, coupled."""

    points: tuple[Point, ...]
    J: tuple[Average, ...]
    sigma: Average  # by the demon
    sigmas: tuple[Average, ...]  # each model's, by the virial theorem
    differences: tuple[Average, ...]  # only the stderr is used: the error of each of `sigmas` minus `sigma`
    taken: tuple[Tensor, ...]  # share of accepted exchanges of each model's copies, (M,) each


@dataclass
class CoupledModels:
    """The stages of the zeroth law, in the order of their epochs; M copies of each model."""

    experiment: Experiment  # with J₀ for its objective
    priors: tuple[float, float]
    copies: int
    steps: int
    burn_in: int
    step_size: float
    epoch: int = 0  # epochs done in all stages

    @property
    def records(self) -> int:
        """The epochs of a stage that are averaged."""
        return self.epochs - self.burn_in

    def __post_init__(self) -> None:
        self.energy = WeightEnergy(self.experiment, exact=True)
        self.N, self.seed = self.experiment.data.spec.train_size, self.experiment.settings.seed
        self.epochs = self.experiment.settings.epochs // STAGES

    def apart(
        self, sigmas: tuple[float, float], points: tuple[Point, ...] | None = None
    ) -> tuple[ModelAlone, ModelAlone]:
        """Sample each model by corrected Langevin dynamics at its own σ, from draws of its prior or from `points`."""
        walks = []
        for i, (sigma, prior) in enumerate(zip(sigmas, self.priors)):
            size = (self.step_size, 1.0, 0.0)
            dynamics = Dynamics((sigma,), self.copies, prior, size, corrected=True, adapt=True)
            state = None if points is None else self._state(points[i])
            walks.append(Chains(self.energy, dynamics, self.N, derived_seed(self.seed, i, self.epoch), state))
        for epoch in range(self.epochs):
            J = [self._advanced(chains, epoch) for chains in walks]
            self._record(J)
        A, B = (self._model(chains, sigma) for chains, sigma in zip(walks, sigmas))
        return A, B

    def coupled(self, models: tuple[ModelAlone, ModelAlone]) -> ModelsCoupled:
        """Sample both with a demon between them, which starts with max(J_A + J_B) − (J_A + J_B), max over copies."""
        stream = generator(self.experiment.device, self.seed, "coupled")
        systems = [
            System(model.point, self.energy, prior, model.point.theta.new_full((), model.step**0.5))
            for model, prior in zip(models, self.priors)
        ]
        total = systems[0].point.energy + systems[1].point.energy
        demon = total.max() - total
        series: list[Tensor] = []
        middles = [centres(system.point.theta) for system in systems]
        for epoch in range(self.epochs):
            sums: Tensor | float = 0.0
            for step in range(self.steps):
                stop_if_asked(self.experiment)
                systems, demon, taken = exchanged(systems, demon, stream)
                if epoch < self.burn_in:
                    systems = _learned(systems, taken, epoch * self.steps + step)
                sums = sums + self._seen(systems, middles, demon, taken)
            series.append(torch.as_tensor(sums) / self.steps)
            self._record([float(series[-1][0].mean()), float(series[-1][3].mean())])
            if epoch + 1 == self.burn_in:
                middles = [centres(system.point.theta) for system in systems]
        return _coupled(tuple(system.point for system in systems), torch.stack(series[self.burn_in :]).unbind(1))

    def params(self, point: Point) -> dict[str, Tensor]:
        """The parameters (M, …) by name, as the experiment's own model takes them."""
        return named_parameters(self.experiment.model, point.theta)

    def _advanced(self, chains: Chains, epoch: int) -> float:
        """Move the chains for an epoch; returns ⟨J⟩ over it."""
        chains.open()
        for _ in range(self.steps):
            stop_if_asked(self.experiment)
            chains.advance(learn=epoch < self.burn_in)
        J = chains.close_epoch()["J"]
        if epoch + 1 == self.burn_in:
            chains.settle()
        return J

    def _state(self, point: Point) -> ChainState:
        zeros = torch.zeros_like(point.energy)
        return ChainState(point, zeros, centres(point.theta), self.energy.names)

    def _model(self, chains: Chains, sigma: float) -> ModelAlone:
        energy = chains.state.point.energy
        return ModelAlone(
            chains.state.point,
            float(chains.step_sizes.median()),
            chains.averages(self.burn_in)["J"],
            chains.measured_temperature(self.burn_in, 0),
            chains.excess(self.burn_in, 0),
            chains.accepted(self.burn_in, 0),
            self.N * float(energy.var()) / sigma**2,
        )

    def _seen(self, systems: list[System], middles: list[Tensor], demon: Tensor, taken: Tensor) -> Tensor:
        """J, N v·∇J and its divisor for each system, N times the demon's energy, each system's moves taken: (9, M)."""
        rows = []
        for system, middle in zip(systems, middles):
            over, free = virial(system.point, system.prior**-2, middle)
            rows += [system.point.energy, self.N * over, free]
        return torch.stack([*rows, self.N * demon, *taken])

    def _record(self, J: list[float]) -> None:
        self.epoch += 1
        measures = {"J": sum(J), "J_A": J[0], "J_B": J[1]}
        record(self.experiment, self.epoch, self.epoch * self.steps, "train", measures)


def _learned(systems: list[System], taken: Tensor, t: int) -> list[System]:
    """The systems with step sizes tuned towards a share TAKEN of accepted moves."""
    logs = [torch.as_tensor(system.step).float().log() for system in systems]
    steps = [adapted(log, share, t, TAKEN).exp() for log, share in zip(logs, taken.double().mean(1))]
    return [system._replace(step=step) for system, step in zip(systems, steps)]


def _coupled(points: tuple[Point, ...], seen: tuple[Tensor, ...]) -> ModelsCoupled:
    """Averages of the records of `_seen`, each (T, M)."""
    J_A, over_A, free_A, J_B, over_B, free_B, demon, taken_A, taken_B = seen
    sigma, own, differences = average(demon), [], []
    for over, free in ((over_A, free_A), (over_B, free_B)):
        found = ratio(over, free)
        own.append(found)
        differences.append(average((over - found.mean * free) / free.mean() - demon))
    taken = (taken_A.mean(0), taken_B.mean(0))
    return ModelsCoupled(points, (average(J_A), average(J_B)), sigma, tuple(own), tuple(differences), taken)
