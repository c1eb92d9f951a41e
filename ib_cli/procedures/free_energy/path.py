"""The path over an equilibrium surface: slopes, a step that is checked, the move, its record and its checkpoint."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from ib_cli.contracts.errors import RunFailedError
from ib_cli.contracts.told_numbers import percent
from ib_cli.experiment.experiment import Experiment, Finished
from ib_cli.experiment.recording import Clock, record
from ib_cli.procedures.free_energy.laws import named, rate_balance
from ib_cli.procedures.free_energy.surface import Direction, Equilibrium, Estimated, Place, Slopes, Surface

CERTAIN = 2.0  # standard errors that a step must be away from none
FREE = 0.1  # of ln λ and ln γ: where the law moves as well, so much error of a step is no reason to doubt it
WIDER = (1.0, 2.0, 4.0)  # factors of the differences, tried one after the other where slopes are noise
LEAST, MOST = 0.5, 5.0  # of λ and γ, that a step makes of them
EDGE = 5  # shortened steps in a row, each to half of what the last one left: λ or γ goes to 0

log = logging.getLogger(__name__)


class Change(NamedTuple):
    """What a step changes."""

    lambda_: Estimated
    gamma: Estimated
    t: float = 0.0


class Controller(Protocol):
    """The way over the surface."""

    def directions(self, here: Place) -> tuple[Direction, ...]:
        """The directions along which it needs slopes here."""

    def change(self, here: Place, slopes: Slopes) -> Change:
        """The next step from here. Raises RunFailedError where the slopes allow none."""

    def over(self, here: Place, steps: int) -> bool:
        """Whether the path ends here, after so many steps."""


class Path:
    """A path over a surface, from its present place or from a checkpoint to its end.

    Each place is a line of metrics.jsonl a split, with `path_step`, λ, γ, t and the measures; the train split's line
    also has the gradient's norm, the slopes there and the residuals of the laws (`laws`). A checkpoint follows each
    step, and slopes depend on the place alone: a path that is killed goes on to the same numbers.

    A step with an uncertain direction is tried again with slopes of larger differences, and a step that would leave
    less than half or more than five times of λ or γ is shortened. Steps of first order let C drift, and so does
    training that goes on: a share of the drift may be taken back in each step, by the shortest way in ln λ and ln γ.
    """

    def __init__(
        self,
        experiment: Experiment,
        surface: Surface,
        controller: Controller,
        tolerance: float,
        remedy: str,
        checkpoint: Mapping[str, Any] | None = None,
        seconds: float = 0.0,
        correct: float = 0.0,
    ) -> None:
        """`tolerance`: of C's relative drift. `remedy`: where C drifts, as "lower procedure.alpha".

        `checkpoint`: one of a path, which the surface has restored already. `seconds`: spent before the path.
        `correct`: the share of C's drift that a step takes back, which needs C's slopes along λ and γ.
        """
        self.experiment, self.surface, self.controller = experiment, surface, controller
        self.tolerance, self.remedy, self.correct = tolerance, remedy, correct
        self._clock = Clock()
        saved = None if checkpoint is None else checkpoint.get("path")
        if saved is None:
            C = surface.here.measures["train"]["C"]
            saved = {"steps": 0, "C_0": C, "drift": 0.0, "balance": None, "seconds": seconds}
        self.steps: int = saved["steps"]
        self.C_0: float = saved["C_0"]
        self.drift: float = saved["drift"]
        self._balance: float | None = saved["balance"]  # of the step that led here; None: there is none
        self._seconds: float = saved["seconds"]
        self._shortened_in_a_row: int = saved.get("shortened", 0)
        self._began = checkpoint is not None and "path" in checkpoint

    def follow(self) -> Finished:
        """Walk to the end.

        Raises RunFailedError where slopes stay noise, a measure is not finite, or C drifts beyond the tolerance;
        Interrupted at a signal.
        """
        if not self._began:
            self._check()
            self._save()
        while True:
            try:
                slopes, change = self._slopes()
            except RunFailedError:
                self._record({})  # the place that explains the failure
                raise
            found = self._record(named(slopes))
            if change is None:
                break
            before = self.surface.here
            after = self.surface.move(self._shortened(before.place, change))
            self.steps += 1
            self._balance = rate_balance(before, after)
            self._check()
            self._save()
        found["train"] |= {"path_steps": self.steps, "C_drift": self.drift, "C_0": self.C_0}
        return Finished(
            epochs=self.surface.here.epochs,
            seconds=self._seconds + self._clock.read(),
            measures=found,
        )

    def _slopes(self) -> tuple[Slopes, Change | None]:
        """The slopes here, and the step that they lead to; None at the path's end."""
        here = self.surface.here.place
        over = self.controller.over(here, self.steps)
        for wider in WIDER:
            slopes = self.surface.slopes(self.controller.directions(here), wider)
            self._check_slopes(slopes)
            if over:
                return slopes, None
            try:
                change = self._corrected(self.surface.here, self.controller.change(here, slopes), slopes)
            except RunFailedError as failure:
                raise RunFailedError(f"step {self.steps + 1}: {failure}{self._after_shortening}") from None
            if (error := uncertainty(here, change)) * CERTAIN <= 1:
                return slopes, change
            log.info("step %d: slopes over %g times the difference leave %.0f %% error", self.steps, wider, 100 * error)
        told = ", ".join(f"{name} = {each.value:.3g} ± {each.stderr:.2g}" for name, each in _doubtful(slopes).items())
        raise RunFailedError(
            f"step {self.steps + 1}: the slopes are noise ({told}): raise procedure.copies, procedure.equilibration or "
            "procedure.difference"
        )

    def _check_slopes(self, slopes: Slopes) -> None:
        for name, value in named(slopes).items():
            if not math.isfinite(value):
                raise RunFailedError(f"step {self.steps + 1}: {name} is {value}: lower procedure.peak")

    def _corrected(self, here: Equilibrium, change: Change, slopes: Slopes) -> Change:
        """The step, and beside it the shortest one in ln λ and ln γ that takes back its share of C's drift."""
        if not self.correct or ("C", "lambda") not in slopes.of:
            return change
        λ, γ = here.place.lambda_, here.place.gamma
        ways = λ * slopes["C", "lambda"].value, γ * slopes["C", "gamma"].value
        lack = self.correct * (self.C_0 - here.measures["train"]["C"])
        steepness = ways[0] ** 2 + ways[1] ** 2
        if not steepness:
            return change
        errors = λ * slopes["C", "lambda"].stderr, γ * slopes["C", "gamma"].stderr
        unsure = abs(lack) * math.hypot(*errors) / steepness  # of the correction's length, in ln λ and ln γ
        by_lambda, by_gamma = (lack * way / steepness for way in ways)
        return change._replace(
            lambda_=_plus(change.lambda_, λ * by_lambda, λ * unsure),
            gamma=_plus(change.gamma, γ * by_gamma, γ * unsure),
        )

    @property
    def _after_shortening(self) -> str:
        """What to add to an error after steps that were shortened, which led far from where the path was to go."""
        if not self._shortened_in_a_row:
            return ""
        return (
            f" (after {self._shortened_in_a_row} shortened steps: where a task lacks labels, choose "
            "dataset.labels=mapped or a procedure.held above 0)"
        )

    def _shortened(self, here: Place, change: Change) -> Place:
        """Where the step leads, or a part of it: not below half, nor beyond five times, of λ and γ."""
        changes = {"λ": change.lambda_.value / here.lambda_, "γ": change.gamma.value / here.gamma}
        parts = {name: (LEAST - 1 if by < 0 else MOST - 1) / by if by else 1.0 for name, by in changes.items()}
        steepest = min(parts, key=lambda name: parts[name])
        part, short = min(parts[steepest], 1.0), parts[steepest] < 1
        self._shortened_in_a_row = self._shortened_in_a_row + 1 if short else 0
        if self._shortened_in_a_row > EDGE:
            away = "to 0" if changes[steepest] < 0 else "beyond all bounds"
            raise RunFailedError(
                f"step {self.steps + 1}: {steepest} goes {away}: {EDGE} steps in a row were shortened: the path ends "
                "at this edge, start it elsewhere or with smaller steps"
            )
        if short:
            log.warning(
                "step %d is shortened to %.2g of itself: it would change %s by %+.0f %%",
                self.steps + 1, part, steepest, 100 * changes[steepest],
            )  # fmt: skip
        return Place(
            here.lambda_ + part * change.lambda_.value, here.gamma + part * change.gamma.value, here.t + part * change.t
        )

    def _check(self) -> None:
        """Raises RunFailedError where a measure is not finite or C has drifted too far; that place is recorded."""
        here = self.surface.here
        measures = here.measures["train"]
        for name in ("R", "D", "C", "F"):
            if not math.isfinite(measures[name]):
                self._record({})
                raise RunFailedError(f"step {self.steps}: {name} is {measures[name]}: lower procedure.peak")
        moved = abs(measures["C"] - self.C_0)
        drift = moved / self.C_0 if self.C_0 else math.inf if moved else 0.0
        self.drift = max(self.drift, drift)
        if drift > self.tolerance:
            self._record({})
            raise RunFailedError(
                f"step {self.steps}: C = {measures['C']:.4g} has drifted by {percent(drift, self.tolerance)} from "
                f"{self.C_0:.4g}, and procedure.tolerance={self.tolerance:g}: {self.remedy}, or raise "
                "procedure.equilibration"
            )

    def _record(self, slopes: Mapping[str, float]) -> dict[str, dict[str, float]]:
        """Write the lines of this place; returns what they measure."""
        here = self.surface.here
        found = {}
        for split, measures in here.measures.items():
            found[split] = {**_where(self.steps, here), **measures}
            if split == "train":
                found[split] |= {"gradient_norm": here.gradient_norm, **slopes}
                if self._balance is not None:
                    found[split]["rate_balance"] = self._balance
            record(self.experiment, here.epochs, here.steps, split, found[split])
        return found

    def _save(self) -> None:
        self._seconds += self._clock.read()
        path = {
            "steps": self.steps, "C_0": self.C_0, "drift": self.drift, "balance": self._balance,
            "seconds": self._seconds, "shortened": self._shortened_in_a_row,
        }  # fmt: skip
        state = {**self.surface.state(), "epoch": self.surface.here.epochs, "path": path}
        self.experiment.records.save_checkpoint(state)


