"""The interface of a marginal m(z), against which the rate is measured."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from torch import Tensor, nn
from torch.distributions import Distribution

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.noise import Tape

Encode = Callable[[Tensor], Distribution]  # x (B, *input_shape) → q(z|x)


class Marginal(nn.Module):
    """m(z). Subclasses take the size K of z and the data's Spec, then their own keys."""

    uses_encoder = False  # whether m(z) is made of the model's own encodings
    discrete = False  # whether z is a unit vector

    @abstractmethod
    def forward(self, encode: Encode) -> Distribution:
        """The density m(z), event (K,). `encode` is the model's own map x → q(z|x), for marginals made of it."""

    def draw(self, count: int, tape: Tape, encode: Encode) -> Tensor:
        """Independent draws of m(z), (count, K), from the tape's numbers. Raises ConfigError where there is no way."""
        raise ConfigError(
            f"marginal: {type(self).__name__} has no draw(count, tape, encode), which critics and MMD need: choose "
            "another, such as standard_normal"
        )
