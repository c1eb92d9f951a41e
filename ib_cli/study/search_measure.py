"""The measures of a run for a sweeper that searches. Imports no torch: the process that only watches reads it too."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ib_cli.config.near_words import near_word
from ib_cli.contracts.errors import ConfigError
from ib_cli.study.job_outcomes import Outcome

SPLITS = ("train", "validation", "test")


def measured_value(outcome: Outcome, measure: str | Sequence[str]) -> float | list[float] | None:
    """The measure (or measures) of a job that is done; None for any other job, and for J of one that minimised nothing.

    Raises ConfigError where the run has no such measure.
    """
    if outcome.exit_code != 0:
        return None
    result = json.loads((Path(outcome.folder) / "result.json").read_text(encoding="utf-8"))
    if measure == "J" and "J" not in result.get("test", {}):
        return None
    return _measured(result, measure) if isinstance(measure, str) else [_measured(result, name) for name in measure]


def _measured(result: Mapping[str, Any], measure: str) -> float:
    """A measure in result.json: `error` is of the test split, `validation/error` of the validation split."""
    split, _, name = measure.rpartition("/")
    splits = {key: value for key, value in result.items() if key in SPLITS}
    if name not in splits.get(split or "test", {}):
        near = _near(split or "test", name, splits)
        hint = f"did you mean {near}? " if near else ""
        there = ", ".join(dict.fromkeys(each for measures in splits.values() for each in measures)) or "none"
        raise ConfigError(
            f"hydra.sweeper.measure={measure}: not measured; {hint}there are {there}, "
            f"of {', '.join(splits) or 'no split'}"
        )
    return splits[split or "test"][name]


def _near(split: str, name: str, splits: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The measure that a typed one most likely stands for, with its split where that is not the test split."""
    near_split = near_word(split, splits)
    near = near_word(name, splits[near_split]) if near_split else None
    return near if near is None or near_split == "test" else f"{near_split}/{near}"
