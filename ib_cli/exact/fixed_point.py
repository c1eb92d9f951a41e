"""The fixed-point iteration of the information bottleneck, many problems at once, and moves that free stuck ones.

F = I(X;Z) + β H(Y|Z) is minimised for each problem of a batch, with its own β. Its variable is the joint P(z, y)
(K, Y), which determines m(z) and c(y|z); a state z that is not used has a row of zeros. Letters of shapes: B problems,
K states, X values of x, Y values of y.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.special import entr

FORBIDDEN = -1e30  # stands for ln 0: unlike −∞ it gives 0 when multiplied by a probability of 0
ROUNDING = 1e-15  # of a difference of F


class Problem(NamedTuple):
    """What stays the same while a batch is solved."""

    x: Tensor  # (X,) p(x) > 0
    y_given_x: Tensor  # (X, Y)
    beta: Tensor  # (B,)

    def of(self, chosen: Tensor) -> Problem:
        """The problems at these indices."""
        return self._replace(beta=self.beta[chosen])


class Step(NamedTuple):
    """The result of an iteration; `value`, `log_mix` and `encoder` belong to the P(z, y) that it started from."""

    value: Tensor  # (B,) F = −Σ p(x) ln Σ_z m(z) L(x, z), the least over encoders at these m and c
    log_mix: Tensor  # (B, X) ln Σ_z m(z) L(x, z)
    encoder: Tensor  # (B, K, X) e(z|x)
    joint: Tensor  # (B, K, Y) the next P(z, y)


def log_likelihood(problem: Problem, c: Tensor) -> Tensor:
    """ln L(x, z) = β Σ_y p(y|x) ln c(y|z) (B, K, X) of c (B, K, Y)."""
    log_c = torch.where(c > 0, c.log(), FORBIDDEN)
    return problem.beta[:, None, None] * (log_c @ problem.y_given_x.T)


def conditional(joint: Tensor) -> Tensor:
    """c(y|z) of P(z, y); zeros for a state that is not used."""
    m = joint.sum(-1, keepdim=True)
    return torch.where(m > 0, joint / m, 0)


def step(problem: Problem, joint: Tensor) -> Step:
    """e(z|x) ∝ m(z) L(x, z), then P(z, y) = Σ_x p(x) e(z|x) p(y|x) (Tishby, Pereira and Bialek 1999, Theorem 5)."""
    terms = joint.sum(-1).log()[..., None] + log_likelihood(problem, conditional(joint))
    log_mix = terms.logsumexp(1)
    encoder = terms.softmax(1)  # exp(terms − log_mix) would not sum to 1 where the terms are large
    return Step(-(log_mix @ problem.x), log_mix, encoder, (encoder * problem.x) @ problem.y_given_x)


def merge(problem: Problem, encoder: Tensor) -> Tensor:
    """The encoder after joining pairs of states where that does not raise F.

    Joining z and z' changes F by (m + m') (β JS(c, c') − JS(d, d')), with the Jensen–Shannon divergence of c(y|z) and
    of d(x|z) (Slonim and Tishby 1999, the agglomerative bottleneck). Pairs that are nearest to each other in c are
    tried.
    """
    if encoder.shape[1] < 2:
        return encoder
    of_x = encoder * problem.x
    of_y = of_x @ problem.y_given_x
    m, root = of_x.sum(-1), conditional(of_y).sqrt()
    used = m > 0
    distance = torch.cdist(root, root, compute_mode="donot_use_mm_for_euclid_dist")
    apart = ~(used[:, :, None] & used[:, None, :]) | torch.eye(m.shape[1], dtype=torch.bool)
    nearest = distance.masked_fill(apart, torch.inf).argmin(-1)  # (B, K)
    this = torch.arange(m.shape[1])
    mutual = (nearest.gather(1, nearest) == this) & (this < nearest) & used & used.gather(1, nearest)

    def kept_apart(joint: Tensor) -> Tensor:  # (m + m') JS of the rows of a joint table, (B, K)
        other = joint.gather(1, nearest[..., None].expand_as(joint))
        both = joint + other
        weight, weights = joint.sum(-1), both.sum(-1)
        mixed = entr(both).sum(-1) - entr(weights)
        single = entr(joint).sum(-1) - entr(weight)
        return mixed - single - single.gather(1, nearest)

    change = problem.beta[:, None] * kept_apart(of_y) - kept_apart(of_x)
    chosen = mutual & (change <= ROUNDING)
    batch, first = chosen.nonzero(as_tuple=True)
    second = nearest[batch, first]
    merged = encoder.clone()
    merged[batch, first] += encoder[batch, second]
    merged[batch, second] = 0
    return merged


def prune(problem: Problem, joint: Tensor) -> Tensor:
    """P(z, y) without the state whose removal changes F least, in each problem where that does not raise F."""
    m, terms = joint.sum(-1), log_likelihood(problem, conditional(joint))
    weighted = m.log()[..., None] + terms
    mix = weighted.logsumexp(1, keepdim=True)
    share = (weighted - mix).exp().clamp(max=1)  # e(z|x), which rounding may leave above 1
    rest = torch.log1p(-share) - torch.log1p(-m)[..., None]  # ln of the mix without z
    change = torch.where((m > 0) & (m < 1), -(rest @ problem.x), torch.inf)
    least, worst = change.min(1)
    pruned = joint.clone()
    batch = (least <= 0).nonzero()[:, 0]
    pruned[batch, worst[batch]] = 0
    return pruned / pruned.sum((1, 2), keepdim=True)


def insert(problem: Problem, joint: Tensor, log_mix: Tensor, c: Tensor) -> Tensor:
    """P(z, y) with a state c (B, Y) in the first free row; its probability is the best of 1/2, 1/4, …."""
    shares = 0.5 ** torch.arange(1, 50, dtype=c.dtype)
    ratio = log_likelihood(problem, c[:, None])[:, 0] - log_mix  # ln L / mix
    mixed = torch.logaddexp(torch.log1p(-shares)[:, None], shares.log()[:, None] + ratio[:, None])  # (B, shares, X)
    share = shares[(mixed @ problem.x).argmax(1)][:, None]
    free = (joint.sum(-1) == 0).int().argmax(1)
    added = joint * (1 - share[..., None])
    added[torch.arange(len(added)), free] = share * c
    return added


def reduced(problem: Problem, joint: Tensor) -> Tensor:
    """P(z, y) (K, Y) of one problem with at most X used states, the most probable first, and no higher F.

    By Carathéodory's theorem: the shares e(z|x) of more than X states depend on each other, Σ_z v(z) e(z|x) = 0. Along
    v the factor of m(z) L(x, z) moves to 1 + t v(z), which keeps the mix, until a state has probability 0.
    """
    joint = joint.clone()
    while len(used := joint.sum(-1).nonzero()[:, 0]) > len(problem.x):
        shares = step(problem, joint[None, used]).encoder[0]
        move = torch.linalg.svd(shares.T)[2][-1]
        if joint[used].sum(-1) @ move > 0:  # what is left is scaled up to 1, which lowers F
            move = -move
        steps = torch.where(move < 0, -1 / move, torch.inf)
        factor = (1 + steps.min() * move).clamp(min=0)
        factor[steps.argmin()] = 0
        joint[used] *= factor[:, None]
        joint /= joint.sum()
    return joint[joint.sum(-1).argsort(descending=True, stable=True)]
