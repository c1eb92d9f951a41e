"""Information Dropout: log-normal noise whose variance a network computes from x (Achille and Soatto 2018)."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Interval, MinLen
from torch import Tensor, nn

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.noise import Tape
from ib_cli.model.blocks.layers import full_precision
from ib_cli.model.noise.layer import LogNormalNoise
from ib_cli.model.noise.noise import Layers, Noise, Place
from ib_cli.model.noise.priors import LogNormal, LogUniform

ALPHA_MIN = 0.001  # the least α, as in the authors' code
ALPHA_LARGEST = 10.0  # of alpha_max: there E ε = e^{α²/2} is 5e21; beyond 13.3 it is no number of float32
HEAVIEST = 1e6  # of layer_weights, which weigh the layers against each other; β weighs them all
LEAST_MASS = 1e-6  # of zero_mass: −ln q grows without end towards 0
PRIORS = {"relu": "log_uniform", "softplus": "log_normal"}  # the prior that goes with an activation


class Information(Noise):
    """Information Dropout. The prior of a ReLU is `LogUniform`, that of a softplus `LogNormal`."""

    def __init__(
        self,
        *,
        layers: Layers,
        layer_weights: Annotated[list[Annotated[float, Interval(ge=0, le=HEAVIEST)]], MinLen(1)] | None,
        alpha_max: Annotated[float, Interval(gt=0, le=ALPHA_LARGEST)],
        prior: Literal["auto", "log_uniform", "log_normal"],
        zero: Literal["alpha", "mass"],
        zero_mass: Annotated[float, Interval(ge=LEAST_MASS, lt=1)],
        unit_mean: bool,
    ) -> None:
        super().__init__(layers)
        self.layer_weights, self.alpha_max, self.prior = layer_weights, alpha_max, prior
        self.zero, self.zero_mass, self.unit_mean = zero, zero_mass, unit_mean

    def layer(self, place: Place) -> InformationNoise:
        """Raises ConfigError for a prior that does not go with the place's activation, or a wrong number of weights."""
        weight = self._weight(place)
        prior: LogUniform | LogNormal
        if self._prior(place.activation) == "log_uniform":
            prior = LogUniform(self.alpha_max + ALPHA_MIN, self.zero, self.zero_mass)
        else:
            prior = LogNormal()
        return InformationNoise(place.name, place.new_map(), self.alpha_max, prior, self.unit_mean, weight)

    def _prior(self, activation: str) -> str:
        found = PRIORS.get(activation)
        if found is None:
            raise ConfigError(
                f"noise=information: has a prior for relu and for softplus activations, not for {activation}: choose "
                "architecture.activation=relu or softplus"
            )
        if self.prior in ("auto", found):
            return found
        fitting = next(name for name, prior in PRIORS.items() if prior == self.prior)
        raise ConfigError(
            f"noise.prior={self.prior}: is for {fitting} activations, and this architecture's are {activation}: choose "
            f"noise.prior={found}, or an architecture with activation={fitting}"
        )

    def _weight(self, place: Place) -> float:
        """The weight of this place's KL."""
        places = self.places(place.total)
        if self.layer_weights is None:
            return 1.0
        if len(self.layer_weights) != len(places):
            raise ConfigError(
                f"noise.layer_weights={list(self.layer_weights)}: this network has {len(places)} layers of noise: give "
                "each a weight, from the input up"
            )
        return self.layer_weights[places.index(place.number)]


class InformationNoise(LogNormalNoise):
    """ln ε ~ N(0, α(x)²), α(x) = 0.001 + α_max · sigmoid(map of the block's input)."""

    alpha_max: Tensor

    def __init__(
        self,
        name: str,
        alpha_map: nn.Module,
        alpha_max: float,
        prior: LogUniform | LogNormal,
        unit_mean: bool,
        weight: float,
    ) -> None:
        super().__init__(name, unit_mean, weight)
        self.alpha_map, self.prior = alpha_map, prior
        # A tensor, so that runs trained together may have different values.
        self.register_buffer("alpha_max", torch.tensor(alpha_max), persistent=False)

    def forward(self, clean: Tensor, x: Tensor, tape: Tape) -> Tensor:
        """f(x) (B, *units) and the block's input x → z (S·B, *units); reports the sum of the units' KL."""
        alpha = ALPHA_MIN + self.alpha_max * full_precision(self.alpha_map(x)).sigmoid()
        kl = self.prior(full_precision(clean), alpha, self.shift(alpha))
        tape.report(self.name, kl.flatten(1).sum(1))
        return self.noisy(clean, alpha, kl, tape)
