"""Chains of parameters at one or several temperatures: their state, and their steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Generator, Tensor

from ib_cli.engine.seeds import continued, generator
from ib_cli.procedures.thermodynamics.weight_energy import WeightEnergy
from ib_cli.sampling.averages import Average, average, ratio
from ib_cli.sampling.boltzmann import Boltzmann, Point
from ib_cli.sampling.langevin import step_size, unadjusted
from ib_cli.sampling.metropolis import adapted, adjusted
from ib_cli.sampling.temperature import centres, virial
from ib_cli.sampling.tempering import swapped

OWN = ("virial", "free", "acceptance", "swaps", "step")  # measures besides the energy's parts


@dataclass(frozen=True)
class Dynamics:
    """How chains move."""

    temperatures: tuple[float, ...]  # σ, then the ladder's
    chains: int  # at each temperature
    prior: float
    size: tuple[float, float, float]  # a, b, c of the step size a (b + t)^−c at σ
    corrected: bool
    adapt: bool

    @property
    def rows(self) -> int:
        """Chains in all: first all of the first temperature, then all of the second, …"""
        return self.chains * len(self.temperatures)


@dataclass
class ChainState:
    """The present points of the chains, and all that was measured so far."""

    point: Point  # of all rows
    log_scale: Tensor  # of each chain's step size, as learned, (rows,)
    centre: Tensor  # about which the virial is taken, (rows, d)
    names: list[str]  # names of the point's parts
    epoch: int = 0
    step: int = 0
    step_in_epoch: int = 0
    noise: Tensor | None = None  # the generator's state within the present epoch
    sums: Tensor | None = None  # sums of all Q measures over the present epoch's steps, (Q, rows)
    series: list[Tensor] = field(default_factory=list)  # means of the measures in each epoch, (Q, rows)
    evaluations: dict[str, list[dict[str, list[float]]]] = field(default_factory=dict)  # after burn-in: split, chain
    seconds: float = 0.0
    estimate_seconds: float = 0.0

    def checkpoint(self) -> dict[str, Any]:
        """The state as tensors, numbers and strings alone."""
        return {**vars(self), "point": list(self.point)}

    @classmethod
    def restored(cls, checkpoint: Mapping[str, Any]) -> ChainState:
        """The state of a checkpoint. Raises KeyError where the checkpoint is of another kind."""
        found = {name: checkpoint[name] for name in cls.__dataclass_fields__}
        return cls(**{**found, "point": Point(*checkpoint["point"])})


class Chains:
    """Moves the chains of a state, and sums their measures."""

    def __init__(self, energy: WeightEnergy, dynamics: Dynamics, N: int, seed: int, state: ChainState | None) -> None:
        """Without a state, chains start in independent draws of the prior. N: training samples, in β = N/σ."""
        self.energy, self.dynamics, self.seed = energy, dynamics, seed
        self.device = energy.data.device
        options: dict[str, Any] = {"device": self.device, "dtype": energy.dtype}
        self.beta = N / torch.tensor(dynamics.temperatures, **options)
        self.target = Boltzmann(self.beta.repeat_interleave(dynamics.chains), dynamics.prior)
        self.N, self._options = N, options
        if state is None:
            energy.stream = generator(self.device, seed, "chains")
            theta = dynamics.prior * torch.randn(dynamics.rows, energy.size, generator=energy.stream, **options)
            state = ChainState(
                energy(theta), torch.zeros(dynamics.rows, **options), torch.zeros_like(theta), energy.names
            )
        self.state = state

    @property
    def names(self) -> list[str]:
        """The names of the measures."""
        return [*self.state.names, *OWN]

    @property
    def step_sizes(self) -> Tensor:
        """ε of each chain, (rows,): proportional to its temperature, times the learned scale."""
        hotter = self.beta[0] / self.target.beta
        return step_size(self.state.step, *self.dynamics.size) * hotter * self.state.log_scale.exp()

    def open(self) -> Generator:
        """Open the random numbers of the present epoch, at the present step."""
        (stream,) = continued(self.device, {self.seed: self.state.noise}, "chains", self.state.epoch)
        self.energy.stream = stream
        return stream

    def advance(self, learn: bool) -> None:
        """One step of all chains; `learn` says whether step sizes may still change."""
        state, dynamics, stream = self.state, self.dynamics, self.energy.stream
        sizes = self.step_sizes
        noise = torch.randn(state.point.theta.shape, generator=stream, **self._options)
        if dynamics.corrected:
            uniform = torch.rand(dynamics.rows, generator=stream, **self._options)
            state.point, acceptance = adjusted(state.point, self.target, self.energy, sizes, noise, uniform)
            if learn and dynamics.adapt:
                state.log_scale = adapted(state.log_scale, acceptance, state.step)
        else:
            state.point = unadjusted(state.point, self.target, self.energy, sizes, noise)
            acceptance = torch.ones_like(sizes)
        swaps = torch.zeros_like(sizes)
        if len(self.beta) > 1:
            swaps += self._swap(stream)
        self._measure(acceptance, swaps, sizes)
        state.step += 1
        state.step_in_epoch += 1

    def _swap(self, stream: Generator | None) -> Tensor:
        """Exchange neighbouring replicas; returns the mean probability per pair of neighbours and turn."""
        K, M = len(self.beta), self.dynamics.chains
        first = self.state.step % 2
        uniform = torch.rand((K - first) // 2, M, generator=stream, **self._options)
        self.state.point, probability = swapped(self.state.point, self.beta, first, uniform)
        return 2 * probability.sum() / ((K - 1) * M)  # each pair has its turn every other step

    def _measure(self, acceptance: Tensor, swaps: Tensor, sizes: Tensor) -> None:
        state = self.state
        over, free = virial(state.point, self.target.precision, state.centre)
        row = torch.stack([*state.point.parts.unbind(1), self.N * over, free, acceptance, swaps, sizes])
        state.sums = row if state.sums is None else state.sums + row

    def close_epoch(self) -> dict[str, float]:
        """Count the epoch as done; returns its averages of J and its parts at the first temperature."""
        state = self.state
        means = self.running()
        assert state.sums is not None  # an epoch has steps
        state.series.append(state.sums / state.step_in_epoch)
        state.epoch, state.step_in_epoch, state.noise, state.sums = state.epoch + 1, 0, None, None
        return means

    def settle(self) -> None:
        """Called when burn-in ends: fix the step sizes and the centres of the virial.

        All chains at a temperature get the median of their step sizes, for good. The centre of a chain's virial becomes
        the mean place of the other chains. Until then each chain learns its own step size, so that a chain that starts
        where the energy is steep finds a way out.
        """
        K, M = len(self.beta), self.dynamics.chains
        learned, places = self.state.log_scale.view(K, M), self.state.point.theta.view(K, M, -1)
        self.state.log_scale = learned.median(1).values.repeat_interleave(M)
        self.state.centre = centres(places).flatten(0, 1)

    def running(self) -> dict[str, float]:
        """Averages of J and its parts over the epoch so far, at the first temperature. Waits for the device."""
        state = self.state
        assert state.sums is not None  # a step is done
        means = (state.sums[:, : self.dynamics.chains].mean(1) / state.step_in_epoch).tolist()
        return dict(zip(self.state.names, means))

    def averages(self, burn_in: int) -> dict[str, Average]:
        """Averages of all measures over the epochs after the first `burn_in`, at the first temperature.

        Each epoch counts in proportion to its step sizes (Welling and Teh 2011, eq. 11).
        """
        return {name: average(of, self._weights(burn_in)) for name, of in self._kept(burn_in, 0).items()}

    def measured_temperature(self, burn_in: int, place: int) -> Average:
        """The temperature of the chains at this place of the ladder, by the virial theorem."""
        kept = self._kept(burn_in, place)
        return ratio(kept["virial"], kept["free"], self._weights(burn_in))

    def excess(self, burn_in: int, place: int) -> Average:
        """⟨v·∇U⟩/d − 1 of the chains at this place of the ladder: 0 at their temperature, above 0 if they are hotter.

        U = N J/σ + |θ|²/(2 prior²); see `virial`.
        """
        kept, d = self._kept(burn_in, place), self.state.point.theta.shape[1]
        away = kept["virial"] / self.dynamics.temperatures[place] - kept["free"]
        return average(away / d, self._weights(burn_in))

    def accepted(self, burn_in: int, place: int) -> Tensor:
        """The share of accepted steps of each chain at this place of the ladder, (chains,)."""
        return self._kept(burn_in, place)["acceptance"].mean(0)

    def _kept(self, burn_in: int, place: int) -> dict[str, Tensor]:
        M = self.dynamics.chains
        series = torch.stack(self.state.series[burn_in:])[..., place * M : (place + 1) * M]  # (T, Q, M)
        return dict(zip(self.names, series.unbind(1)))

    def _weights(self, burn_in: int) -> Tensor:
        return self._kept(burn_in, 0)["step"].mean(1)
