"""A mean-field Gaussian posterior over the weights (Graves 2011; Blundell et al. 2015)."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from annotated_types import Gt
from torch import Tensor, nn
from torch.nn.functional import softplus

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.noise import Tape
from ib_cli.model.weights.local import Local, is_local, output_deviation
from ib_cli.model.weights.posterior import Evaluate, Parts, Posterior, Tensors, Weight
from ib_cli.model.weights.prior import RHO, Prior, centred, mixture, trained

Kind = Literal["standard", "scaled", "posterior"]


class GaussianWeights(Posterior):
    """p(θ|data) = Π_i N(μ_i, s_i²) with s = softplus(ρ), and q(θ) = Π_i N(m_i, t_i²).

    S = Σ_i ln(t_i/s_i) + (s_i² + (μ_i − m_i)²)/(2 t_i²) − ½.

    `local=linear` adds the noise of linear layers to their outputs, independently for each sample. The outputs have the
    same law as with weights drawn for each sample (Kingma, Salimans and Welling 2015). `local=all` also does so for
    convolutions: each output has its exact law, but outputs at different places of an image are drawn independently.
    All other weights are drawn once a batch; with `local=none` these are all weights.

    `prior=posterior` is the posterior that the run in the folder `run` learned; with `start_there` training starts from
    it as well. With several folders q(θ) is the mean of their posteriors (TherML eq. 21), q = Σ_k q_k/K, training
    starts from the first, and S is the bound

        −ln Σ_k exp(−KL(p ‖ q_k))/K ≥ KL(p ‖ q)

    (Hershey and Olsen 2007), at most ln K above the least KL(p ‖ q_k), and tight where the q_k lie apart.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        parts: Parts,
        deviation: Annotated[float, Gt(0)],
        prior: Kind,
        scale: Annotated[float, Gt(0)] | None,
        run: str | list[str] | None,
        start_there: bool,
        local: Local,
        evaluate: Evaluate,
    ) -> None:
        """Raises ConfigError for keys that do not go together, or a prior that does not fit the model."""
        super().__init__(model, parts, evaluate)
        found = _prior(prior, scale, run)
        self.components = len(run) if isinstance(run, list) else None  # of the prior; None: it is one Gaussian
        for weight in self.weights:
            mean, spread = found(weight)
            start: Tensor | float = deviation
            if prior == "posterior" and start_there:
                weight.value.data.copy_(mean if self.components is None else mean[0])
                start = spread if self.components is None else spread[0]
            _add(weight, mean, spread, start)
        self.drawn = [weight for weight in self.weights if not is_local(weight.owner, local)]
        self.shared = bool(self.drawn)
        for layer in dict.fromkeys(weight.owner for weight in self.weights if is_local(weight.owner, local)):
            layer.register_forward_hook(self._with_noise)

    def draw(self, tensors: Tensors, tape: Tape) -> dict[str, Tensor]:
        """μ + s ε, ε ~ N(0, 1), for the weights whose noise is not added to outputs."""
        return {
            path: tensors[path] + softplus(tensors[RHO.format(path)]) * tape.normal(*tensors[path].shape)
            for _, _, path in self.drawn
        }

    def divergence(self, tensors: Tensors) -> Tensor:
        """S in closed form; of a mean of posteriors the bound above."""
        of_weights = [
            divergence(
                tensors[path],
                softplus(tensors[RHO.format(path)]),
                tensors[f"{path}_prior_mean"],
                tensors[f"{path}_prior_deviation"],
            )
            for _, _, path in self.weights
        ]
        if self.components is None:
            return sum(nats.sum() for nats in of_weights)
        of_components = torch.stack([nats.flatten(1).sum(1) for nats in of_weights]).sum(0)
        return math.log(self.components) - torch.logsumexp(-of_components, 0)

    def _with_noise(self, layer: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
        """A layer's output plus the noise of its weights; None, which leaves the output, if the pass draws none."""
        if self.tape is None:
            return None
        names = ["weight"] if layer.bias is None else ["weight", "bias"]
        variances = {name: softplus(getattr(layer, RHO.format(name))).square() for name in names}
        noise = output_deviation(layer, arguments[0], variances) * self.tape.normal(*output.shape)
        return output + noise.to(output.dtype)


def divergence(mean: Tensor, s: Tensor, m: Tensor, t: Tensor) -> Tensor:
    """KL(N(mean, s²) ‖ N(m, t²)) elementwise, in nats."""
    return (t / s).log() + (s.square() + (mean - m).square()) / (2 * t.square()) - 0.5


def _prior(kind: Kind, scale: float | None, run: str | list[str] | None) -> Prior:
    if scale is not None and kind != "scaled":
        raise ConfigError(f"weights.scale={scale}: is for weights.prior=scaled, and the prior is {kind}")
    if run is not None and kind != "posterior":
        raise ConfigError(f"weights.run={run}: is for weights.prior=posterior, and the prior is {kind}")
    if kind == "posterior":
        if not run:
            raise ConfigError("weights.run: prior=posterior needs the folder of a run with weights=gaussian")
        return trained(run) if isinstance(run, str) else mixture(run)
    return centred(1.0 if kind == "standard" else scale)


def _add(weight: Weight, mean: Tensor, spread: Tensor, deviation: float | Tensor) -> None:
    """Register ρ and the prior's mean and standard deviation beside a weight."""
    owner, name, _ = weight
    s = torch.as_tensor(deviation, dtype=torch.float64)
    rho = (s + torch.log(-torch.expm1(-s))).to(weight.value.dtype)  # softplus⁻¹
    owner.register_parameter(RHO.format(name), nn.Parameter(rho.expand(weight.value.shape).clone()))
    owner.register_buffer(f"{name}_prior_mean", mean.clone())
    owner.register_buffer(f"{name}_prior_deviation", spread.clone())
