"""Known noise: over a training set Z is a mixture of N Gaussians, and two Monte-Carlo sums enclose its entropy."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator

import torch
from torch import Generator, Tensor

from ib_cli.contracts.told_numbers import apart
from ib_cli.estimators import checked
from ib_cli.estimators.estimate import Estimate

LOG_2PI = math.log(2 * math.pi)
MARGIN = 2.4  # nats; an I[X;Z] closer to ln N is flagged; measured in docs/estimators.md
WIDTH = 0.6  # nats; ends farther apart are flagged, their middle says too little
APART = 3.0  # nats; the most that the gap between a sample's two terms counts in the value
ROUNDING = 1e-4  # nats; larger rounding errors are flagged
SEED = 2_718_281  # of the noise by default; not a seed that data are drawn with: noise must be independent of them
FEW = 100  # samples; with fewer a regressed coefficient adds more bias than it removes noise, so it is 1
BLOCK = {"cpu": 2**22, "cuda": 2**26}  # log-densities held at a time: 32 and 512 MiB


@dataclasses.dataclass(frozen=True)
class Components:
    """q(z|x_j) = N(mean_j, diag scale_j²), j = 1 … N, arranged so that log-densities are one matrix product.

    With a scale of its own for each component, log q(z|x_j) = [z², z] · [−1/2s_j², m_j/s_j²] + bias_j; with one shared
    scale, z and m_j are first divided by it, and log q(z|x_j) = z · m_j + bias_j − |z|²/2. Everything is in float64 and
    measured from the mean of the means: in float32 these sums of squares lose whole nats where classes lie far apart.
    """

    centre: Tensor  # (K,)
    scale: Tensor  # (K,) where shared, else (N, K)
    weights: Tensor  # (K, N) where shared, else (2K, N)
    bias: Tensor  # (N,)
    log_peak: Tensor  # log q(mean_j|x_j), () where the scale is shared, else (N,)

    @classmethod
    def of(cls, mean: Tensor, scale: Tensor) -> Components:
        """From means (N, K) and scales (K,) or (N, K), both float64."""
        centre = mean.mean(0)
        mean = (mean - centre) / scale
        log_peak = -scale.log().sum(-1) - mean.shape[1] * LOG_2PI / 2
        weights = mean if scale.dim() == 1 else torch.cat([-0.5 / scale**2, mean / scale], dim=1)
        return cls(centre, scale, weights.T.contiguous(), log_peak - mean.square().sum(1) / 2, log_peak)

    def log_density(self, z: Tensor) -> Tensor:
        """log q(z_i|x_j) in nats of z (M, K): (M, N)."""
        z = z - self.centre
        if self.scale.dim() == 1:
            z = z / self.scale
            return torch.addmm(self.bias, z, self.weights).sub_(z.square().sum(1, keepdim=True) / 2)
        return torch.addmm(self.bias, torch.cat([z.square(), z], dim=1), self.weights)


@dataclasses.dataclass(frozen=True)
class Entropy:
    """Terms (N,) in nats whose means are an entropy's lower end, the value between the ends, and the upper end."""

    low: Tensor
    middle: Tensor
    high: Tensor

    def __sub__(self, other: Entropy) -> Entropy:
        return Entropy(self.low - other.high, self.middle - other.middle, self.high - other.low)

    def estimate(self, quantity: str) -> Estimate:
        """The three means, an end being None where it is infinite; the standard error is the middle's."""
        value, n = float(self.middle.mean()), len(self.middle)
        ends = (float(terms.mean()) for terms in (self.low, self.high))
        low, high = (end if math.isfinite(end) else None for end in ends)
        return Estimate(quantity, "mixture", value, low, high, float(self.middle.std()) / math.sqrt(n), n=n)


