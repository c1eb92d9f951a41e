"""What may not have been meant about the numbers of a data set, a line each."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ib_cli.datasets.columns import CHUNK, LOST, Columns, columns, difference, named, rounding

LAST_BITS = 4  # roundings of its own type: what varies by no more may be rounding alone
SQUEEZED = 1e-2  # deviations from the median within which MOST values lie where few others rule the deviation
MOST = 0.75  # of the values other than the median
BEYOND = 1e3  # deviations from the training mean that a held-out value may lie away


def doubts(parts: Mapping[str, Tensor], name: str, scaled: bool, seen: Callable[[Tensor], Tensor]) -> tuple[str, ...]:
    """Doubts about the splits of x or y, named `name`: samples in the types that they came in, `train` first.

    `scaled`: whether the deviation in training scales them. `seen`: the values that the model gets of the training
    samples at some indices.
    """
    train = parts["train"]
    of, chosen = columns(train), _some(len(train))
    found = [*_too_small(of, name), *_last_bits(parts, of, name)]
    values = _by_column(train[chosen])
    if scaled:
        found += _outliers(values, of, name)
        for split, part in parts.items():
            found += _far(part, of, f"{name} in {split}") if split != "train" else []
    found += _merged(values, _by_column(seen(chosen)), of, name)
    return tuple(f"dataset: {line}" for line in found)


def changed(parts: Mapping[str, Tensor], name: str) -> tuple[str, ...]:
    """A doubt about columns that are constant in training and hold another value in a held-out split."""
    least, greatest = _ends(parts["train"])
    constant, found = least == greatest, []
    for split, part in parts.items():
        if split != "train" and constant.any():
            low, high = (difference(end, least) for end in _ends(part))
            if (other := constant & ((low != 0) | (high != 0))).any():
                found.append(f"dataset: {named(other)} of {name} is constant in training, but not the same in {split}")
    return tuple(found)


def all_alike(samples: Tensor) -> bool:
    """Whether two samples or more are all the same; of a single one that says nothing."""
    if len(samples) < 2 or not torch.equal(samples[0], samples[-1]):  # the usual case costs nothing
        return False
    return bool((samples == samples[:1]).all())


def _too_small(of: Columns, name: str) -> list[str]:
    if not (small := (of.width > 0) & ~of.varies).any():
        return []
    widest = of.width[small].max().item()
    return [f"{named(small)} of {name} varies by {widest:.2g}, too little for float32: it counts as constant"]


def _last_bits(parts: Mapping[str, Tensor], of: Columns, name: str) -> list[str]:
    """Columns of a split that vary in their last bits alone, or are stored in a type too coarse for another split."""
    found, told = [], torch.zeros_like(of.varies)
    for split, part in parts.items():
        if (few := _few_bits(part) & ~told).any():
            told |= few
            where = name if split == "train" else f"{name} in {split}"
            found.append(f"{named(few)} of {where} varies in its last bits alone, which may be rounding")
    for split, part in parts.items():
        coarse, fine = sorted((("train", parts["train"]), (split, part)), key=lambda each: -_eps(each[1]))
        if part.dtype == parts["train"].dtype or not coarse[1].is_floating_point():
            continue
        errors = rounding(fine[1], coarse[1].dtype)
        if (bad := (errors > LOST * of.deviation) & of.varies & ~told).any():
            told |= bad
            found.append(
                f"{named(bad)} of {name} is only as precise as {str(coarse[1].dtype)[6:]} in {coarse[0]}, which rounds "
                f"by up to {errors[bad][0].item():.3g}, where the deviation is {of.deviation[bad][0].item():.3g}"
            )
    return found


def _few_bits(x: Tensor) -> Tensor:
    """Where a column varies by few units in its last place, and holds no whole numbers one after another."""
    of = columns(x)
    if not x.is_floating_point():
        return torch.zeros_like(of.varies)
    eps = _eps(x)
    size = torch.maximum(of.least.double().abs(), (of.least.double() + of.width).abs())
    step = eps * torch.exp2(torch.frexp(size).exponent - 1.0)
    exact = (of.least == of.least.round()) & (step <= 1)
    return of.varies & (of.width <= LAST_BITS * eps * size) & ~exact


def _outliers(values: Tensor, of: Columns, name: str) -> list[str]:
    """Columns that scaling squeezes: of the values other than the median, most lie near it, measured in deviations."""
    apart = difference(values, values.median(1, keepdim=True).values).abs().sort(1).values
    equal = (apart == 0).sum(1, keepdim=True)
    place = equal + (MOST * (apart.shape[1] - equal - 1)).long()
    near = apart.gather(1, place.clamp(max=apart.shape[1] - 1)).view_as(of.deviation)
    if not (ruled := of.varies & (near > 0) & (near < SQUEEZED * of.deviation)).any():
        return []
    return [
        f"few values rule the scale of {named(ruled)} of {name}: most others lie within {near[ruled][0].item():.2g} of "
        f"their median, where the deviation is {of.deviation[ruled][0].item():.2g}; are there outliers?"
    ]


def _merged(values: Tensor, seen: Tensor, of: Columns, name: str) -> list[str]:
    """Columns most of whose values, each next to another one, are the same to the model."""
    values, order = values.sort(1)
    gaps = difference(values[:, 1:], values[:, :-1])
    differ = gaps > LAST_BITS * _eps(values) * values[:, 1:].double().abs()
    same = differ & (seen.gather(1, order).diff(dim=1) == 0)
    merged = of.varies & (2 * same.sum(1) > differ.sum(1)).view_as(of.varies)
    return [f"float32 does not tell most values of {named(merged)} of {name} apart"] if merged.any() else []


def _far(part: Tensor, of: Columns, name: str) -> list[str]:
    """Columns of a held-out split with values very far from those in training."""
    ends = [(difference(end, of.least) - of.above).abs() for end in _ends(part)]
    deviations = torch.maximum(*ends) / torch.where(of.varies, of.deviation, torch.inf)
    if not (far := deviations > BEYOND).any():
        return []
    most = deviations[far].max().item()
    return [f"{named(far)} of {name} lies up to {most:.2g} deviations from its mean in training"]


def _ends(x: Tensor) -> tuple[Tensor, Tensor]:
    """Least and greatest value of each channel, (C, 1, 1), or feature, (F,)."""
    axes = (0, *range(2, x.dim()))
    return x.amin(axes, keepdim=True)[0], x.amax(axes, keepdim=True)[0]


def _some(count: int) -> Tensor:
    """Indices of at most CHUNK samples, the same each time."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(0))[:CHUNK]


def _by_column(x: Tensor) -> Tensor:
    """(columns, values), at most about 2 · CHUNK values of each."""
    rows = x.transpose(0, 1).flatten(1)
    return rows[:, :: max(1, rows.shape[1] // CHUNK)]


def _eps(x: Tensor) -> float:
    """Distance between 1 and the next number of the type of x; 0 for whole numbers."""
    return torch.finfo(x.dtype).eps if x.is_floating_point() else 0.0
