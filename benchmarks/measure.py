"""Two ways to do the same work, taken in turns, and the rows of the table that come of them."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

Measure = Callable[[], float]  # does the work once; seconds, lower is better
Show = Callable[[float], str]


@dataclass(frozen=True)
class Options:
    """What the command line gives to each section."""

    root: Path  # holds MNIST/raw and cifar-10-batches-py
    repeats: int


class Cells(NamedTuple):
    """A row as it is printed."""

    case: str
    ours: str
    other: str
    ratio: str
    spread: str
    target: str
    met: str


HEADER = Cells("case", "ours", "other", "ratio", "least–greatest", "target", "met")


def seconds(value: float) -> str:
    """As seconds."""
    return f"{value:.2f} s"


def microseconds(value: float) -> str:
    """As whole microseconds."""
    return f"{value * 1e6:,.0f} µs"


def rate(count: int, what: str) -> Show:
    """As how many of `count` pieces of work were done in a second."""
    return lambda value: f"{count / value:,.0f} {what}/s"


@dataclass(frozen=True)
class Ratio:
    """How many times faster ours is: of each pair of neighbouring measurements (ours, other), other / ours."""

    case: str
    pairs: Sequence[tuple[float, float]]
    show: Show = seconds
    least: float | None = None  # what the median ratio should reach

    @property
    def ratios(self) -> list[float]:
        return [other / ours for ours, other in self.pairs]

    @property
    def met(self) -> bool | None:
        """Whether the median reaches the target; None without one."""
        return None if self.least is None else median(self.ratios) >= self.least

    def cells(self) -> Cells:
        """The medians of both sides, and of the ratios the median, the least and the greatest."""
        ours, other = (self.show(median(side)) for side in zip(*self.pairs))
        ratios = self.ratios
        target = "" if self.least is None else f"≥ {self.least:g}×"
        spread = f"{short(min(ratios))}–{short(max(ratios))}"
        return Cells(self.case, ours, other, f"{short(median(ratios))}×", spread, target, told(self.met))


@dataclass(frozen=True)
class Figure:
    """A quantity that is held against a number instead of another way, such as seconds; lower is better."""

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
    """A row that this machine cannot measure."""

    case: str
    target: str
    met: None = None

    def cells(self) -> Cells:
        return Cells(self.case, "not run here", "", "", "", self.target, "")


Row = Ratio | Figure | NotRun


def short(ratio: float) -> str:
    """Two decimals for small ratios, whole numbers for large ones."""
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"


def told(met: bool | None) -> str:
    return {None: "", True: "yes", False: "no"}[met]


def in_turns(sides: Sequence[Measure], repeats: int, warm_up: bool = True) -> list[tuple[float, ...]]:
    """A B C A B C …: the measurements of each turn, after a first one of each that is not counted."""
    if warm_up:
        for side in sides:
            side()
    return [tuple(side() for side in sides) for _ in range(repeats)]


def columns(turns: Iterable[Sequence[float]], ours: int, other: int) -> list[tuple[float, float]]:
    """Two sides of the turns, as pairs."""
    return [(turn[ours], turn[other]) for turn in turns]


class Apart:
    """A side in a process of its own, so that it shares neither our allocator's settings nor our threads.

    `make(*arguments)` is called there and returns the measure; both sides still take turns. Raises EOFError where that
    process has ended, which has then told why.
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