def uncertainty(here: Place, change: Change) -> float:
    """The standard error of a step, relative to its length, both in ln λ and ln γ.

    Where t changes as well, the length counts as at least `FREE`: a step in t alone may leave λ and γ as they are.
    """
    error = math.hypot(change.lambda_.stderr / here.lambda_, change.gamma.stderr / here.gamma)
    length = math.hypot(change.lambda_.value / here.lambda_, change.gamma.value / here.gamma)
    length = max(length, FREE) if change.t else length
    return 0.0 if error == 0 else error / length if length else math.inf


def _plus(change: Estimated, value: float, stderr: float) -> Estimated:
    return Estimated(change.value + value, math.hypot(change.stderr, stderr))


def _doubtful(slopes: Slopes) -> dict[str, Estimated]:
    """The slopes of C and D that are less than two standard errors from 0; all of C where none is."""
    of = {f"∂{quantity}/∂{_SYMBOLS[way]}": (quantity, slope) for (quantity, way), slope in slopes.of.items()}
    unsure = {n: s for n, (q, s) in of.items() if q in ("C", "D") and abs(s.value) < CERTAIN * s.stderr}
    return unsure or {name: slope for name, (quantity, slope) in of.items() if quantity == "C"}


_SYMBOLS = {"lambda": "λ", "gamma": "γ", "t": "t"}


def _where(step: int, here: Equilibrium) -> dict[str, float]:
    return {"path_step": step, "lambda": here.place.lambda_, "gamma": here.place.gamma, "t": here.place.t}
