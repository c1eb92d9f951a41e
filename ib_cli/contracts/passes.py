"""The data that flow between folders: `Spec`, `Batch` and `Pass`.

Comments give the shapes of tensors: B samples of a batch, G distinct inputs among them, S draws of z per sample,
K dimensions of z, N samples of a split.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.distributions import Distribution

from ib_cli.contracts.noise import NoiseOfLayer

T = TypeVar("T")


@dataclass(frozen=True)
class Spec:
    """The properties of a data set that a model is built from."""

    input_shape: tuple[int, ...]  # (channels, height, width) of images, (features,) of vectors
    classes: int | None  # labels are 0 … classes − 1; None: y is continuous
    train_size: int  # N, the number of training samples
    interval: tuple[float, float] | None  # lowest and highest value of a normalised x; None: any real number
    levels: int | None  # number of equally spaced values of a pixel in the interval; None: continuous
    target_shape: tuple[int, ...] = ()  # shape of one y: () for a label, (d,) for d real numbers
    one_hot: bool = False  # whether x is one of `input_shape[0]` unit vectors
    labels: dict[str, int] = field(default_factory=dict, hash=False)  # named labels → their classes; empty: y alone


class Batch(NamedTuple):
    """Samples as the model sees them: normalised, and augmented in training."""

    x: Tensor  # (G, *input_shape) float: G distinct inputs; each is shared by B/G consecutive samples
    y: Tensor  # (B,) int64 labels, or (B, d) float
    weight: Tensor | None = None  # (B,) ≥ 0, with mean 1 over the split; None: 1 for every sample
    y_probabilities: Tensor | None = None  # (B, classes): p(y|x) of labels that are not certain; None: y is certain


class Judged(NamedTuple):
    """A critic's verdict on samples of two laws."""

    estimate: Tensor  # (B,): their divergence is the mean
    of_p: Tensor  # (B,): T at the samples of the first law, a mean over their draws; T → ln p/q for most divergences


@dataclass(frozen=True)
class Codes:
    """The codewords that a quantised z is made of: one of L at each of P places, of d = K/P dimensions."""

    index: Tensor  # (B, P) int64: the number of the codeword chosen
    encoding: Tensor  # (B, P, d): what has been quantised
    codeword: Tensor  # (B, P, d): the codeword chosen
    log_m: Tensor  # (P, L): ln m(ẑ), the entropy model
    revived: Tensor  # (): codewords moved so far because no sample chose them
    soft: Callable[[], Tensor] | None = None  # makes q(j|e), (B, P, L), differentiable in e; None outside training

    @cached_property
    def chosen(self) -> Tensor:
        """1 at the codeword chosen, 0 elsewhere, (B, P, L); in training with the gradient of the soft choice.

        It is made when it is first read: B·P·L numbers, which a loss without a rate of codewords has no use for.
        """
        hard = one_hot(self.index, self.log_m.shape[-1], self.encoding.dtype)
        if self.soft is None:
            return hard
        soft = self.soft()
        return hard + (soft - soft.detach())  # in brackets exactly 0


def one_hot(index: Tensor, size: int, dtype: torch.dtype) -> Tensor:
    """Integers (…) → unit vectors (…, size)."""
    return (index.unsqueeze(-1) == torch.arange(size, device=index.device)).to(dtype)


