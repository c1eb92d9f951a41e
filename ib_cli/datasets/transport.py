"""The law that optimal transport leads from one set of samples to another: pairs of them, and what lies between."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ib_cli.contracts.errors import ConfigError
from ib_cli.datasets.data import Split

CHUNK = 4096  # samples mixed at a time
TOLERANCE = 1e-6  # at which Sinkhorn's algorithm stops, and of the marginals' total variation
MOST = 2_000  # iterations with one ε; then ε is lowered step by step, which takes longer where the first way is quick
OFF = 1e-4  # of the marginals, from which it is told


@dataclass(frozen=True, eq=False)
class Pairs:
    """Each sample of a split of both domains, the source's first, with a partner in the other domain."""

    split: Split
    count: int  # n_s, samples of the source
    partner: Tensor  # (N,) int64: indices of samples of the split
    classes: int

    def at(self, t: float) -> Split:
        """The pairs at t: x = (1 − t) x_s + t x_t, p(y|x) = (1 − t) δ(y − y_s) + t δ(y − y_t) (eq. 37, Remark 11).

        The first n_s belong to the source's samples, whose partners are drawn from the coupling, the others to the
        target's; y is the label of the sample that a pair belongs to. x is float32, as stored.
        """
        part, N = self.split, len(self.split)
        share = torch.full((N,), float(t), device=part.y.device)
        share[: self.count] = 1 - t  # of the sample itself; its partner has the rest
        across = share.view(-1, *(1,) * (part.x.dim() - 1))
        x = torch.empty(part.x.shape, dtype=torch.float32, device=part.x.device)
        for some in torch.arange(N, device=part.y.device).split(CHUNK):
            x[some] = across[some] * part.x[some] + (1 - across[some]) * part.x[self.partner[some]]
        own, other = one_hot(part.y, self.classes), one_hot(part.y[self.partner], self.classes)
        return replace(part, x=x, y_probabilities=share.unsqueeze(1) * own + (1 - share.unsqueeze(1)) * other)


def partners(
    x: Tensor, count: int, regularisation: float, at_once: int, draws: np.random.Generator
) -> tuple[Tensor, tuple[str, ...]]:
    """A partner for each sample x (N, …), of which the first `count` are the source's, and what to doubt, a line each.

    Partners are drawn from the coupling Γ of least cost κ = ‖x_s − x_t‖² (eq. 36), by Sinkhorn's algorithm with the
    regulariser ε = `regularisation` times the mean κ: of x_s from Γ(x_t|x_s), of x_t from Γ(x_s|x_t). Sets of more than
    `at_once` samples are cut at random into parts of at most so many, and each is coupled with its own part (mini-batch
    optimal transport). Raises ConfigError without POT.
    """
    sinkhorn = _sinkhorn()
    x = x.flatten(1).float().cpu()
    blocks = -(-max(count, len(x) - count) // at_once)
    sides = [torch.from_numpy(draws.permutation(count)), count + torch.from_numpy(draws.permutation(len(x) - count))]
    found, slow = torch.empty(len(x), dtype=torch.int64), 0
    for source, target in zip(*(side.tensor_split(blocks) for side in sides)):
        coupling, reached = sinkhorn(x[source], x[target], regularisation)
        slow += not reached
        found[source] = target[_drawn(coupling, draws)]
        found[target] = source[_drawn(coupling.T, draws)]
    if not slow:
        return found, ()
    return found, (
        f"dataset.regularisation={regularisation:g}: Sinkhorn's algorithm has not converged in {slow} of {blocks} "
        f"couplings, whose marginals are off by more than {OFF:g}: a larger regulariser converges faster",
    )


def coupling(source: Tensor, target: Tensor, regularisation: float) -> Tensor:
    """Γ (n_s, n_t) in float64 of samples (n_s, D) and (n_t, D), of total mass 1. Raises ConfigError without POT."""
    return torch.from_numpy(_sinkhorn()(source, target, regularisation)[0])


def _sinkhorn() -> Callable[[Tensor, Tensor, float], tuple[np.ndarray, bool]]:
    """Samples of both sides and the regulariser → Γ, and whether the marginals are as they should be."""
    try:
        import ot
    except ImportError:
        raise ConfigError(
            "dataset.path=transport: optimal transport is computed by POT: pip install -e '.[transport]'"
        ) from None

    def solved(source: Tensor, target: Tensor, regularisation: float) -> tuple[np.ndarray, bool]:
        cost = torch.cdist(source.double(), target.double()).square()
        cost /= cost.mean().clamp(min=torch.finfo(cost.dtype).tiny)
        shares = [np.full(size, 1 / size) for size in cost.shape]
        for method in ("sinkhorn_stabilized", "sinkhorn_epsilon_scaling"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the marginals are checked below
                plan = ot.sinkhorn(
                    *shares, cost.numpy(), regularisation, method=method, numItermax=MOST, stopThr=TOLERANCE
                )
            off = max(abs(plan.sum(1 - axis) - share).sum() for axis, share in enumerate(shares))
            if off <= 10 * TOLERANCE:
                break
        return plan, bool(off <= OFF)

    return solved


def _drawn(plan: np.ndarray, draws: np.random.Generator) -> Tensor:
    """A column of each row, with probabilities in proportion to the row."""
    sums = plan.cumsum(1)
    places = draws.random(len(plan))[:, None] * sums[:, -1:]
    return torch.from_numpy((sums <= places).sum(1).clip(max=plan.shape[1] - 1))
