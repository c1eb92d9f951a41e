"""Measurements of two ways to do the same work, in turns, and the rows of the table."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, Protocol

Measure = Callable[[], float]  # does the work once; seconds, lower is better
Show = Callable[[float], str]


class PeerError(Exception):
    """The other side could not do what it was asked for; one line."""


@dataclass(frozen=True)
class Options:
    """The command line's options, for each section."""

    root: Path  # holds MNIST/raw and cifar-10-batches-py
    repeats: int
    seconds: float | None = None  # that the section `gpu` may take
    tiny: bool = False  # whether `gpu` only tries itself
    peer: Path | None = None  # of `autoencoders`: the interpreter of an environment with pythae
    images: int | None = None  # of `autoencoders`: training images; None: all
    epochs: int = 10  # of `autoencoders`
    before: str | None = None  # an earlier commit that `waiting` is compared with


class Cells(NamedTuple):
    """A row as it is printed."""

    case: str
    ours: str
    other: str
    ratio: str
    spread: str
    target: str
    met: str


class Row(Protocol):
    """What a section yields, row by row."""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""

    @property
    def values(self) -> Any:
        """The measured values, as JSON has them."""

    def cells(self) -> Any:
        """What is printed: a NamedTuple of text, in the order of the section's header."""


HEADER = Cells("case", "ours", "other", "ratio", "least–greatest", "target", "met")


def seconds(value: float) -> str:
    """As seconds."""
    return f"{value:.2f} s"


def microseconds(value: float) -> str:
    """As whole microseconds."""
    return f"{value * 1e6:,.0f} µs"


def rate(count: int, what: str) -> Show:
    """As pieces of work per second, for `count` pieces in all."""
    return lambda value: f"{count / value:,.0f} {what}/s"


@dataclass(frozen=True)
class Ratio:
    """How many times faster ours is: other / ours for each pair (ours, other) of neighbouring measurements."""

    case: str
    pairs: Sequence[tuple[float, float]]
    show: Show = seconds
    least: float | None = None  # the target for the median ratio

    @property
    def values(self) -> Sequence[tuple[float, float]]:
        return self.pairs

    @property
    def ratios(self) -> list[float]:
        return [other / ours for ours, other in self.pairs]

    @property
    def met(self) -> bool | None:
        """Whether the median reaches the target; None without one."""
        return None if self.least is None else median(self.ratios) >= self.least

    def cells(self) -> Cells:
        """The medians of both sides; the median, the least and the greatest ratio."""
        ours, other = (self.show(median(side)) for side in zip(*self.pairs))
        ratios = self.ratios
        target = "" if self.least is None else f"≥ {self.least:g}×"
        spread = f"{short(min(ratios))}–{short(max(ratios))}"
        return Cells(self.case, ours, other, f"{short(median(ratios))}×", spread, target, told(self.met))


@dataclass(frozen=True)
class Figure:
    """A quantity, such as seconds, compared with a number instead of another way; lower is better."""

    case: str
    values: Sequence[float]
    show: Show = seconds
    most: float | None = None
    target: str = ""  # `most` in words

    @property
    def met(self) -> bool | None:
        """Whether the median stays at the target or below; None without one."""
        return None if self.most is None else median(self.values) <= self.most

    def cells(self) -> Cells:
        """The median, and in place of ratios the lowest and the highest value."""
        spread = f"{self.show(min(self.values))}–{self.show(max(self.values))}"
        return Cells(self.case, self.show(median(self.values)), "", "", spread, self.target, told(self.met))


@dataclass(frozen=True)
class NotRun:
    """A row without a measurement."""

    case: str
    target: str
    why: str = "not run here"
    met: None = None
    values: tuple[()] = ()

    def cells(self) -> Cells:
        return Cells(self.case, self.why, "", "", "", self.target, "")


def record(row: Row) -> dict[str, Any]:
    """A row as JSON: its cells, the measured values (of a ratio pairs: ours, other) and whether the target is met."""
    return {**row.cells()._asdict(), "values": row.values, "met": row.met, "measured": not isinstance(row, NotRun)}


def short(ratio: float) -> str:
    """Two decimals for small ratios, whole numbers for large ones."""
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"


def told(met: bool | None) -> str:
    return {None: "", True: "yes", False: "no"}[met]


def in_turns(sides: Sequence[Measure], repeats: int, warm_up: bool = True) -> list[tuple[float, ...]]:
    """The measurements of each turn, in the order A B C A B C …; the warm-up, one of each, is not counted."""
    if warm_up:
        for side in sides:
            side()
    return [tuple(side() for side in sides) for _ in range(repeats)]


def columns(turns: Iterable[Sequence[float]], ours: int, other: int) -> list[tuple[float, float]]:
    """Two sides of the turns, as pairs (ours, other)."""
    return [(turn[ours], turn[other]) for turn in turns]


class Apart:
    """A side in a process of its own, so that it shares neither our allocator's settings nor our threads.

    `make(*arguments)` is called there and returns the measure; both sides still take turns. Raises EOFError where that
    process has ended; it has then printed why.
    """

    def __init__(self, make: Callable[..., Measure], *arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._end, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, make, arguments), daemon=True)
        self._process.start()
        other.close()

    def __call__(self) -> float:
        self._end.send(True)
        return self._end.recv()

    def __enter__(self) -> Apart:
        return self

    def __exit__(self, *_: object) -> None:
        self._end.close()
        self._process.join()


def _serve(end: Connection, make: Callable[..., Measure], arguments: tuple) -> None:
    measure = make(*arguments)
    while True:
        try:
            end.recv()
        except EOFError:  # nobody asks any more
            return
        end.send(measure())