@dataclass(frozen=True)
class Pass:
    """The result of one pass of a batch through the model: all that a functional may read.

    Parts that the model lacks are None. If z is enumerated, `z_weight` holds the probabilities of its S values, and
    tensors that do not depend on x have size 1 instead of B. If samples share inputs and z is discrete, tensors that
    depend on x alone have size G instead of B; otherwise G = B.
    """

    x: Tensor  # (G, *input_shape)
    y: Tensor  # (B, *target_shape)
    z: Tensor  # (S, B, K), drawn from q(z|x), or (S, 1, K): all values of a discrete z
    encoder: Distribution | None = None  # q(z|x): batch (B,), event (K,); None where z is a deterministic map of x
    marginal: Distribution | None = None  # m(z): event (K,)
    backward_encoder: Distribution | None = None  # b(z|y) at the batch's labels: batch (B,), event (K,)
    label_density: Distribution | None = None  # c(y|z): batch (S, B), event target_shape
    decoder: Distribution | None = None  # d(x|z): batch (S, B), event input_shape
    reports: dict[str, Tensor] = field(default_factory=dict)  # per-sample nats reported by layers, (B,)
    weight: Tensor | None = None  # (B,), the batch's weights
    z_weight: Tensor | None = None  # (S, G): q(z|x) for each value of z; None: the S draws have equal weight
    averaged_encoder: Distribution | None = None  # q(z|x), the same for all draws of weights: batch (B,), event (K,)
    weights_divergence: Tensor | None = None  # S of the whole posterior of the weights: a scalar
    train_size: int | None = None  # N of the training split
    classes: int | None = None  # number of labels; None: y is continuous
    noise_divergence: Tensor | None = None  # (B,): weighted sum of the KL of the noise layers; None: none has a prior
    kept: dict[str, NoiseOfLayer] = field(default_factory=dict)  # of the noise layers that the tape was asked to keep
    prior_z: Tensor | None = None  # (B, K), drawn from m(z)
    judged_z: Judged | None = None  # the critic's of q(z), the law of z, against m(z)
    judged_x: Judged | None = None  # the critic's of the data against what the decoder makes
    loss_z: Tensor | None = None  # (B,): what the critic of z minimises
    loss_x: Tensor | None = None  # (B,): what the critic of x minimises
    feature_distance: Tensor | None = None  # (B,): of x and its reconstruction in a layer of the critic of x
    mmd_z: Tensor | None = None  # (B,): the squared maximum mean discrepancy of z and prior_z is the mean
    codes: Codes | None = None  # of a quantised z
    earlier: Tensor | None = None  # (classes, 1 + 3K): sums of moments of z over earlier batches; 0 in evaluations
    y_probabilities: Tensor | None = None  # (B, classes): p(y|x), which counts instead of y; None: y is certain

    @property
    def class_logits(self) -> Tensor | None:
        """log c(y|z) up to a constant per row, (S, B, classes); None unless y is a label and the model predicts it."""
        return getattr(self.label_density, "logits", None)

    @property
    def code_logits(self) -> Tensor | None:
        """log q(z|x) of a discrete z, (G, K); None for any other z."""
        return getattr(self.encoder, "logits", None)

    def by_class(self, values: Tensor) -> Tensor:
        """Weighted sums of values (B, n) or (G, n) over the samples of each label, (classes, n), in float64.

        Labels that are not certain count by their probabilities. The sums of q(z|x) are the unnormalised p(y, z)."""
        return self.members.T @ self.of_samples(values).double()

    @property
    def members(self) -> Tensor:
        """The weight of each sample in each label, (B, classes), in float64: p(y|x) where y is not certain."""
        if self.y_probabilities is not None:
            return self.weighed(self.y_probabilities.double())
        labels = torch.arange(needed(self.classes), device=self.y.device)
        return self.weighed((self.y.unsqueeze(1) == labels).double())

    def right(self, labels: Tensor) -> Tensor:
        """The probability that labels (…, B), or (…, 1) for all samples, are y: (…, B); 1 or 0 where y is certain."""
        if self.y_probabilities is None:
            return (labels == self.y).float()
        labels = labels.expand(*labels.shape[:-1], len(self.y)).unsqueeze(-1)
        return self.y_probabilities.expand(*labels.shape[:-1], -1).gather(-1, labels).squeeze(-1)

    def expected(self, values: Tensor) -> Tensor:
        """E_{q(z|x)} of values (S, B, …): (B, …), exact if z is enumerated, else the mean over the draws.

        For values (S, G, …), and values (S, 1, …) shared by all x, the result is (G, …)."""
        if self.z_weight is None:
            return values.mean(0)
        if values.shape[1] == 1:  # the same for each x: a matrix product
            return torch.tensordot(self.z_weight, values.squeeze(1), dims=([0], [0]))
        q = self.z_weight
        if values.shape[1] != q.shape[1]:
            q = self.of_samples(q.T).T
        return (q.view(*q.shape, *(1,) * (values.dim() - 2)) * values).sum(0)

    def of_samples(self, values: Tensor) -> Tensor:
        """Values (G, …) per distinct x as values per sample, (B, …); values (B, …) stay unchanged."""
        shared = len(self.y) // len(values)
        return values if shared == 1 else values.unsqueeze(1).expand(-1, shared, *values.shape[1:]).flatten(0, 1)

    def total(self, values: Tensor) -> Tensor:
        """Weighted sum over the batch of values (B,) or (G,), in float64; a scalar counts once for each sample."""
        return self.weighed(values).expand(len(self.y)).sum(dtype=torch.float64)

    def mean(self, values: Tensor) -> Tensor:
        """Mean over the batch of values (B,) or (G,) times their weights; a scalar stays unchanged."""
        return self.weighed(values).mean()

    def weighed(self, values: Tensor) -> Tensor:
        """Values (B, …) or (G, …) times the weight of each sample, (B, …); a scalar stays unchanged."""
        if values.dim() == 0:
            return values
        values = self.of_samples(values)
        return values if self.weight is None else self.weight.view(-1, *(1,) * (values.dim() - 1)) * values


def needed(part: T | None) -> T:
    """A part that must be there: a functional's `needs` name it, or a check has found it."""
    if part is None:
        raise ValueError("a part is missing: a functional's `needs` must name all that it reads")
    return part
