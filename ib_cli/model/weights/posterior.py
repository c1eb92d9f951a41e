"""The interface of a distribution of weights: draws for a pass, and the divergence S from the prior."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple

from annotated_types import MinLen
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _NormBase

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.noise import Tape
from ib_cli.model.bottlenecks.quantiser import Quantiser
from ib_cli.model.noise.priors import LogNormal

Tensors = Mapping[str, Tensor]
Parts = Annotated[list[Literal["architecture", "bottleneck", "classifier", "decoder"]], MinLen(1)]
Evaluate = Literal["draw", "mean"]
# Normalisations, which scale units, and the prior of a noise layer and codewords, which must not depend on a draw.
NUMBERS = (_NormBase, nn.LayerNorm, nn.GroupNorm, LogNormal, Quantiser)


class Weight(NamedTuple):
    """A parameter that has a distribution."""

    owner: nn.Module  # the module that holds the parameter
    name: str  # its name in the owner
    path: str  # its name in the model

    @property
    def value(self) -> Tensor:
        """The parameter, or its replacement during a functional call."""
        return getattr(self.owner, self.name)


class Posterior(ABC):
    """p(θ|data) of the weights in some parts of a model; the weights are independent.

    The model's own parameters are the means (or the numbers that noise multiplies); further learned parameters of the
    distribution are registered beside them, in the same module. In a pass, weights come from `draw`, or stay at the
    means while noise is added to the outputs of layers; `tape` is set during a pass for that noise. Without a tape a
    model computes with the means.
    """

    shared = True  # whether some drawn weights are the same for all samples of a batch

    def __init__(self, model: nn.Module, parts: Sequence[str], evaluate: Evaluate, biases: bool = True) -> None:
        """`biases`: whether biases have a distribution too. Raises ConfigError if the parts have no weights."""
        self.weights = [weight for weight in _weights(model, parts) if biases or weight.name != "bias"]
        self.evaluate = evaluate
        self.tape: Tape | None = None
        if not self.weights:
            raise ConfigError(f"weights.parts={list(parts)}: these parts of the model have no weights to draw")

    @abstractmethod
    def draw(self, tensors: Tensors, tape: Tape) -> dict[str, Tensor]:
        """Weights for one pass, the same for all samples, from the model's parameters and buffers by name."""

    @abstractmethod
    def divergence(self, tensors: Tensors) -> Tensor:
        """S = KL(p(θ|data) ‖ q(θ)), the entropy of the weights (TherML §1.1): a scalar, in total nats."""

    def functional_call(
        self,
        model: nn.Module,
        tensors: Tensors,
        arguments: tuple[Any, Tape, Any],
        keys: Mapping[str, Any] = MappingProxyType({}),
    ) -> Any:
        """`torch.func.functional_call` of the model with drawn weights, and with S as the last positional argument.

        In evaluations with `evaluate=mean` the weights are the means.
        """
        S, (_, tape, _) = self.divergence(tensors), arguments
        if not model.training and self.evaluate == "mean":
            return functional_call(model, dict(tensors), (*arguments, S), dict(keys))
        drawn = self.draw(tensors, tape)
        self.tape = tape
        try:
            return functional_call(model, {**tensors, **drawn}, (*arguments, S), dict(keys))
        finally:
            self.tape = None


def _weights(model: nn.Module, parts: Sequence[str]) -> list[Weight]:
    """The parameters of these parts, without those of `NUMBERS`. Parts that the model lacks are skipped."""
    return [
        Weight(owner, name, f"{path}.{name}")
        for part in dict.fromkeys(parts)
        if getattr(model, part) is not None
        for path, owner in getattr(model, part).named_modules(prefix=part)
        if not isinstance(owner, NUMBERS)
        for name, _ in owner.named_parameters(recurse=False)
    ]