def mixture_information(
    mean: Tensor,
    scale: Tensor | float,
    y: Tensor | None = None,
    *,
    draws: int = 1,
    generator: Generator | None = None,
    noise: Tensor | None = None,
) -> dict[str, Estimate]:
    """H[Z], H[Z|X], I[X;Z] and, with labels, H[Z|Y], I[Y;Z], I[X;Z|Y], H[Y|Z] of Z = mean(X) + scale(X) ε, in nats.

    ε ~ N(0, 1). `mean` is (N, K); `scale` is a number or (K,) where the noise is the same for every x, or (N, K); `y`
    (N,) holds integers. z_i = mean_i + scale_i ε_i is drawn `draws` times for each x_i, with `generator` (default: one
    of a fixed seed) or with given `noise` ε (S, N, K), which must not depend on the means. N × N log-densities are
    computed a block at a time, once for all quantities.

    Two sums enclose H[Z]. The second is the leave-one-out bound of Poole et al. 2019, "Structured bounds with tractable
    encoders"; I[X;Z] by the first is InfoNCE with the known density as critic.

        lower = −(1/N) Σ_i log (1/N) Σ_j q(z_i|x_j),     upper = −(1/N) Σ_i log 1/(N−1) Σ_{j≠i} q(z_i|x_j).

    *Which truth do they enclose?* Let p be the population's density, E_x q(z|x), and p_N the mixture of these N
    components.

    - Given the x_j, z_i is drawn from p_N as i runs over its components, so E lower = H[p_N] exactly; and since entropy
      is concave, E H[p_N] ≤ H[p].
    - For j ≠ i, x_j is independent of z_i ~ p, so the mean of q(z_i|x_j) is an unbiased estimate of p(z_i), and by
      Jensen E upper ≥ H[p].
    - upper ≥ H[p_N] too, for every training set: with r = q(z|x_i) / m(z), m the mixture of the others,
      upper − lower is the mean over i of E_m[r log(1 + (r − 1)/N)], which is convex in r and 0 at E_m r = 1.

    So lower ≤ H[p] ≤ upper and lower = H[p_N] ≤ upper, in expectation over the noise and (for p) over the x.

    `value` is the middle, since to first order in 1/N the ends err by equal amounts. For a sample far from all others,
    whose two terms lie more than 3 nats apart, only 3 nats of the gap count; otherwise a few such samples would decide
    the value. H[Z|Y] is computed in the same way within each class. Differences take opposite ends: I[Y;Z] ≥ lower of
    H[Z] − upper of H[Z|Y]. H[Z|X] = (1/N) Σ_i Σ_k ½ ln(2πe s_ik²) is exact. The control variate is |ε|²/2, whose mean
    K/2 is known. Its coefficient is regressed, which biases by O(1/N), or 1 for fewer than 100 samples.

    A sum over N samples shows at most about ln N nats. H[Z] and I[X;Z] are flagged where I[X;Z] comes within 2.4 nats
    of that, or its ends are over 0.6 nats apart; H[Z|Y] and I[X;Z|Y] likewise, with a class's samples for N. The lower
    end is a bound all the same. A class of one sample has no upper end, nor has then H[Z|Y]; its sample counts with 3
    nats between its two terms, and what needs labels is flagged. Everything is flagged where rounding may reach 1e-4
    nats. The standard error is the error of a mean over samples; the bias shows in the distance of the two ends.

    Raises ValueError for NaN, infinities, scales ≤ 0, shapes that do not match and labels that are not integers.
    """
    mean = checked.matrix(mean, "mean")
    scale = checked.scales(scale, mean)
    n = len(mean)
    labels = torch.zeros(n, dtype=torch.long) if y is None else y
    index, counts = checked.classes(labels, n, at_least=1, device=mean.device)
    epsilon = _noise(mean, draws, generator, noise)

    z, z_of_y = _entropies(mean, scale, epsilon, index)
    z_of_x = (0.5 + LOG_2PI / 2 + scale.log()).sum(-1).expand(n)
    found = _estimates(z, z_of_y, z_of_x, None if y is None else (index, counts))
    if y is not None and (single := checked.rare_class(y, 2)):
        for name in ("H[Z|Y]", "I[X;Z|Y]", "I[Y;Z]", "H[Y|Z]"):
            found[name] = found[name].flagged(f"{single}: H[Z|Y] has no upper end")
    if too_narrow := rounded(mean, scale, (scale * epsilon).abs().amax((0, 1))):
        found = {name: estimate.flagged(too_narrow) for name, estimate in found.items()}
    return found


