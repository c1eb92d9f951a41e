"""A law of two coordinates of a model's parameters on its way to equilibrium: on a grid, and as chains."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor

from ib_cli.engine.seeds import generator
from ib_cli.experiment.experiment import Experiment
from ib_cli.procedures.thermodynamics.weight_energy import WeightEnergy, named_parameters
from ib_cli.sampling.averages import student
from ib_cli.sampling.boltzmann import Boltzmann, Point
from ib_cli.sampling.density import nearest_log_density, plane_bias, plane_variance
from ib_cli.sampling.metropolis import adjusted
from ib_cli.sampling.relaxation import Table, divergence, langevin_proposals
from ib_cli.sampling.subspace import Subspace, grid

AT_ONCE = 256  # places of the grid in one pass


class GridLaw:
    """The law p_t as a table over n places of the grid, and its J."""

    def __init__(self, table: Table, transitions: Tensor, places: int) -> None:
        """At t = 0, where the law is the prior. `places`: on each side of the grid."""
        self.table, self.transitions, self.places = table, transitions, places
        self.p, self.least = table.prior, table.objective(table.equilibrium)

    def advance(self) -> None:
        """One step."""
        self.p = self.p @ self.transitions

    def measures(self) -> dict[str, float]:
        """J = ⟨J₀⟩ + σ S/N, S = KL(p ‖ q) and KL(p ‖ π)."""
        table, p = self.table, self.p
        return {"J": table.objective(p), "S": divergence(p, table.prior), "KL": table.away(p)}

    @property
    def grid_error(self) -> float:
        """The change in −(σ/N) ln Z with every other row and column of the grid alone."""
        energy, prior = (
            each.view(self.places, self.places)[::2, ::2].flatten() for each in (self.table.energy, self.table.prior)
        )
        coarse = Table(energy, prior / prior.sum(), self.table.beta)
        return abs(coarse.log_partition - self.table.log_partition) / self.table.beta


class Ensemble:
    """Independent chains with one common law at any time."""

    def __init__(self, plane: Subspace, target: Boltzmann, start: Tensor, step: float, stream: Generator) -> None:
        self.plane, self.target, self.stream = plane, target, stream
        self.point: Point = plane(start)
        self.steps = start.new_full((len(start),), step)
        self.moves, self.done = torch.zeros_like(self.steps), 0  # summed probabilities of acceptance, and steps

    def advance(self) -> None:
        """One corrected Langevin step of each chain."""
        options: dict[str, Any] = {"generator": self.stream, "dtype": self.steps.dtype, "device": self.steps.device}
        noise = torch.randn(self.point.theta.shape, **options)
        uniform = torch.rand(len(self.steps), **options)
        self.point, probability = adjusted(self.point, self.target, self.plane, self.steps, noise, uniform)
        self.moves, self.done = self.moves + probability, self.done + 1

    @property
    def acceptance(self) -> Tensor:
        """The share of accepted steps of each chain so far, (M,)."""
        return self.moves / max(self.done, 1)

    def above(self) -> tuple[float, float]:
        """N J/σ, the mean of ln p̂(a) − ln q(a) + N J₀(a)/σ over the chains, without the bias of p̂, and its error."""
        terms, M = self._above, len(self.steps)
        return float(terms.mean()) - plane_bias(M), plane_variance(terms) ** 0.5 * student(M)

    @property
    def _above(self) -> Tensor:
        theta, prior = self.point.theta, torch.distributions.Normal(0.0, self.target.precision**-0.5)
        log_q = prior.log_prob(theta).sum(1)
        return nearest_log_density(theta) - log_q + self.target.beta * self.point.energy


class ParameterPlane:
    """The plane through the origin of a model's parameters, and the law on it."""

    def __init__(self, experiment: Experiment, sigma: float, prior: float, step: float) -> None:
        """`experiment`: its objective is J₀."""
        self.experiment, self.prior, self.step = experiment, prior, step
        self.energy = WeightEnergy(experiment, exact=True)
        self.beta = experiment.data.spec.train_size / sigma
        self.options: dict[str, Any] = {"dtype": torch.float64, "device": experiment.device}
        basis = torch.randn(2, self.energy.size, generator=self._stream("plane"), **self.options)
        self.plane = Subspace(self.energy, basis)
        self.target = Boltzmann(torch.tensor(self.beta, **self.options), prior)

    def law(self, points: int, width: float) -> GridLaw:
        """The law on a grid of points × points over ± width · prior, starting at the prior."""
        places = grid(points, width * self.prior).to(self.experiment.device)
        found = [self.plane(part) for part in places.split(AT_ONCE)]
        energy, gradient = (torch.cat([getattr(each, name) for each in found]).cpu() for name in ("energy", "gradient"))
        prior = (-places.cpu().square().sum(1) / (2 * self.prior**2)).softmax(0)
        table = Table(energy, prior, self.beta)
        slope = self.beta * gradient + self.target.precision * places.cpu()
        return GridLaw(table, table.transitions(langevin_proposals(places.cpu(), slope, self.step)), points)

    def ensemble(self, chains: int) -> Ensemble:
        """Chains that start in independent draws of the prior."""
        stream = self._stream("chains")
        start = self.prior * torch.randn(chains, 2, generator=stream, **self.options)
        return Ensemble(self.plane, self.target, start, self.step, stream)

    def params(self, point: Point) -> dict[str, Tensor]:
        """The parameters (M, …) by name, as the experiment's own model takes them."""
        return named_parameters(self.experiment.model, point.theta @ self.plane.basis)

    def _stream(self, purpose: str) -> Generator:
        return generator(self.experiment.device, self.experiment.settings.seed, purpose)
