"""The interface of a marginal m(z), against which the rate is measured."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.distributions import Distribution

from ib_cli.contracts.noise import Tape

Encode = Callable[[Tensor], Distribution]  # x (B, *input_shape) → q(z|x)


class Marginal(nn.Module):
    """m(z). Subclasses take the size K of z and the data's Spec, then their own keys."""

    uses_encoder = False  # whether m(z) is made of the model's own encodings
    discrete = False  # whether z is a unit vector
    bounded = False  # whether m(z) = 0 somewhere, so that R is infinite for a Gaussian q(z|x)

    def forward(self, encode: Encode) -> Distribution:
        """The density m(z), event (K,). `encode` is the model's own map x → q(z|x), for marginals made of it.

        A marginal that can only be drawn from leaves this out: objectives with R refuse it.
        """
        raise NotImplementedError(f"{type(self).__name__}: m(z) has no density")

    def draw(self, count: int, tape: Tape, encode: Encode) -> Tensor:
        """Independent draws of m(z), (count, K), from the tape's numbers.

        A marginal that cannot be drawn from leaves this out: objectives with B, MMD or D_x refuse it.
        """
        raise NotImplementedError(f"{type(self).__name__}: m(z) cannot be drawn from")

    @property
    def samples_to_start(self) -> int:
        """So many training samples `start` is called with, or all where there are fewer; 0: it is not called."""
        return 0

    def start(self, x: Tensor) -> None:
        """Set the parameters from training samples x (n, *input_shape), drawn at random and normalised."""
        raise NotImplementedError(f"{type(self).__name__}: m(z) starts without samples")

    @property
    def rated(self) -> bool:
        """Whether R can be measured: m(z) has a density, which is nowhere 0."""
        return type(self).forward is not Marginal.forward and not self.bounded

    @property
    def drawable(self) -> bool:
        """Whether m(z) can be drawn from."""
        return type(self).draw is not Marginal.draw
