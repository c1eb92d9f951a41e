"""Counts of samples of other classes within balls about each sample; the distance of each pair is found once."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from ib_cli.estimators.neighbours.distances import PADDING, TIE, Differences, Points, Products, full_float32, scale_of
from ib_cli.estimators.neighbours.local_regions import localities
from ib_cli.estimators.neighbours.space import Space

GROUP = 16  # rows that share a minimum
DENSE = 0.25  # a tile with a larger share of its groups touched is marked entry by entry
KEPT_BYTES = 2**27  # of samples found inside balls, kept until the weights are known
TILE_BYTES = 2**22  # of distances in a tile, on the CPU


@dataclasses.dataclass(frozen=True)
class Listed:
    """Pairs of an owner of balls and a sample; the sample lies in all of the owner's balls but the `level` smallest."""

    owners: Tensor  # (P,)
    members: Tensor  # (P,)
    level: Tensor  # (P,)

    def counts(self, balls: int, size: int) -> Tensor:
        """Number of samples in each ball of `size` owners, (balls, size)."""
        return torch.bincount(self.level * size + self.owners, minlength=balls * size).view(balls, size).cumsum(0)

    def spread(self, weights: Tensor, total: Tensor) -> None:
        """Adds to `total` (balls, members), for each member, the `weights` (balls, owners) of the balls it lies in."""
        for ball, (weight, into) in enumerate(zip(weights, total)):
            if not weight.any():
                continue
            inside = (self.level <= ball).nonzero()[:, 0] if len(weights) > 1 else slice(None)
            into.index_add_(0, self.members[inside], weight[self.owners[inside]])

    def packed(self) -> Listed:
        """The same in less memory."""
        return Listed(self.owners.int(), self.members.int(), self.level.to(torch.int16))

    def bytes(self) -> int:
        """Its size in bytes."""
        return self.owners.nbytes + self.members.nbytes + self.level.nbytes


@dataclasses.dataclass(frozen=True)
class Marked:
    """A mark, 0 or 1, for each sample and ball; used like `Listed`, overwritten by the next one unless packed."""

    inside: Tensor  # (balls, rows, columns)
    by_rows: bool  # whether the rows own the balls

    def counts(self, balls: int, size: int) -> Tensor:
        """Number of samples in each ball of `size` owners, (balls, size)."""
        return self.inside.sum(2 if self.by_rows else 1).long()

    def spread(self, weights: Tensor, total: Tensor) -> None:
        """Adds to `total` (balls, members), for each member, the `weights` (balls, owners) of the balls it lies in."""
        with full_float32():
            for weight, inside, into in zip(weights.float(), self.inside, total):
                if not weight.any():
                    continue
                into += weight @ inside.float() if self.by_rows else inside.float() @ weight

    def packed(self) -> Marked:
        """The same in less memory."""
        return Marked(self.inside.to(torch.int8), self.by_rows)

    def bytes(self) -> int:
        """Its size in bytes."""
        return self.inside.nbytes


Hits = tuple[slice, slice, Listed | Marked]  # places of owners, places of members, who is inside


class Region:
    """Samples measured about one centre; squared radii of all balls less (`low`) and plus (`edge`) the error."""

    def __init__(self, crossing: Crossing, start: int, stop: int) -> None:
        self.start = start
        samples, limits = crossing.samples[start:], crossing.limits[:, start:]
        if crossing.points.norm == "max":
            self.measure: Differences | Products = Differences(crossing.points, samples, crossing.scale)
        else:
            centre = crossing.points.mean(crossing.samples[start:stop])
            self.measure = Products(crossing.points, samples, crossing.scale, centre)
        slack = self.measure.slack(slice(None), limits)
        if self.measure.dtype == torch.float32:
            slack = (slack + limits * 2.0**-22) * (1 + 2.0**-20)  # the edges are rounded, too
        self.low, self.edge = ((limits + sign * slack).to(self.measure.dtype) for sign in (-1, 1))


@dataclasses.dataclass(frozen=True)
class Spot:
    """The place of a tile, in the order in which samples are laid out."""

    region: tuple[int, int]
    rows: slice
    columns: slice


