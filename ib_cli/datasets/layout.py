"""Images are (N, C, H, W): how to tell those whose channels come last."""

from __future__ import annotations

from collections.abc import Sequence

MOST = 4  # channels that a picture has: grey, grey and alpha, red green blue, and alpha
REMEDY = "transpose them, x.transpose(0, 3, 1, 2)"


def channels_last(shape: Sequence[int]) -> bool:
    """Whether images of this shape (N, …) look like (N, H, W, C).

    They do where the last axis is as short as channels are and the second is not, or is one of two equal sides. A
    picture up to 4 pixels wide of more channels than that looks the same: with H and W exchanged it does not.
    """
    if len(shape) != 4:
        return False
    _, first, second, last = shape
    square = first == second and first not in (1, 3)
    return last <= MOST and last != first and (first > MOST or (square and last in (1, 3, 4)))


def doubts(shape: Sequence[int]) -> tuple[str, ...]:
    """How images of this shape are taken, where their axes may well have been meant otherwise.

    More channels than a picture has, or as many as rows, speak for (N, H, W, C), but not where H and W are then equal.
    """
    if len(shape) != 4:
        return ()
    _, channels, height, width = shape
    if channels in (1, 3) or height == width or not (channels > MOST or channels == height):
        return ()
    taken = f"{channels} channels of {height} × {width} pixels"
    return (f"dataset: x is taken as (N, C, H, W): {taken}; if its channels come last, {REMEDY}",)
