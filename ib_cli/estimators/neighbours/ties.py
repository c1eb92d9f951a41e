"""Samples for nearest-neighbour estimators: checked, with coinciding points found or set apart."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

CHUNK = 250_000  # numbers worked on at once, so that they stay in the cache
JITTER = 1e-8  # standard deviation of the noise, relative to each dimension's
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

    Noise of `JITTER` standard deviations of each dimension, the same at every call, breaks the ties of a law whose
    samples coincide only because they were rounded.
    """
    share = float((copies(values) > 1).double().mean())
    if not share:
        return values, "", False
    centred = values.double()
    centred = centred - centred.mean(0)
    noise = torch.randn(centred.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    centred += noise.to(centred.device) * (JITTER * centred.std(0))
    note = (
        f"{share:.2%} of the samples of {name} coincide with others; noise of {JITTER:g} standard deviations parts them"
    )
    return centred, note, share > ATOMS


def constant(values: Tensor) -> Tensor:
    """Dimensions that never change, as a mask (d,)."""
    return values.amax(0) == values.amin(0)


def degenerate(values: Tensor) -> str:
    """Why samples (N, d) have no density: a constant dimension or a linear dependence; '' where they have one."""
    still = constant(values)
    if bool(still.any()):
        return f"dimension {int(still.nonzero()[0, 0])} of {values.shape[1]} is constant"
    size, width = values.shape
    if width == 1 or size <= width:
        return ""
    centred = values.double()
    centred = centred - centred.mean(0)
    centred /= torch.linalg.vector_norm(centred, dim=0)
    rank = int(
        (torch.linalg.eigvalsh(centred.T @ centred) > 100 * width * torch.finfo(values.dtype).eps ** 2 + 1e-13).sum()
    )
    return f"the {width} dimensions span {rank} only" if rank < width else ""
