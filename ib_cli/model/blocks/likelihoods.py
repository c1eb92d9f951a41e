"""The likelihoods of a decoder d(x|z). Pixels are independent given z, so log d(x|z) is a sum over pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Size, Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Independent, Laplace, Normal, constraints

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.passes import Spec
from ib_cli.model.blocks.densities import OneHot
from ib_cli.model.blocks.layers import full_precision

Kind = Literal["bernoulli", "gaussian", "laplace", "categorical", "one_hot"]


class GreyLevels(Distribution):
    """A categorical distribution over L equally spaced values between `low` and `high`, both included.

    `logits` (…, L) gives batch (…) and event (). A value counts as its nearest level.
    """

    arg_constraints = {"logits": constraints.real_vector}  # noqa: RUF012, torch's own convention

    def __init__(self, logits: Tensor, low: float, high: float) -> None:
        self._indices = Categorical(logits=logits, validate_args=False)
        self.logits = self._indices.logits
        self._low, self._last = low, logits.shape[-1] - 1
        self._step = (high - low) / self._last
        super().__init__(self._indices.batch_shape, validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The expected value (not index)."""
        indices = torch.arange(self._last + 1, dtype=self.logits.dtype, device=self.logits.device)
        return self._low + self._step * (self._indices.probs * indices).sum(-1)

    def sample(self, sample_shape: Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Values drawn independently, (*sample_shape, …)."""
        return self._low + self._step * self._indices.sample(torch.Size(sample_shape)).to(self.logits.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log probability of the nearest level."""
        return self._indices.log_prob(((value - self._low) / self._step).round().clamp(0, self._last))


@dataclass(frozen=True)
class Likelihood:
    """d(x|z) as a function of h, the output of a decoder's last layer, for data described by `spec`.

    gaussian     N(x; h, scale²) of each pixel
    laplace      exp(−|x − h|/scale) / (2 scale) of each pixel
    bernoulli    x log p + (1 − x) log(1 − p) with p = sigmoid(h). For x between 0 and 1 that is the cross-entropy,
                 not a normalised density
    categorical  softmax(h) over the pixel's levels
    one_hot      softmax(h) over the unit vectors, for x one of them

    Raises `ConfigError` if the values of the data do not suit the kind.
    """

    kind: Kind
    scale: float  # in gaussian and laplace
    spec: Spec

    def __post_init__(self) -> None:
        interval, levels = self.spec.interval, self.spec.levels
        if self.kind == "bernoulli" and interval != (0, 1):
            found = "any real number" if interval is None else f"in [{interval[0]:g}, {interval[1]:g}]"
            raise ConfigError(
                f"decoder.likelihood=bernoulli needs dataset.normalise=unit, which puts x in [0, 1]: here x is {found}"
            )
        if self.kind == "categorical" and (interval is None or levels is None or levels < 2):
            raise ConfigError(
                "decoder.likelihood=categorical needs pixels with equally spaced levels in an interval, "
                "which this data set or its dataset.normalise does not give: choose gaussian or laplace"
            )
        if self.kind == "one_hot" and not self.spec.one_hot:
            raise ConfigError("decoder.likelihood=one_hot needs a discrete x, as dataset=therml_toy or table has")

    @property
    def per_pixel(self) -> int:
        """The number of parameters for each value of x."""
        if self.kind != "categorical":
            return 1
        assert self.spec.levels is not None  # as `__post_init__` has checked
        return self.spec.levels

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the parameters of one x: input_shape with `per_pixel` times as many channels (or features)."""
        channels, *rest = self.spec.input_shape
        return (channels * self.per_pixel, *rest)

    @property
    def parameters(self) -> int:
        """The number of parameters of one x."""
        return math.prod(self.shape)

    def __call__(self, parameters: Tensor) -> Distribution:
        """Parameters (…, *shape) → d(x|z) with batch (…) and event input_shape; its mean is the reconstruction."""
        if self.kind == "one_hot":
            return OneHot(full_precision(parameters))
        return Independent(self._pixels(full_precision(parameters)), len(self.shape), validate_args=False)

    def _pixels(self, h: Tensor) -> Distribution:
        """One distribution per pixel; arguments are not validated, which would read tensor values."""
        match self.kind:
            case "bernoulli":
                return Bernoulli(logits=h, validate_args=False)
            case "gaussian":
                return Normal(h, self._scale_of(h), validate_args=False)
            case "laplace":
                return Laplace(h, self._scale_of(h), validate_args=False)
            case "categorical":
                assert self.spec.interval is not None  # as `__post_init__` has checked
                channel = -len(self.shape)
                logits = h.unflatten(channel, (self.spec.input_shape[0], self.per_pixel)).movedim(channel, -1)
                return GreyLevels(logits, *self.spec.interval)
            case "one_hot":
                raise NotImplementedError("the parts of a unit vector have no distributions of their own")

    def _scale_of(self, h: Tensor) -> Tensor:
        """The scale on the device of h, (): torch.distributions would copy a number there, and wait for the copy."""
        return h.new_full((), self.scale)
