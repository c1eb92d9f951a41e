"""The interface of a bottleneck: features → q(z|x) and draws of z from it."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor, nn
from torch.distributions import Distribution

from ib_cli.contracts.noise import Tape
from ib_cli.contracts.passes import Codes

Encoded = tuple[Distribution | None, Tensor] | tuple[Distribution, Tensor, Tensor] | tuple[None, Tensor, Codes]


class Bottleneck(nn.Module):
    """Subclasses set `size` (K, the dimensions of z) and `stochastic` (whether q(z|x) has a density)."""

    size: int
    stochastic: bool
    discrete = False  # whether z is one of the unit vectors
    encodes = True  # whether z depends on x; without, the model draws z from m(z)
    quantised = False  # whether z is made of codewords, and the bottleneck draws them: `draw(count, tape)`
    least_noise = False  # whether Var[z|x] has a positive lower bound

    @property
    def linear(self) -> str | None:
        """Name of the linear layer that computes Ẑ, if z is Ẑ or Ẑ plus noise independent of x; else None."""
        return None

    def density(self, features: Tensor) -> Distribution:
        """(B, features) → q(z|x), batch (B,), event (K,), where it has a density."""
        raise NotImplementedError(f"{type(self).__name__}: q(z|x) has no density")

    @abstractmethod
    def forward(self, features: Tensor, tape: Tape, samples: int) -> Encoded:
        """(B, features) → q(z|x), batch (B,), event (K,), or None if it has no density; and draws of z, (S, B, K).

        A bottleneck that enumerates z returns all its values instead of draws, (S, 1, K), and then the probability of
        each, (S, B). One that quantises z returns its codes third.
        """


class GaussianBottleneck(Bottleneck):
    """A bottleneck whose q(z|x) is a diagonal Gaussian, sampled with numbers from the tape."""

    stochastic = True

    @abstractmethod
    def density(self, features: Tensor) -> Distribution:
        """(B, features) → q(z|x), batch (B,), event (K,)."""

    def forward(self, features: Tensor, tape: Tape, samples: int) -> tuple[Distribution, Tensor]:
        """q(z|x) and z = mean + scale · ε, ε ~ N(0, 1)."""
        q = self.density(features)
        z = q.mean + q.stddev * tape.normal(samples, features.shape[0], self.size)
        return q, z