def _noise(mean: Tensor, draws: int, generator: Generator | None, noise: Tensor | None) -> Tensor:
    """ε (S, N, K) in float64 on the device of the means."""
    if noise is None:
        if draws < 1:
            raise ValueError(f"draws must be 1 or more, not {draws}")
        generator = generator or Generator().manual_seed(SEED)
        noise = torch.randn(draws, *mean.shape, generator=generator, device=generator.device, dtype=torch.float64)
    if noise.dim() != 3 or noise.shape[1:] != mean.shape or not noise.isfinite().all():
        raise ValueError(f"noise must be finite with the shape (draws, {mean.shape[0]}, {mean.shape[1]})")
    return noise.to(mean.device, torch.float64)


def _entropies(mean: Tensor, scale: Tensor, epsilon: Tensor, index: Tensor) -> tuple[Entropy, Entropy]:
    """H[Z] and H[Z|Y], from the log-densities of every z under every component, in one pass for each draw."""
    order = index.argsort(stable=True)  # so that a class is a slice
    mean, epsilon, scale = mean[order], epsilon[:, order], scale if scale.dim() == 1 else scale[order]
    components, n = Components.of(mean, scale), len(mean)
    ends = [0, *index.bincount().cumsum(0).tolist()]
    terms = torch.zeros(6, n, dtype=torch.float64, device=mean.device)
    for draw in epsilon:
        z = mean + scale * draw
        own = components.log_peak - draw.square().sum(1) / 2
        for rows, start, end in _blocks(ends, n, mean.device.type):
            log_density = components.log_density(z[rows])
            log_density[:, rows].fill_diagonal_(-math.inf)
            in_class = _log_sum(log_density[:, start:end])
            sides = [_log_sum(part) for part in (log_density[:, :start], log_density[:, end:]) if part.shape[1]]
            everywhere = torch.stack([in_class, *sides]).logsumexp(0)
            terms[:3, rows] += _ends(everywhere, own[rows], n)
            terms[3:, rows] += _ends(in_class, own[rows], end - start)
    terms /= len(epsilon)
    excess = epsilon.square().sum(2).mean(0) / 2 - mean.shape[1] / 2
    unordered = torch.empty_like(terms)
    unordered[:, order] = _controlled(terms, excess)
    return Entropy(*unordered[:3]), Entropy(*unordered[3:])


def _log_sum(logs: Tensor) -> Tensor:
    """log Σ exp of each row, in place."""
    # Terms 100 nats below a row's largest add nothing, but exp is four times slower where it underflows.
    largest = logs.amax(1, keepdim=True).clamp(min=-1e300)  # −∞ where there is no other sample
    return logs.sub_(largest).clamp_(min=-100).exp_().sum(1).log_().add_(largest[:, 0])


def _ends(others: Tensor, own: Tensor, n: int) -> Tensor:
    """Lower, middle and upper term (3, rows), from log Σ_{j≠i} q(z_i|x_j) and log q(z_i|x_i), of n components."""
    everything = torch.logaddexp(others, own)
    low = math.log(n) - everything
    high = math.log(n - 1) - others if n > 1 else torch.full_like(low, math.inf)
    return torch.stack([low, low + (high - low).clamp(max=APART) / 2, high])


