"""Chains of parameters at one or several temperatures: their state, and their steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Generator, Tensor

from ib_cli.engine.seeds import generator
from ib_cli.procedures.thermodynamics.weight_energy import WeightEnergy
from ib_cli.sampling.averages import Average, average, ratio
from ib_cli.sampling.boltzmann import Boltzmann, Point
from ib_cli.sampling.langevin import step_size, unadjusted
from ib_cli.sampling.metropolis import adapted, adjusted
from ib_cli.sampling.temperature import centres, virial
from ib_cli.sampling.tempering import swapped

OWN = ("virial", "free", "acceptance", "swaps", "step")  # what is measured beside the energy's parts


@dataclass(frozen=True)
class Dynamics:
    """How chains move."""

    temperatures: tuple[float, ...]  # σ, then those of the ladder
    chains: int  # at each of them
    prior: float
    size: tuple[float, float, float]  # a, b, c of the step size a (b + t)^−c at σ
    corrected: bool
    adapt: bool

    @property
    def rows(self) -> int:
        """Chains in all: those at the first temperature, then those at the second, …"""
        return self.chains * len(self.temperatures)


@dataclass
class ChainState:
    """Where the chains stand, and what was measured so far."""

    point: Point  # of all rows
    log_scale: Tensor  # of each chain's step size, as learned, (rows,)
    centre: Tensor  # about which the virial is taken, (rows, d)
    names: list[str]  # of the point's parts
    epoch: int = 0
    step: int = 0
    step_in_epoch: int = 0
    noise: Tensor | None = None  # the generator's state within the epoch under way
    sums: Tensor | None = None  # of all measures over its steps, (Q, rows)
    series: list[Tensor] = field(default_factory=list)  # their means of each epoch, (Q, rows)
    evaluations: dict[str, list[dict[str, list[float]]]] = field(default_factory=dict)  # after burn-in: split, chain
    seconds: float = 0.0
    estimate_seconds: float = 0.0

    def checkpoint(self) -> dict[str, Any]:
        """Tensors, numbers and strings alone."""
        return {**vars(self), "point": list(self.point)}

    @classmethod
    def restored(cls, checkpoint: Mapping[str, Any]) -> ChainState:
        """What `checkpoint` gave; raises KeyError where it was of something else."""
        found = {name: checkpoint[name] for name in cls.__dataclass_fields__}
        return cls(**{**found, "point": Point(*checkpoint["point"])})


class Chains:
    """Moves the chains of a state, and sums up what they measure."""

    def __init__(self, energy: WeightEnergy, dynamics: Dynamics, N: int, seed: int, state: ChainState | None) -> None:
        """Without a state, from independent draws of the prior. N is that of β = N/σ."""
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
        """Of the measures."""
        return [*self.state.names, *OWN]

    @property
    def step_sizes(self) -> Tensor:
        """ε of each chain, (rows,): in proportion to its temperature, times what was learned."""
        hotter = self.beta[0] / self.target.beta
        return step_size(self.state.step, *self.dynamics.size) * hotter * self.state.log_scale.exp()

    def open(self) -> Generator:
        """The numbers of the epoch under way, from where it stands."""
        stream = generator(self.device, self.seed, "chains", self.state.epoch)
        if self.state.noise is not None:
            stream.set_state(self.state.noise.cpu())
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
        """Let replicas change places; the mean probability over neighbours, counting those whose turn it is not."""
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
        """Count the epoch as done; the averages over it of J and its parts at the first temperature."""
        state = self.state
        means = self.running()
        assert state.sums is not None  # an epoch has steps
        state.series.append(state.sums / state.step_in_epoch)
        state.epoch, state.step_in_epoch, state.noise, state.sums = state.epoch + 1, 0, None, None
        return means

    def settle(self) -> None:
        """Before what is averaged begins: all chains at a temperature get the median of their step sizes, for good, and
        the mean place of the others as the centre of the virial.

        Until then each learns its own size, so that one which starts where the energy is steep finds a way out.
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
        """Of every measure over the epochs after the first `burn_in`, at the first temperature.

        Each epoch counts in proportion to its step sizes (Welling and Teh 2011, eq. 11).
        """
        return {name: average(of, self._weights(burn_in)) for name, of in self._kept(burn_in, 0).items()}

    def measured_temperature(self, burn_in: int, place: int) -> Average:
        """That of the chains at the temperature of this place, as the virial theorem tells it."""
        kept = self._kept(burn_in, place)
        return ratio(kept["virial"], kept["free"], self._weights(burn_in))

    def _kept(self, burn_in: int, place: int) -> dict[str, Tensor]:
        M = self.dynamics.chains
        series = torch.stack(self.state.series[burn_in:])[..., place * M : (place + 1) * M]  # (T, Q, M)
        return dict(zip(self.names, series.unbind(1)))

    def _weights(self, burn_in: int) -> Tensor:
        return self._kept(burn_in, 0)["step"].mean(1)
