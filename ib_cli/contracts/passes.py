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

    x: Tensor  # (G, *input_shape) float; G = B, or each x is shared by the B/G samples that stand together
    y: Tensor  # (B,) int64 labels, or (B, d) float
    weight: Tensor | None = None  # (B,) ≥ 0, of mean 1 over the split; None: 1 for every sample


@dataclass(frozen=True)
class Pass:
    """What one pass of a batch through the model produced: all that a functional may look at.

    A part that the model does not have is None. Where z is enumerated, `z_weight` holds the probability of each of its
    S values, and what does not depend on x has 1 in place of B. Where samples share their x, what depends on x alone
    has G in place of B, for a discrete z; otherwise G = B.
    """

    x: Tensor  # (G, *input_shape)
    y: Tensor  # (B, *target_shape)
    z: Tensor  # (S, B, K), drawn from q(z|x), or (S, 1, K): all values of a discrete z
    encoder: Distribution | None = None  # q(z|x): batch (B,), event (K,); None where z is a deterministic map of x
    marginal: Distribution | None = None  # m(z): event (K,)
    backward_encoder: Distribution | None = None  # b(z|y) at the batch's labels: batch (B,), event (K,)
    label_density: Distribution | None = None  # c(y|z): batch (S, B), event target_shape
    decoder: Distribution | None = None  # d(x|z): batch (S, B), event input_shape
    reports: dict[str, Tensor] = field(default_factory=dict)  # per-sample nats that layers measured on the way, (B,)
    weight: Tensor | None = None  # (B,), of the batch
    z_weight: Tensor | None = None  # (S, G): q(z|x) of each value; None: the S draws count alike
    averaged_encoder: Distribution | None = None  # q(z|x), whatever the weights: batch (B,), event (K,)
    weights_divergence: Tensor | None = None  # S, of the whole posterior of the weights: a scalar
    train_size: int | None = None  # N
    classes: int | None = None  # how many labels y has; None: y is continuous
    earlier: Tensor | None = None  # (classes, 1 + 3K): sums of moments of z over the batches before, 0 in evaluation

    @property
    def class_logits(self) -> Tensor | None:
        """log c(y|z) up to a constant of each row, (S, B, classes), where y is a label and the model predicts it."""
        return getattr(self.label_density, "logits", None)

    def by_class(self, values: Tensor) -> Tensor:
        """Sums of values (B, n) or (G, n) over the samples of each label, each as often as it weighs: (classes, n).

        In float64, as `total`. Of q(z|x) they are p(y, z)."""
        labels = torch.arange(self.classes, device=self.y.device)
        members = (self.y.unsqueeze(1) == labels).double()
        return self.weighed(members).T @ self.of_samples(values).double()

    def expected(self, values: Tensor) -> Tensor:
        """E_{q(z|x)} of values (S, B, …), exact where z is enumerated, otherwise the mean over the draws: (B, …).

        Of values (S, G, …), and of those that all x share, (S, 1, …), it is (G, …)."""
        if self.z_weight is None:
            return values.mean(0)
        if values.shape[1] == 1:  # the same for each x: a matrix product
            return torch.tensordot(self.z_weight, values.squeeze(1), dims=([0], [0]))
        q = self.z_weight
        if values.shape[1] != q.shape[1]:
            q = self.of_samples(q.T).T
        return (q.view(*q.shape, *(1,) * (values.dim() - 2)) * values).sum(0)

    def of_samples(self, values: Tensor) -> Tensor:
        """Values (G, …) of each x, for each sample, (B, …); those of each sample stay as they are."""
        shared = len(self.y) // len(values)
        return values if shared == 1 else values.unsqueeze(1).expand(-1, shared, *values.shape[1:]).flatten(0, 1)

    def total(self, values: Tensor) -> Tensor:
        """The sum over the batch of values (B,) or (G,), each as often as its samples weigh, or of one for all, ()."""
        return self.weighed(values).expand(len(self.y)).sum(dtype=torch.float64)

    def mean(self, values: Tensor) -> Tensor:
        """The mean over the batch of values (B,) or (G,), each as often as its samples weigh; one for all is itself."""
        return self.weighed(values).mean()

    def weighed(self, values: Tensor) -> Tensor:
        """Values (B, …) or (G, …) of each sample times its weight, (B, …); one for all, (), as it is."""
        if values.dim() == 0:
            return values
        values = self.of_samples(values)
        return values if self.weight is None else self.weight.view(-1, *(1,) * (values.dim() - 1)) * values
