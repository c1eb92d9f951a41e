"""An affine change of the latent that the classifier undoes: another entropy, the same network."""

from __future__ import annotations

import math
from contextlib import closing

import torch
from torch import Generator, Tensor, nn

from ib_cli.contracts.errors import ConfigError, RunFailedError
from ib_cli.engine.loss import Tensors
from ib_cli.engine.passes import passes
from ib_cli.engine.portions import Portions
from ib_cli.experiment.experiment import Experiment
from ib_cli.model.blocks.layers import Linear, full_precision
from ib_cli.model.model import Model


class LatentScaling:
    """θ → the parameters of the network with gain ⊙ (Ẑ − mean) in place of Ẑ, and a classifier that undoes it.

    Ẑ = h W + b is the latent without the bottleneck's noise, and logits are z V + c (Unpacking Information Bottlenecks,
    §7.2). Then W, b, V and c become W diag(gain), gain ⊙ (b − mean), diag(gain)⁻¹ V and c + mean V, so that the logits
    are the same where z = Ẑ. Mean and gain, (K,), are buffers of the model, and so part of every checkpoint.
    """

    def __init__(self, model: Model) -> None:
        """Starts as the identity. Raises ConfigError as `encoder_path` and `classifier_path`."""
        self.model, self.encoder, self.classifier = model, encoder_path(model), classifier_path(model)
        like = model.get_parameter(f"{self.encoder}.bias").detach()
        model.register_buffer("latent_mean", torch.zeros_like(like))
        model.register_buffer("latent_gain", torch.ones_like(like))

    def __call__(self, params: Tensors, buffers: Tensors) -> dict[str, Tensor]:
        """The scaled parameters, differentiable in `params`."""
        mean, gain = buffers["latent_mean"], buffers["latent_gain"]
        W, b, V, c = (params[name] for name in self._names)
        scaled = (W * gain, (b - mean) * gain, V / gain.unsqueeze(1), c + mean @ V)
        return {**params, **dict(zip(self._names, scaled))}

    @property
    def _names(self) -> list[str]:
        return [f"{layer}.{name}" for layer in (self.encoder, self.classifier) for name in ("weight", "bias")]

    @torch.no_grad()
    def fit(self, mean: Tensor, variance: Tensor, nats: float) -> None:
        """Choose mean and gain so that latents with these moments, (K,), get mean 0 and (K/2) ln(2πe s²) = `nats`.

        Every dimension then has the standard deviation s = exp(nats/K) / √(2πe).
        Raises RunFailedError where a dimension does not vary, or its variance is not finite.
        """
        broken = ~((variance > 0) & variance.isfinite())
        if broken.any():
            k = int(broken.nonzero()[0])
            raise RunFailedError(
                f"dimension {k} of the latent has variance {variance[k].item():g}: it cannot be scaled"
            )
        s = math.exp(nats / len(mean)) / math.sqrt(2 * math.pi * math.e)
        self.model.get_buffer("latent_mean").copy_(mean)
        self.model.get_buffer("latent_gain").copy_(s / variance.sqrt())

    @torch.no_grad()
    def settle(self, params: Tensors) -> None:
        """Make the scaled parameters the parameters, in place, and the scaling the identity."""
        scaled = self(params, dict(self.model.named_buffers()))
        for name in self._names:
            params[name].copy_(scaled[name])
        self.model.get_buffer("latent_mean").zero_()
        self.model.get_buffer("latent_gain").fill_(1)


def encoder_path(model: Model) -> str:
    """The path of the linear layer whose output is Ẑ. Raises ConfigError where there is none."""
    if model.bottleneck.linear is None:
        raise ConfigError(
            f"bottleneck: procedure=noise_scaling scales a linear map to z, which "
            f"{type(model.bottleneck).__name__} does not have as it is: choose bottleneck=zero_entropy_noise, or "
            "deterministic or dropout with bottleneck.size"
        )
    return f"bottleneck.{model.bottleneck.linear}"


def classifier_path(model: Model) -> str:
    """The path of the linear classifier of z. Raises ConfigError for more layers, or if other parts read z as well."""
    layers = getattr(model.classifier, "network", None)
    if not (isinstance(layers, nn.Sequential) and len(layers) == 1 and isinstance(layers[0], Linear)):
        raise ConfigError(
            "classifier: procedure=noise_scaling counter-scales a linear classifier: choose classifier=linear and an "
            "objective with C, such as ce"
        )
    if others := [part for part in ("decoder", "marginal", "backward_encoder") if getattr(model, part) is not None]:
        raise ConfigError(
            f"{others[0]}: procedure=noise_scaling counter-scales the classifier alone, and this objective has z read "
            f"by {' and '.join(others)}, too: choose another one, such as ce"
        )
    return "classifier.network.0"


@torch.no_grad()
def latent_moments(
    experiment: Experiment, params: Tensors, buffers: Tensors, noise: Generator, portions: Portions | None = None
) -> tuple[Tensor, Tensor]:
    """Mean and variance of Ẑ over the train split, (K,) in float64; one draw per sample if Ẑ is random.

    `portions`, kept over calls, remember what did not fit in memory.
    """
    model, start = experiment.model, noise.get_state()
    portions = portions or Portions(experiment.settings.eval_batch_size)
    seen: list[Tensor] = []

    def summed() -> Tensor:
        """Sums of 1, Ẑ and Ẑ², (3, K)."""
        noise.set_state(start)
        seen.clear()
        sums: Tensor | float = 0.0
        precision, batch_size = experiment.settings.precision, portions.samples
        with closing(
            passes(
                model,
                experiment.data,
                "train",
                params=params,
                buffers=buffers,
                noise=noise,
                precision=precision,
                batch_size=batch_size,
            )
        ) as found:
            for p in found:
                latent = seen[-1].view(len(p.y), -1)  # the last call; planning the noise called the layer before
                sums = sums + p.weighed(torch.stack([torch.ones_like(latent), latent, latent.square()], 1)).sum(0)
                seen.clear()
        return torch.as_tensor(sums)

    hook = model.get_submodule(encoder_path(model)).register_forward_hook(
        lambda layer, inputs, output: seen.append(full_precision(output).double())
    )
    try:
        total, first, second = portions.fitted(summed, len(experiment.data.splits["train"]))
    finally:
        hook.remove()
    mean = first / total
    return mean, second / total - mean.square()
