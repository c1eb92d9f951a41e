"""What flows from room to room. Imports nothing of ours; tensors carry their shapes in comments.

Letters: B samples of a batch, S draws of z for each of them, K dimensions of z, N samples of a split.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution


@dataclass(frozen=True)
class Spec:
    """What a data set says about itself to whoever builds a model for it."""

    input_shape: tuple[int, ...]  # (channels, height, width) of images, (features,) of vectors
    classes: int | None  # labels are 0 … classes − 1; None: y is continuous
    train_size: int  # N, the number of training samples
    interval: tuple[float, float] | None  # the values that a normalised x can take; None: any real
    levels: int | None  # how many distinct equally spaced values a pixel has within it; None: continuous
    target_shape: tuple[int, ...] = ()  # of one y: () a label, (d,) d real numbers
    one_hot: bool = False  # whether x is one of `input_shape[0]` unit vectors


class Batch(NamedTuple):
    """Samples as the model sees them: normalised, and augmented in training."""

    x: Tensor  # (B, *input_shape) float
    y: Tensor  # (B,) int64 labels, or (B, d) float
    weight: Tensor | None = None  # (B,) ≥ 0, of mean 1 over the split; None: 1 for every sample


@dataclass(frozen=True)
class Pass:
    """What one pass of a batch through the model produced: all that a functional may look at.

    A part that the model does not have is None. Where z is enumerated, `z_weight` holds the probability of each of its
    S values, and what does not depend on x has 1 in place of B.
    """

    x: Tensor  # (B, *input_shape)
    y: Tensor  # (B, *target_shape)
    z: Tensor  # (S, B, K), drawn from q(z|x), or (S, 1, K): all values of a discrete z
    encoder: Distribution | None = None  # q(z|x): batch (B,), event (K,); None where z is a deterministic map of x
    marginal: Distribution | None = None  # m(z): event (K,)
    backward_encoder: Distribution | None = None  # b(z|y) at the batch's labels: batch (B,), event (K,)
    label_density: Distribution | None = None  # c(y|z): batch (S, B), event target_shape
    decoder: Distribution | None = None  # d(x|z): batch (S, B), event input_shape
    reports: dict[str, Tensor] = field(default_factory=dict)  # per-sample nats that layers measured on the way, (B,)
    weight: Tensor | None = None  # (B,), of the batch
    z_weight: Tensor | None = None  # (S, B): q(z|x) of each value; None: the S draws count alike
    averaged_encoder: Distribution | None = None  # q(z|x), whatever the weights: batch (B,), event (K,)
    weights_divergence: Tensor | None = None  # S, of the whole posterior of the weights: a scalar
    train_size: int | None = None  # N

    @property
    def class_logits(self) -> Tensor | None:
        """log c(y|z) up to a constant of each row, (S, B, classes), where y is a label and the model predicts it."""
        return getattr(self.label_density, "logits", None)

    def expected(self, values: Tensor) -> Tensor:
        """E_{q(z|x)} of values (S, B, …), exact where z is enumerated, otherwise the mean over the draws: (B, …)."""
        if self.z_weight is None:
            return values.mean(0)
        if values.shape[1] == 1:  # the same for each x: a matrix product
            return torch.tensordot(self.z_weight, values.squeeze(1), dims=([0], [0]))
        return (self.z_weight.view(*self.z_weight.shape, *(1,) * (values.dim() - 2)) * values).sum(0)

    def total(self, values: Tensor) -> Tensor:
        """The sum over the batch of values (B,), each as often as its sample weighs, or of one that all share, ()."""
        return self._weighed(values).expand(len(self.y)).sum(dtype=torch.float64)

    def mean(self, values: Tensor) -> Tensor:
        """The mean over the batch of values (B,), each as often as its sample weighs; of one that all share, itself."""
        return self._weighed(values).mean()

    def _weighed(self, values: Tensor) -> Tensor:
        return values if self.weight is None or values.dim() == 0 else self.weight * values
