"""Divergences D(P‖Q) that a critic T estimates from samples of P and Q, and the loss that trains T for each."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar, Literal

from torch import Tensor
from torch.nn.functional import softplus

Kind = Literal[
    "density_ratio", "kl", "reverse_kl", "jensen_shannon", "hellinger", "pearson", "non_saturating", "wasserstein"
]


class Divergence(ABC):
    """T at samples of P and of Q, (S, B) and (S', B) → numbers of each sample (B,).

    For all but Wasserstein's, logistic regression of P against Q trains T, so that T → ln p/q. What T is put into is
    then the f-GAN bound of the divergence (Nowozin, Cseke and Tomioka 2016, eq. 4), an equality at T = ln p/q.
    """

    reaches_p: ClassVar[bool] = True  # whether the estimate has a gradient for the samples of P
    reaches_q: ClassVar[bool] = True  # the same for Q
    penalised: ClassVar[bool] = False  # whether T must be kept smooth by a penalty on its gradient

    @abstractmethod
    def estimate(self, of_p: Tensor, of_q: Tensor) -> Tensor:
        """The divergence, (B,), whose mean over the batch is the estimate."""

    def loss(self, of_p: Tensor, of_q: Tensor) -> Tensor:
        """What the critic minimises, (B,)."""
        return softplus(-of_p).mean(0) + softplus(of_q).mean(0)


class DensityRatio(Divergence):
    """KL(P‖Q) = E_P ln p/q, so P must be the law that is trained. No bound: T may be too large or too small."""

    reaches_q = False

    def estimate(self, of_p: Tensor, of_q: Tensor) -> Tensor:
        """T at the samples of P."""
        return of_p.mean(0)


class Kl(Divergence):
    """KL(P‖Q) ≥ E_P T − E_Q e^T + 1 (Nguyen, Wainwright and Jordan 2010)."""

    def estimate(self, of_p: Tensor, of_q: Tensor) -> Tensor:
        """The bound."""
        return of_p.mean(0) - of_q.exp().mean(0) + 1


class ReverseKl(Divergence):
    """KL(Q‖P) = −E_Q ln p/q: with it a generator Q follows the logits of its own samples, which never saturate."""

    reaches_p = False

    def estimate(self, of_p: Tensor, of_q: Tensor) -> Tensor:
        """−T at the samples of Q."""
        return -of_q.mean(0)


class JensenShannon(Divergence):
    """2 JS(P, Q) = 2 ln 2 + E_P ln σ(T) + E_Q ln σ(−T), at most 2 ln 2 (Goodfellow et al. 2014, eq. 6)."""

    def estimate(self, of_p: Tensor, of_q: Tensor) -> Tensor:
        """2 ln 2 less the critic's loss."""
        return 2 * math.log(2) - self.loss(of_p, of_q)


class Hellinger(Divergence):
    """∫ (√p − √q)² ≥ 2 − E_P e^{−T/2} − E_Q e^{T/2}, at most 2."""

    def estimate(self, of_p: Tensor, of_q: Tensor) -> Tensor:
        """The bound."""
        return 2 - (-of_p / 2).exp().mean(0) - (of_q / 2).exp().mean(0)


class Pearson(Divergence):
    """χ²(P‖Q) = ∫ (p − q)²/q ≥ 2 E_P (e^T − 1) − E_Q (e^{2T} − 1)."""

    def estimate(self, of_p: Tensor, of_q: Tensor) -> Tensor:
        """The bound."""
        return 2 * (of_p.exp() - 1).mean(0) - ((2 * of_q).exp() - 1).mean(0)


class NonSaturating(Divergence):
    """−E_Q ln 2σ(T): 0 for equal laws, and a generator's usual loss (Goodfellow et al. 2014, §3), no divergence.

    Its gradient for Q is that of KL(Q‖P) − 2 JS(P, Q) at T = ln p/q (Arjovsky and Bottou 2017, Theorem 2.5).
    """

    reaches_p = False

    def estimate(self, of_p: Tensor, of_q: Tensor) -> Tensor:
        """−ln σ(T) at the samples of Q, less ln 2."""
        return softplus(-of_q).mean(0) - math.log(2)


class Wasserstein(Divergence):
    """W₁(P, Q) = max over T of slope 1 of E_P T − E_Q T (Arjovsky et al. 2017), in units of the samples, not nats."""

    penalised = True

    def estimate(self, of_p: Tensor, of_q: Tensor) -> Tensor:
        """The difference of both means."""
        return of_p.mean(0) - of_q.mean(0)

    def loss(self, of_p: Tensor, of_q: Tensor) -> Tensor:
        """Its negative."""
        return -self.estimate(of_p, of_q)


DIVERGENCES: dict[str, type[Divergence]] = {
    "density_ratio": DensityRatio,
    "kl": Kl,
    "reverse_kl": ReverseKl,
    "jensen_shannon": JensenShannon,
    "hellinger": Hellinger,
    "pearson": Pearson,
    "non_saturating": NonSaturating,
    "wasserstein": Wasserstein,
}
