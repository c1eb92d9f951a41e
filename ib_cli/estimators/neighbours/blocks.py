"""Exact nearest neighbours by blocks of rows of the distance matrix, on any device.

Distances are found in float32 with a bound on their error; whatever the bound leaves open is decided in float64.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ib_cli.estimators.neighbours.distances import TIE, Differences, Points, Products, scale_of
from ib_cli.estimators.neighbours.local_regions import CENTRES, localities
from ib_cli.estimators.neighbours.space import Space

GROUP = 16  # columns that share a minimum
SPARE = 2  # candidates beyond the k-th that are measured in float64
SPARSE = 6  # groups are counted one by one where fewer than one in so many is touched
CROWD = 64  # a row with more groups of columns near the radius is counted in float64
BLOCK_BYTES = 2**25  # of all variables' float32 blocks together, on the CPU
FEW = 16  # a region of fewer rows gets no matrix product of its own
PROBES = 8  # rows measured beforehand, for the typical distance of neighbours


def nearest(joint: Tensor, keep: int) -> tuple[Tensor, Tensor]:
    """Columns (B, keep) of the `keep` smallest entries of each row, and the smallest entry (B,) that was left out.

    The `keep` smallest entries lie in the groups with the `keep` smallest minima; groups are far fewer than entries.
    """
    groups = joint.shape[1] // GROUP
    if groups < 8 * (keep + 1):
        values, columns = joint.topk(keep + 1, largest=False)
        return columns[:, :keep], values[:, keep].double()
    grouped = joint.unflatten(1, (GROUP, groups))
    minima, which = grouped.amin(1).topk(keep + 1, largest=False)
    candidates = grouped.gather(2, which[:, None, :keep].expand(-1, GROUP, -1)).flatten(1)
    values, found = candidates.topk(keep + 1, largest=False)
    columns = found[:, :keep] // keep * groups + which.gather(1, found[:, :keep] % keep)
    return columns, torch.minimum(minima[:, keep], values[:, keep]).double()


class Block:
    """Some rows of the distance matrix; valid until the next block is asked for."""

    _inside: Tensor | tuple[Tensor, Tensor]  # what the last `count` has counted

    def __init__(self, search: BlockSearch, measures: Sequence[Differences | Products], columns: Tensor):
        self._search, self._measures, self._columns = search, measures, columns
        self._samples = search.samples[columns]
        self._rows = torch.arange(len(columns), device=columns.device)
        self._squared = [buffer[: len(columns)] for buffer in search.buffers(measures[0].dtype)]
        for measure, out in zip(measures, self._squared):
            measure.multiply(measure.left(columns), slice(None), out)
            out[self._rows, columns] = torch.inf
        self._select()

    def _select(self) -> None:
        search = self._search
        joint, k = self._squared[0], search.k
        if len(self._measures) > 1:
            joint = torch.maximum(*self._squared[:2], out=self._squared[-1])
        self._found, left_out = nearest(joint, min(k + SPARE, search.size - 1))
        there = search.samples[self._found]
        exact = torch.stack([points.squared(self._samples, there) for points in search.points])
        self._exact = exact * search.scale**2
        order = exact.amax(0).argsort(1)[:, :k].expand(len(exact), -1, -1)
        last = self._exact.gather(2, order[..., -1:]).amax(0)[:, 0]
        slack = torch.stack([measure.slack(self._columns, last) for measure in self._measures]).amax(0)
        self._sure = last <= left_out * (1 + TIE) - slack
        self._all_sure = bool(self._sure.all())
        self.distances = self._certain(exact.gather(2, order).sqrt_(), 1)  # (variables, B, k), nearest first
        self.neighbours = self._certain(there.gather(1, order[0]), 0)  # (B, k) samples
        self.rows = self._certain(self._samples, 0)  # samples of this block

    def unsure(self) -> Tensor:
        """Columns of the block's own samples whose neighbours float32 could not tell apart."""
        return self._columns[~self._sure]

    def _certain(self, values: Tensor, axis: int) -> Tensor:
        return values if self._all_sure else values.index_select(axis, self._sure.nonzero()[:, 0])

    def count(self, variable: int, radius: Tensor, inclusive: bool = False) -> Tensor:
        """Number of other samples nearer in `variable` than `radius` (B,), or, if `inclusive`, not farther; int64."""
        search, measure, squared = self._search, self._measures[variable], self._squared[variable]
        limit = torch.ones(len(self._columns), dtype=torch.float64, device=radius.device)
        limit[self._sure] = (radius * search.scale).square_() * (1 + TIE if inclusive else 1 - TIE) + inclusive * 1e-300
        slack = measure.slack(self._columns, limit)
        if squared.dtype == torch.float32:
            slack = (slack + limit * 2.0**-22) * (1 + 2.0**-20)  # the limit and the gaps are rounded, too
        edge = (limit + slack).to(squared.dtype)[:, None]
        touched = squared.unflatten(1, (GROUP, -1)).amin(1) < edge
        if int(touched.sum()) * SPARSE < touched.numel():
            return self._certain(self._count_groups(variable, touched, limit, slack, edge), 0)
        return self._certain(self._count_all(variable, limit, slack, edge), 0)

    def spread(self, weights: Tensor) -> Tensor:
        """For every sample (N,), the sum of `weights` (B,) over the rows that counted it in the last `count`."""
        of_rows = torch.zeros(len(self._columns), dtype=torch.float64, device=weights.device)
        of_rows[self._sure] = weights
        if isinstance(self._inside, Tensor):
            return (self._inside.T @ of_rows.to(self._inside.dtype))[: self._search.size].double()
        row, column = self._inside
        return torch.bincount(self._search.samples[column], of_rows[row], self._search.size)

    def _count_groups(self, variable: int, touched: Tensor, limit: Tensor, slack: Tensor, edge: Tensor) -> Tensor:
        """Counts where few groups of columns reach inside the radius: only their members are compared."""
        row, group = touched.nonzero(as_tuple=True)
        gaps = self._squared[variable].unflatten(1, (GROUP, -1))[row, :, group] - edge[row]
        self._decide(variable, gaps, row, group, limit, slack)
        which, member = (gaps < 0).nonzero(as_tuple=True)
        self._inside = row[which], member * touched.shape[1] + group[which]
        return torch.bincount(self._inside[0], minlength=len(limit))

    def _count_all(self, variable: int, limit: Tensor, slack: Tensor, edge: Tensor) -> Tensor:
        """Counts over all columns.

        The gaps' bits are compared as integers: among numbers of both signs, the least is then the negative number
        nearest to 0.
        """
        gaps = torch.sub(self._squared[variable], edge, out=self._squared[-1])
        known = torch.where(self._exact[variable] < limit[:, None], -torch.inf, torch.inf)
        gaps.scatter_(1, self._found, known.to(gaps.dtype))
        grouped = gaps.unflatten(1, (GROUP, -1))
        integers = torch.int32 if gaps.dtype == torch.float32 else torch.int64
        closest = grouped.view(integers).amin(1).view(gaps.dtype)
        near = (closest < 0) & (closest > (-2 * slack).to(gaps.dtype)[:, None])
        crowded = (near.sum(1) > CROWD).nonzero()[:, 0]
        near[crowded] = False
        row, group = near.nonzero(as_tuple=True)
        members = grouped[row, :, group]
        self._decide(variable, members, row, group, limit, slack)
        grouped[row, :, group] = members
        self._inside = inside = gaps.lt_(0)
        counts = inside.sum(1).long()
        if len(crowded):
            counts[crowded] = self._recount(variable, crowded, limit)
        return counts

    def _decide(self, variable: int, gaps: Tensor, row: Tensor, group: Tensor, limit: Tensor, slack: Tensor) -> None:
        """Gaps (groups, GROUP) to limit + slack that lie between −2 slack and 0 get the sign that float64 finds."""
        search = self._search
        which, member = ((gaps < 0) & (gaps > (-2 * slack[row]).to(gaps.dtype)[:, None])).nonzero(as_tuple=True)
        rows, column = row[which], member * (len(search.samples) // GROUP) + group[which]
        squared = search.points[variable].squared(self._samples[rows], search.samples[column, None])
        inside = squared[:, 0] * search.scale**2 < limit[rows]
        gaps[which, member] = torch.where(inside, -1.0, 1.0).to(gaps.dtype)

    def _recount(self, variable: int, crowded: Tensor, limit: Tensor) -> Tensor:
        search, counts = self._search, []
        everyone = torch.arange(search.size, device=crowded.device)
        for part in crowded.split(search.height):
            squared = search.points[variable].squared_rows(self._samples[part], everyone) * search.scale**2
            counts.append((squared < limit[part, None]).sum(1) - 1)  # not itself
        return torch.cat(counts)


class BlockSearch:
    """The k nearest neighbours of every sample, and counts within radii, block by block.

    The distance of two samples is the largest of their distances in each of `variables` (one or two tensors (N, d)).
    Memory beyond the variables: one float32 copy of them, `BLOCK_BYTES`, and half as much again for two variables.
    """

    def __init__(self, variables: Sequence[Tensor], k: int, norm: str, space: Space | None = None) -> None:
        self.points = [Points(values, norm) for values in variables]
        self.k, self.norm, self.size = k, norm, len(variables[0])
        self.device = variables[0].device
        groups = -(-self.size // GROUP)  # the columns are padded to whole groups; −1 stands for no sample
        self.samples = torch.full((groups * GROUP,), -1, device=self.device)
        self.samples[: self.size] = torch.arange(self.size, device=self.device)
        self.scale = scale_of(self.points)
        block_bytes = 2**28 if self.device.type == "cuda" else BLOCK_BYTES // len(variables)
        self.height = max(min(block_bytes // (4 * len(self.samples)), self.size), 32)
        self._space = space or Space(self.device)

    def buffers(self, dtype: torch.dtype) -> Tensor:
        """Memory for a block of each variable, and one more for their joint distance, then the gaps to a radius."""
        return self._space.take(dtype, len(self.points) + 1, self.height, len(self.samples))

    def __iter__(self) -> Iterator[Block]:
        left = []
        if self.norm == "max" or self.size < 4 * FEW:
            left.append(torch.arange(self.size, device=self.device))
        else:
            for columns in self._regions():
                if len(columns) < FEW:
                    left.append(columns)
                    continue
                measures = [Products(p, self.samples, self.scale, p.mean(columns)) for p in self.points]
                for block in self._blocks(measures, columns):
                    left.append(block.unsure())
                    yield block
        yield from self._blocks([Differences(p, self.samples, self.scale) for p in self.points], torch.cat(left))

    def _blocks(self, measures: Sequence[Differences | Products], columns: Tensor) -> Iterator[Block]:
        for part in columns.split(self.height) if len(columns) else ():
            yield Block(self, measures, part)

    def _regions(self) -> Iterator[Tensor]:
        """Columns, region by region."""
        probes = torch.arange(0, self.size, -(-self.size // PROBES), device=self.device)
        everyone = torch.arange(self.size, device=self.device)
        rows = [points.squared_rows(probes, everyone) for points in self.points]
        typical = float(torch.stack(rows).amax(0).kthvalue(self.k + 1).values.quantile(0.25))
        regions = torch.zeros(self.size, dtype=torch.int64, device=self.device)
        for points in self.points:
            regions = regions * CENTRES + localities(points, typical)
        for region in regions.unique().tolist():
            yield (regions == region).nonzero()[:, 0]