class Tile:
    """Distances of some rows from some columns, compared with the radii of both; valid until the next tile is made."""

    def __init__(self, crossing: Crossing, region: Region, spot: Spot, left: Tensor) -> None:
        self._crossing, self._region, self._spot = crossing, region, spot
        self._shape = len(left), spot.columns.stop - spot.columns.start
        padded = -(-self._shape[0] // GROUP) * GROUP
        self._squared = crossing.space.take(region.measure.dtype, padded, self._shape[1])
        self._squared[self._shape[0] :] = torch.inf
        columns = slice(spot.columns.start - region.start, spot.columns.stop - region.start)
        region.measure.multiply(left, columns, self._squared[: self._shape[0]])
        self._leave_out()

    def _leave_out(self) -> None:
        """Moves pairs of one class, and pairs that the tile would meet twice, out of every ball."""
        rows, columns, crossing = self._spot.rows, self._spot.columns, self._crossing
        twice = rows.stop - columns.start
        if twice <= 0 and not crossing.entangled:
            return
        squared = self._squared[: self._shape[0]]
        out = crossing.marks.take(squared.dtype, *squared.shape)
        labels = crossing.labels.to(squared.dtype)  # floating-point numbers are compared faster than integers
        squared.add_(torch.eq(labels[rows, None], labels[columns], out=out), alpha=PADDING)
        if twice > 0:
            places = torch.arange(columns.start + twice, device=labels.device)
            squared[:, :twice] += (places[rows, None] > places[columns]) * PADDING

    def hits(self) -> Iterator[Hits]:
        """Columns inside the balls of the rows, then rows inside the balls of the columns."""
        rows, columns = self._spot.rows, self._spot.columns
        edges = torch.nn.functional.pad(self._of(self._region.edge, rows)[-1], (0, -self._shape[0] % GROUP))
        edges, others = edges.view(-1, GROUP), self._of(self._region.edge, columns)[-1]
        touched = self._squared.unflatten(0, (-1, GROUP)).amin(1) < torch.maximum(edges.amax(1)[:, None], others)
        if int(touched.count_nonzero()) > DENSE * touched.numel():
            yield rows, columns, self._marked(by_rows=True)
            yield columns, rows, self._marked(by_rows=False)
            return
        group, column = touched.nonzero(as_tuple=True)
        values = members(self._squared, group, column)
        which, place = (values < torch.maximum(edges[group], others[column, None])).nonzero(as_tuple=True)
        row, column, values = group[which] * GROUP + place, column[which], values[which, place]
        yield rows, columns, self._listed(rows, columns, row, column, values)
        yield columns, rows, self._listed(columns, rows, column, row, values)

    def _of(self, edges: Tensor, owners: slice) -> Tensor:
        return edges[:, owners.start - self._region.start : owners.stop - self._region.start]

    def _listed(self, owners: slice, others: slice, owner: Tensor, other: Tensor, values: Tensor) -> Listed:
        """The pairs, with squared distances `values`, that are inside; float64 decides where float32 cannot tell."""
        low, edge = (self._of(edges, owners)[:, owner] for edges in (self._region.low, self._region.edge))
        inside = values < edge
        unsure = (inside & (values >= low)).any(0).nonzero()[:, 0]
        if len(unsure):
            inside[:, unsure] = self._exact(owners.start + owner[unsure], others.start + other[unsure])
        kept = inside[-1].nonzero()[:, 0]
        return Listed(owner[kept], other[kept], (~inside[:-1, kept]).sum(0))

    def _marked(self, by_rows: bool) -> Marked:
        """All pairs compared with the balls of one side; float64 decides where float32 cannot tell."""
        sides = self._spot.rows, self._spot.columns
        owners, others = sides if by_rows else sides[::-1]
        low, edge = (
            self._of(edges, owners).unsqueeze(2 if by_rows else 1) for edges in (self._region.low, self._region.edge)
        )
        space = self._crossing.marks.take(self._squared.dtype, len(edge) + 1, *self._squared.shape)
        height = self._shape[0]
        inside, between = space[:-1, :height], space[-1]
        between[height:] = 0
        for ball, marks in enumerate(inside):
            torch.lt(self._squared[:height], edge[ball], out=marks)
            torch.lt(self._squared[:height], low[ball], out=between[:height])
            torch.sub(marks, between[:height], out=between[:height])
            group, column = between.unflatten(0, (-1, GROUP)).amax(1).nonzero(as_tuple=True)
            which, place = members(between, group, column).nonzero(as_tuple=True)
            row, column = group[which] * GROUP + place, column[which]
            owner, other = (row, column) if by_rows else (column, row)
            marks[row, column] = self._exact(owners.start + owner, others.start + other)[ball].to(marks.dtype)
        return Marked(inside, by_rows)

    def _exact(self, owner: Tensor, member: Tensor) -> Tensor:
        """Whether the sample at `member` (P,) is inside each ball of the sample at `owner` (P,): (balls, P)."""
        crossing = self._crossing
        squared = crossing.points.squared(crossing.samples[owner], crossing.samples[member, None])[:, 0]
        return squared * crossing.scale**2 < crossing.limits[:, owner]


def members(tile: Tensor, group: Tensor, column: Tensor) -> Tensor:
    """Entries of `tile` in pairs of a group of rows and a column, (pairs, GROUP)."""
    return tile.unflatten(0, (-1, GROUP)).transpose(1, 2)[group, column]


def equal_parts(start: int, stop: int, most: int) -> list[slice]:
    """`start` to `stop` in as few equal parts as possible, none longer than `most`."""
    number = -(-(stop - start) // most)
    edges = [start + (stop - start) * part // number for part in range(number + 1)] if number else []
    return [slice(*ends) for ends in itertools.pairwise(edges)]


class Crossing:
    """Balls of `radii` (balls, N), smallest first, about every sample, and the samples of other `labels` (N,) inside.

    Samples are laid out class by class, so that every pair of classes is a tile above the diagonal of the matrix of
    distances. Each tile is compared with the radii of its rows and with the radii of its columns. Memory beyond the
    samples: one float32 copy of them, a few tiles, and `KEPT_BYTES` of samples found inside. What takes more is found
    again for `spread`.
    """

    def __init__(self, values: Tensor, labels: Tensor, radii: Tensor, norm: str, space: Space) -> None:
        self.points = Points(values, norm)
        self.scale = scale_of([self.points])
        self._tile_bytes = 2**28 if values.device.type == "cuda" else TILE_BYTES
        self.space, self.marks = space, Space(values.device)
        regions = torch.zeros_like(labels)
        if norm == "euclidean":
            regions = localities(self.points, float(radii[-1].quantile(0.25)) ** 2)
        order = radii[-1].argsort()
        for key in (labels, regions):
            order = order[key[order].argsort(stable=True)]
        self.samples, self.labels, self._regions = order, labels[order], regions[order]
        self.entangled = bool(self._regions[0] != self._regions[-1])
        self.limits = (radii[:, order] * self.scale).square_() * (1 - TIE)
        self._kept: list[Hits] = []
        self._again: list[Spot] = []
        self.counts = self._count()  # (balls, N)

    def spread(self, weights: Tensor) -> Tensor:
        """For every sample, the sum of `weights` (balls, N) over the balls that it lies in, (balls, N)."""
        weights = weights[:, self.samples]
        total = torch.zeros_like(weights)
        again = (hits for tile, _ in self._tiles(self._again) for hits in tile.hits())
        for owners, others, hits in itertools.chain(self._kept, again):
            hits.spread(weights[:, owners], total[:, others])
        return self._as_given(total)

    def _count(self) -> Tensor:
        counts, free = torch.zeros_like(self.limits, dtype=torch.int64), KEPT_BYTES
        for tile, spot in self._tiles(self._spots()):
            kept = []
            for owners, others, hits in tile.hits():
                counts[:, owners] += hits.counts(len(counts), owners.stop - owners.start)
                kept.append((owners, others, hits.packed()))
            size = sum(hits.bytes() for _, _, hits in kept)
            if size <= free:
                self._kept += kept
                free -= size
            else:
                self._again.append(spot)
        return self._as_given(counts)

    def _as_given(self, values: Tensor) -> Tensor:
        return torch.empty_like(values).index_copy_(1, self.samples, values)

    def _tiles(self, spots: Iterable[Spot]) -> Iterator[tuple[Tile, Spot]]:
        place, rows = (0, 0), slice(0, 0)
        for spot in spots:
            if spot.region != place:
                place, region = spot.region, Region(self, *spot.region)
            if spot.rows != rows:
                rows = spot.rows
                left = region.measure.left(slice(rows.start - region.start, rows.stop - region.start))
            yield Tile(self, region, spot, left), spot

    def _spots(self) -> Iterator[Spot]:
        """Tiles that meet each pair of different classes once.

        A block of rows is a part of one class, or several whole classes, all of one region. Its columns begin after its
        first class: earlier pairs are done, and the block's other classes still meet each other.
        """
        edge, size = self._edge(torch.float32 if self.points.norm == "euclidean" else torch.float64), len(self.samples)
        for region, rows, first in self._row_blocks(edge):
            height = -(-(rows.stop - rows.start) // GROUP) * GROUP
            for columns in equal_parts(first, size, edge * edge // height):
                yield Spot(region, rows, columns)

    def _row_blocks(self, edge: int) -> Iterator[tuple[tuple[int, int], slice, int]]:
        """Regions (start, stop), rows and the first column of each block."""
        start = 0
        for size in torch.unique_consecutive(self._regions, return_counts=True)[1].tolist():
            region = start, start + size
            runs = torch.unique_consecutive(self.labels[start : start + size], return_counts=True)[1].tolist()
            while runs:
                first = start + runs.pop(0)
                *parts, last = equal_parts(start, first, edge)
                stop = last.stop
                for part in parts:
                    yield region, part, first
                while not parts and runs and stop - last.start + runs[0] <= edge:
                    stop += runs.pop(0)
                yield region, slice(last.start, stop), first
                start = stop

    def _edge(self, dtype: torch.dtype) -> int:
        """Rows of a square tile."""
        return int((self._tile_bytes // dtype.itemsize) ** 0.5) // GROUP * GROUP
