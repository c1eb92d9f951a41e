"""Multiplicative log-normal noise on the weights (Achille and Soatto 2017; TherML App. B)."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, softplus

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.noise import Tape
from ib_cli.model.weights.posterior import Evaluate, Parts, Posterior, Tensors

LOGIT = "{}_alpha_logit"  # the name of the parameter whose sigmoid is α/α_max


class LognormalWeights(Posterior):
    """θ_i = w_i ε_i with ln ε_i ~ N(−α_i/2, α_i), so that E ε_i = 1, and α_i = α_max · sigmoid(a_i) learned.

    q(θ) is uniform in ln|θ|, which is not a normalised density. So S is the divergence up to a constant per weight,
    chosen such that S = 0 if every α_i = α_max:

        S = Σ_i −½ ln α_i + ½ ln α_max ≥ 0.

    Weights are drawn once a batch. With `biases` false, biases remain numbers, as in TherML's toy model.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        parts: Parts,
        alpha: Annotated[float, Gt(0)],
        largest: Annotated[float, Gt(0)],
        biases: bool,
        evaluate: Evaluate,
    ) -> None:
        """`alpha` is the initial α, `largest` is α_max. Raises ConfigError unless alpha < largest."""
        super().__init__(model, parts, evaluate, biases)
        if alpha >= largest:
            raise ConfigError(f"weights.alpha={alpha:g}: must be less than weights.largest={largest:g}")
        self.largest = largest
        for weight in self.weights:
            logit = torch.full_like(weight.value, math.log(alpha / (largest - alpha)))
            weight.owner.register_parameter(LOGIT.format(weight.name), nn.Parameter(logit))

    def draw(self, tensors: Tensors, tape: Tape) -> dict[str, Tensor]:
        """w exp(−α/2 + √α ν), ν ~ N(0, 1), for every weight."""
        drawn = {}
        for _, _, path in self.weights:
            log_alpha = math.log(self.largest) + logsigmoid(tensors[LOGIT.format(path)])
            noise = (log_alpha / 2).exp() * tape.normal(*tensors[path].shape) - log_alpha.exp() / 2
            drawn[path] = tensors[path] * noise.exp()
        return drawn

    def divergence(self, tensors: Tensors) -> Tensor:
        """S = ½ Σ ln(α_max/α), exactly."""
        return sum(softplus(-tensors[LOGIT.format(path)]).sum() for _, _, path in self.weights) / 2
