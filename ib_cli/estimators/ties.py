"""Samples for nearest-neighbour estimators: checked, with coinciding points found or set apart."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ib_cli.contracts.told_numbers import percent
from ib_cli.estimators.robust import core, location_and_scale, repeated

CHUNK = 250_000  # numbers worked on at once, so that they stay in the cache
DOUBLINGS = 30  # of the noise at most, where it does not part
ROWS = 2**22  # distances measured at a time
JITTER = 1e-8  # standard deviation of the noise, relative to the distance of the nearest sample that is not the same
ATOMS = 0.01  # a larger share of coinciding samples means that the law has atoms


def points(values: Tensor, name: str, k: int) -> Tensor:
    """`values` (N,), (N, d) or (N, …) as (N, d), detached, in float32 or float64.

    ValueError for values that are no real numbers, NaN or infinite, and for N ≤ k.
    """
    if values.is_complex() or values.dim() == 0 or not values.numel():
        raise ValueError(f"{name} must be real with the shape (samples, dimensions), not {tuple(values.shape)}")
    values = values.detach().reshape(len(values), -1)
    if values.dtype != torch.float64:
        values = values.double() if values.dtype in (torch.int32, torch.int64) else values.float()
    if len(values) <= k:
        raise ValueError(f"{name} has {len(values)} samples; k = {k} neighbours need {k + 1} or more")
    if not bool(values.sum().isfinite()) and (wrong := int((~values.isfinite()).sum())):  # a sum may overflow
        raise ValueError(f"{name} has {wrong} values that are NaN or infinite")
    return values


def copies(*variables: Tensor) -> Tensor:
    """For each sample the number of samples (N,), itself included, that equal it in every variable."""
    first = _alike([values[:, :1] for values in variables])
    counts = torch.bincount(first)[first]
    shared = (counts > 1).nonzero()[:, 0]  # usually few, and only these can equal each other
    rest = _alike([values[shared] for values in variables])
    counts[shared] = torch.bincount(rest)[rest]
    return counts


def _alike(variables: Sequence[Tensor]) -> Tensor:
    """A number (N,) for each sample, the same for equal ones.

    It comes from a random linear hash in 64-bit integers, whose sum does not depend on its order.
    """
    total = torch.zeros(len(variables[0]), dtype=torch.int64, device=variables[0].device)
    generator = torch.Generator().manual_seed(0)
    for values in variables:
        bits = torch.int64 if values.dtype == torch.float64 else torch.int32
        odd = torch.randint(-(2**62), 2**62, (values.shape[1],), generator=generator) * 2 + 1
        odd = odd.to(values.device)
        parts = []
        for part in values.split(CHUNK // values.shape[1] + 1):
            numbers = (part + 0.0).view(bits).long()  # adding zero makes −0 into 0
            # products only carry upwards, and the low bits of round numbers are all zero
            numbers ^= (numbers >> 32) ^ (numbers >> 52)
            parts.append((numbers * odd).sum(1))
        total = (total ^ (total >> 32)) * 6364136223846793005 + torch.cat(parts)
    return total.unique(return_inverse=True)[1]


def set_apart(values: Tensor, name: str) -> tuple[Tensor, str, bool]:
    """The samples without coinciding rows, a note on what was done, and whether the law seems to have atoms.

    Noise, the same at every call, breaks the ties of a law whose samples coincide only because they were rounded. It is
    `JITTER` times the distance to the nearest sample elsewhere (of many ties: times the dimension's robust scale) and
    touches only samples that coincide; no outlier changes it. The result is in float64 where there was anything to do.
    """
    twins = copies(values) > 1
    share = float(twins.double().mean())
    if not share:
        return values, "", False
    values, tied = values.double().clone(), twins.nonzero()[:, 0]
    noise = torch.randn((len(tied), values.shape[1]), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    many = share > ATOMS  # all distances would take long, and the estimate is flagged
    reach = JITTER * (location_and_scale(values)[1] if many else nearest_elsewhere(values, tied)[:, None])
    resolution = 4 * torch.finfo(torch.float64).eps * values[tied].abs()
    given, size = values[tied], torch.maximum(reach, resolution)
    for doubling in range(DOUBLINGS):  # noise near the resolution may give equal numbers again
        values[tied] = given + noise.to(values.device) * size * 2.0**doubling
        if int(copies(values)[tied].max()) == 1:
            break
    return values, f"{percent(share)} of the samples of {name} coincide with others; tiny noise parts them", many


def nearest_elsewhere(values: Tensor, rows: Tensor) -> Tensor:
    """Distance (R,) of the samples in `rows` from the nearest sample of `values` (N, d) that does not coincide.

    In units of one dimension, |a − b| / √d, so that it is a spread for each. 0 where all samples coincide.
    """
    found = torch.empty(len(rows), dtype=values.dtype, device=values.device)
    height = max(1, ROWS // len(values))
    for start in range(0, len(rows), height):
        part = slice(start, start + height)
        distance = torch.cdist(values[rows[part]], values, compute_mode="donot_use_mm_for_euclid_dist")
        found[part] = distance.where(distance > 0, torch.inf).amin(1)
    return found.where(found.isfinite(), 0.0) / values.shape[1] ** 0.5


def constant(values: Tensor) -> Tensor:
    """Dimensions that never change, as a mask (d,)."""
    return values.amax(0) == values.amin(0)


def degenerate(values: Tensor) -> str:
    """Why samples (N, d) have no density: '' where they seem to have one.

    A constant dimension, a value that more than `ATOMS` of the samples share in one dimension, or a linear dependence
    of standardised dimensions among the samples nearest to the median, where no outlier hides or feigns it.
    """
    size, width = values.shape
    still = constant(values)
    if bool(still.any()):
        return f"dimension {int(still.nonzero()[0, 0])} of {width} is constant"
    if (column := repeated(values, ATOMS)) is not None:
        return f"one value of dimension {column} of {width} has more than {ATOMS:.0%} of the samples"
    if width == 1 or size <= width:
        return ""
    middle, scale = location_and_scale(values)
    inner = core((values.double() - middle) / scale)
    inner = inner - inner.mean(0)
    inner /= torch.linalg.vector_norm(inner, dim=0)
    tolerance = 100 * width * torch.finfo(values.dtype).eps ** 2 + 1e-13
    rank = int((torch.linalg.eigvalsh(inner.T @ inner) > tolerance).sum())
    return f"the {width} dimensions span {rank} only" if rank < width else ""