def rounded(mean: Tensor, scale: Tensor, drawn: Tensor | float = 0.0) -> str:
    """Whether the rounding of a log-density may reach `ROUNDING`, in words; '' where it may not.

    The error is about the largest of its sums times float64's precision. `mean` is (N, K), `scale` (K,) or (N, K),
    `drawn` (K,) the largest distance of a z from its mean.
    """
    far = (mean - mean.mean(0)).abs().amax(0) + drawn
    narrow = scale.reshape(-1, mean.shape[1]).amin(0)
    error = float((far / narrow).square().sum()) * torch.finfo(torch.float64).eps
    if error <= ROUNDING:
        return ""
    return f"rounding may reach {error:.1g} nats: the noise is too narrow for means so far apart"


def _blocks(ends: list[int], n: int, device: str) -> Iterator[tuple[slice, int, int]]:
    """Rows to take at a time, all of one class, and the start and end of that class."""
    rows = max(1, BLOCK.get(device, BLOCK["cpu"]) // n)
    for start, end in itertools.pairwise(ends):
        for first in range(start, end, rows):
            yield slice(first, min(first + rows, end)), start, end


def _controlled(terms: Tensor, excess: Tensor) -> Tensor:
    """Terms (…, N) less their regression on `excess` (N,), whose mean is known to be zero."""
    if len(excess) < FEW:
        return terms - excess
    centred = excess - excess.mean()
    slope = (terms @ centred / centred.square().sum()).unsqueeze(-1)
    return terms - slope.where(terms.isfinite().all(1, keepdim=True), 0.0) * excess


def _estimates(
    z: Entropy, z_of_y: Entropy, z_of_x: Tensor, labels: tuple[Tensor, Tensor] | None
) -> dict[str, Estimate]:
    """Every quantity, from sums and differences of the same terms of each sample, so that the identities hold."""
    n = len(z_of_x)
    noise = Entropy(z_of_x, z_of_x, z_of_x)
    found = {"H[Z|X]": noise.estimate("H[Z|X]")}
    information = (z - noise).estimate("I[X;Z]")
    of_z = doubts(information, math.log(n), "ln N")
    found |= {"I[X;Z]": _flagged(information, of_z), "H[Z]": _flagged(z.estimate("H[Z]"), of_z)}
    if labels is None:
        return found
    index, counts = labels
    surprise = -(counts[index].double() / n).log()
    redundant, preserved = (z_of_y - noise).estimate("I[X;Z|Y]"), z - z_of_y
    of_y = doubts(redundant, math.log(n) - float(surprise.mean()), "ln N of a class")
    found |= {"I[X;Z|Y]": _flagged(redundant, of_y), "H[Z|Y]": _flagged(z_of_y.estimate("H[Z|Y]"), of_y)}
    equivocation = Entropy(surprise, surprise, surprise) - preserved
    for name, terms in (("I[Y;Z]", preserved), ("H[Y|Z]", equivocation)):
        found[name] = _flagged(terms.estimate(name), of_z + of_y)
    return found


def doubts(information: Estimate, most: float, what: str) -> list[str]:
    """Reasons not to trust an information: too near the `most` that a sum over the samples shows, or ends far apart."""
    value, lower, upper = information.value, information.lower, information.upper
    assert value is not None and lower is not None, "an information above a bound"
    width = math.inf if upper is None else upper - lower
    reasons = []
    if most - value < MARGIN:
        told, bound = apart(value, most, 2)
        reasons.append(f"{information.quantity} = {told} {near(most - value)} {what} = {bound}")
    if WIDTH < width < math.inf:
        reasons.append(f"the ends of {information.quantity} are {width:.2f} apart")
    return reasons


def near(below: float) -> str:
    """Where a value lies that is `below` nats under the most that it can be, and less than `MARGIN`."""
    return "is above" if below < 0 else f"comes within {MARGIN} nats of"


def _flagged(estimate: Estimate, reasons: list[str]) -> Estimate:
    return estimate.flagged("; ".join(reasons)) if reasons else estimate
