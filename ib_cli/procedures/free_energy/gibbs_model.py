"""A model of a categorical z without its encoder: m(z), d(x|z) and c(y|z) as functions of one vector, in float64."""

from __future__ import annotations

import math
from collections.abc import Mapping
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ib_cli.contracts.errors import ConfigError
from ib_cli.exact.gibbs import Costs, Law
from ib_cli.model.bottlenecks.enumerated import Enumerated
from ib_cli.model.marginals.categorical import Categorical
from ib_cli.model.model import Model

PARTS = ("marginal", "decoder", "classifier")


class GibbsModel:
    """The parts beside the encoder, with θ all their parameters. The encoder is the Gibbs law of (9)."""

    def __init__(self, model: Model, input_shape: tuple[int, ...]) -> None:
        """Copies the parts of a model that `check_parts` accepts."""
        self.parts: dict[str, nn.Module] = {name: deepcopy(getattr(model, name)).double().cpu() for name in PARTS}
        self.states, self._shape = model.bottleneck.size, input_shape
        parameters = [(f"{part}.{name}", each) for part in PARTS for name, each in self.parts[part].named_parameters()]
        self._sizes = {name: each.shape for name, each in parameters}
        self.start = torch.cat([each.detach().flatten() for _, each in parameters])  # (P,)
        likelihood = getattr(self.parts["decoder"], "likelihood", None)
        self.constant = 0.0 if likelihood is None else _constant(likelihood.kind, likelihood.scale, input_shape)

    def named(self, theta: Tensor) -> dict[str, Tensor]:
        """θ (P,) as the parameters of the model, by name."""
        parts = theta.split([math.prod(shape) for shape in self._sizes.values()])
        return {name: each.view(shape) for each, (name, shape) in zip(parts, self._sizes.items())}

    def costs(self, theta: Tensor, law: Law) -> Costs:
        """The terms of H (11) for each x and z, with D less its likelihood's constant; differentiable in θ."""
        of = self.named(theta)
        rate = -functional_call(self.parts["marginal"], _own(of, "marginal"), (None,)).logits.log_softmax(-1)
        decoder = functional_call(self.parts["decoder"], _own(of, "decoder"), (self._z,))
        distortion = -decoder.log_prob(law.x.view(-1, *self._shape)).T - self.constant  # (X, K)
        return Costs(rate, distortion, -law.y_given_x @ self.labels(theta).T)

    def labels(self, theta: Tensor) -> Tensor:
        """ln c(y|z), (K, Y); differentiable in θ."""
        found = functional_call(self.parts["classifier"], _own(self.named(theta), "classifier"), (self._z,))
        return found.logits[:, 0].log_softmax(-1)

    @property
    def _z(self) -> Tensor:
        """All values of z, (K, 1, K)."""
        return torch.eye(self.states, dtype=torch.float64)[:, None]

    def free_energy(self, theta: Tensor, lambda_: float, gamma: float, law: Law) -> Tensor:
        """J(θ) = −⟨ln Z⟩ (14), a differentiable scalar."""
        return -law.p @ (-self.costs(theta, law).hamiltonian(lambda_, gamma)).logsumexp(1)

    def encoder(self, theta: Tensor, lambda_: float, gamma: float, law: Law) -> Tensor:
        """e(z|x) = exp(−H)/Z (9), (X, K)."""
        return (-self.costs(theta, law).hamiltonian(lambda_, gamma)).softmax(1)


def check_parts(model: Model, procedure: str) -> None:
    """Raises ConfigError for a model that `GibbsModel` does not take."""
    if not isinstance(model.bottleneck, Enumerated) or not isinstance(model.marginal, Categorical):
        raise ConfigError(
            f"procedure={procedure} sums over the values of z: choose bottleneck=categorical marginal=categorical"
        )
    if model.decoder is None or model.classifier is None:
        raise ConfigError(f"procedure={procedure} needs a decoder and a classifier: choose objective=free_energy")
    if not isinstance(model.classifier, nn.Module) or hasattr(model.classifier, "of_pass"):
        raise ConfigError(f"procedure={procedure} needs a c(y|z) of z alone: choose classifier=linear or mlp")
    for name in ("decoder", "classifier"):
        if any(isinstance(each, nn.modules.batchnorm._BatchNorm) for each in getattr(model, name).modules()):
            raise ConfigError(
                f"{name}: procedure={procedure} takes no batch normalisation, which has no law of one z: choose "
                f"{name}=mlp, and {name}.batch_norm=false where there is that key"
            )


def _own(parameters: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    """A part's parameters, by their names in it."""
    return {name.removeprefix(f"{part}."): each for name, each in parameters.items() if name.startswith(f"{part}.")}


def _constant(kind: str, scale: float, shape: tuple[int, ...]) -> float:
    """ln of the normaliser of a likelihood, over all values of x."""
    of_one = {"gaussian": math.log(math.sqrt(2 * math.pi) * scale), "laplace": math.log(2 * scale)}
    return math.prod(shape) * of_one.get(kind, 0.0)
