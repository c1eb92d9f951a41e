"""Discs in the plane whose areas and overlaps are given numbers."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

HEADS = (2.2, 3.0, 1.7, 4.5, 7.0, 12.0, 30.0)  # radii tried for a head, in this order, in radii of the largest ear
HALVINGS = 50  # of the interval that holds a distance: 1e-15 of it is left
DIRECTIONS = 720  # directions tried from an ear to the centre of a head


class Disc(NamedTuple):
    """Centre and radius."""

    x: float
    y: float
    radius: float


def lens(first: float, second: float, distance: float) -> float:
    """The area shared by two discs of these radii whose centres are `distance` apart."""
    small, large = sorted((first, second))
    if distance >= small + large:
        return 0.0
    if distance <= large - small:
        return math.pi * small**2
    total = 0.0
    for own, other in ((small, large), (large, small)):
        along = (distance**2 + own**2 - other**2) / (2 * distance)  # the chord's distance from this centre
        angle = math.acos(np.clip(along / own, -1, 1))
        total += own**2 * (angle - math.sin(2 * angle) / 2)
    return total


def distance_of(first: float, second: float, area: float) -> float:
    """Distance between the centres of discs that share `area`: the largest for full, the least for no overlap.

    By bisection, as the overlap falls with the distance; the import of SciPy's root finders would take far longer.
    """
    low, high = abs(first - second), first + second
    if area >= lens(first, second, low):
        return low
    if area <= 0:
        return high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if lens(first, second, middle) > area else (low, middle)
    return (low + high) / 2


def ears(y: float, z: float, shared: float) -> tuple[Disc, Disc]:
    """Two discs of areas y (left) and z (right), side by side, that share the area `shared`."""
    first, second = math.sqrt(y / math.pi), math.sqrt(z / math.pi)
    apart = distance_of(first, second, shared)
    return Disc(0.0, 0.0, first), Disc(apart, 0.0, second)


def head(left: Disc, right: Disc, outside: tuple[float, float], largest: float) -> Disc | None:
    """A disc that covers both ears except the areas `outside`, and all of the ears' overlap; None if none was found.

    Its radius has no meaning: it is a multiple of `largest`, the radius of the largest ear among the heads compared.
    """
    for radius in (times * largest for times in HEADS):
        if fit := _heads(left, right, outside, radius):
            return min(fit, key=lambda disc: (disc.y, abs(disc.x - (left.x + right.x) / 2)))
    return None


def _heads(left: Disc, right: Disc, outside: tuple[float, float], radius: float) -> list[Disc]:
    """Candidate discs of one radius; searched by angle unless both small discs are cut."""
    discs, cut = (left, right), tuple(area > 1e-9 * radius**2 for area in outside)
    reach = [
        distance_of(disc.radius, radius, math.pi * disc.radius**2 - area) if area else radius - disc.radius
        for disc, area in zip(discs, outside)
    ]
    if all(cut):
        candidates = _crossings(left, right, *reach)
    else:
        pivot = 1 if cut[1] or (not cut[0] and right.radius >= left.radius) else 0
        angles = np.linspace(0, 2 * np.pi, DIRECTIONS, endpoint=False) - np.pi / 2
        step = reach[pivot] if cut[pivot] else 0.97 * reach[pivot]
        candidates = [(discs[pivot].x + step * math.cos(a), step * math.sin(a)) for a in angles]
    return [Disc(*centre, radius) for centre in candidates if _fits(centre, radius, discs, reach, cut)]


def _crossings(left: Disc, right: Disc, first: float, second: float) -> list[tuple[float, float]]:
    """The points at distances `first` and `second` from the centres of `left` and `right`."""
    apart = right.x - left.x
    if apart == 0 or not abs(first - second) <= apart <= first + second:
        return []
    along = (apart**2 + first**2 - second**2) / (2 * apart)
    aside = math.sqrt(max(first**2 - along**2, 0.0))
    return [(left.x + along, -aside), (left.x + along, aside)]


def _fits(
    centre: tuple[float, float],
    radius: float,
    discs: tuple[Disc, Disc],
    reach: list[float],
    cut: tuple[bool, ...],
) -> bool:
    """Whether the head contains every ear that is not cut and, if one is cut, the whole overlap of the ears."""
    slack = 1e-9 * radius
    for disc, far, is_cut in zip(discs, reach, cut):
        if not is_cut and math.dist(centre, disc[:2]) > far + slack:
            return False
    return not any(cut) or all(math.dist(centre, corner) <= radius + slack for corner in _edge_of_lens(*discs))


def _edge_of_lens(left: Disc, right: Disc) -> list[tuple[float, float]]:
    """Points on the edge of the discs' overlap."""
    angles = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    found = []
    for own, other in ((left, right), (right, left)):
        points = np.stack([own.x + own.radius * np.cos(angles), own.y + own.radius * np.sin(angles)], 1)
        inside = np.hypot(points[:, 0] - other.x, points[:, 1] - other.y) <= other.radius * (1 + 1e-9)
        found += [tuple(point) for point in points[inside]]
    return found
