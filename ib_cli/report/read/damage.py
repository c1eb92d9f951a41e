"""What is wrong with a run's records: each reason names the file and the entry.

A run with one of these is listed as damaged and gives the report no number: with one wrong entry in a file, nobody
knows which of the others are right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ib_cli.config.multipliers import MULTIPLIERS
from ib_cli.experiment.damage import disorder

SPLITS = ("train", "validation", "test")
STATUSES = ("done", "failed")
LARGEST = 1e50  # of a number: float32 ends at 3·10³⁸, and a picture's products of three must not overflow
LARGEST_COUNT = 2**53  # of epochs, steps, seeds in float64
MOST_NAMED = 3  # entries named in a reason


def is_number(value: Any) -> bool:
    """True for a number that a report can calculate with; a bool is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST


def is_count(value: Any) -> bool:
    """True for a whole number from 0 on that a float holds exactly."""
    return is_number(value) and 0 <= value < LARGEST_COUNT and value == int(value)


def of_config(config: Mapping[str, Any]) -> list[str]:
    """Reasons against a config that ib-train is said to have written."""
    objective = config.get("objective")
    if not isinstance(objective, Mapping):
        return ["config.yaml has no objective" if config else "config.yaml is missing"]
    minimise = objective.get("minimise")
    wrong = [name for name in ("name",) if not isinstance(config.get(name), str | None)]
    wrong += [] if isinstance(objective.get("name"), str | None) else ["objective.name"]
    if not isinstance(minimise, Mapping) or not all(isinstance(w, str) or is_number(w) for w in minimise.values()):
        wrong.append("objective.minimise")
    wrong += [name for name in MULTIPLIERS if name in config and not _is_multiplier(config[name])]
    wrong += [name for name in ("seed", "epochs") if not _is_whole(config.get(name, 0))]
    return _no_proper("config.yaml", wrong)


def of_result(result: Mapping[str, Any]) -> list[str]:
    """Reasons against the content of a result.json."""
    done = result.get("status") == "done"
    wrong = [name for name in ("objective", "lagrangian", "error") if not isinstance(result.get(name), str | None)]
    if result.get("status") not in STATUSES:
        wrong.append("status")
    if not _is_whole(result.get("seed", 0)):
        wrong.append("seed")
    if not is_count(result.get("epochs", None if done else 0)):
        wrong.append("epochs")
    if not is_number(result.get("seconds", 0)) or result.get("seconds", 0) < 0:
        wrong.append("seconds")
    multipliers = result.get("multipliers", {})
    if not isinstance(multipliers, Mapping) or not all(map(_is_multiplier, multipliers.values())):
        wrong.append("multipliers")
    for split in SPLITS:
        measures = result.get(split, {})
        if not isinstance(measures, Mapping) or not all(v is None or is_number(v) for v in measures.values()):
            wrong.append(split)
    if "measured" in result and not _is_of_measured(result["measured"]):
        wrong.append("measured")
    if done and not any(result.get(split) for split in SPLITS):
        wrong.append("measures")
    return _no_proper("result.json", wrong)


def _is_of_measured(found: Any) -> bool:
    """Whether this names a measured run, and numbers that were measured of it by split."""
    if not isinstance(found, Mapping) or not isinstance(found.get("run"), str):
        return False
    measures = found.get("measures")
    return isinstance(measures, Mapping) and all(
        split in SPLITS and isinstance(each, Mapping) and all(map(is_number, each.values()))
        for split, each in measures.items()
    )


def of_metrics(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    """Reasons against the lines of metrics.jsonl: each has an epoch and a split, and every measure is a number."""
    if reasons := _places("metrics.jsonl", lines, ("step",)):
        return reasons
    if wrong := disorder(lines):
        return [f"metrics.jsonl is damaged: {wrong}"]
    names = dict.fromkeys(name for line in lines for name in line if name != "split")
    return _no_proper("metrics.jsonl", [name for name in names if not _are_numbers([line.get(name) for line in lines])])


def of_estimates(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    """Reasons against the lines of estimates.jsonl."""
    if reasons := _places("estimates.jsonl", lines, ()):
        return reasons
    wrong = [name for name in ("quantity", "estimator") if not all(isinstance(line.get(name), str) for line in lines)]
    wrong += [name for name in ("value", "lower", "upper", "stderr") if not _numbers_or_none(name, lines)]
    if not all(isinstance(line.get("saturated", False), bool) for line in lines):
        wrong.append("saturated")
    if not wrong and (told := disorder(lines)):
        return [f"estimates.jsonl is damaged: {told}"]
    return _no_proper("estimates.jsonl", wrong)


def of_laws(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    """Reasons against the lines of thermodynamics.jsonl."""
    wrong = [name for name in ("law", "quantity") if not all(isinstance(x.get(name), str | None) for x in lines)]
    wrong += [] if all("law" in line or "quantity" in line for line in lines) else ["law or quantity"]
    wrong += [name for name in ("measured", "predicted", "stderr") if not _numbers_or_none(name, lines)]
    given = [line.get("multipliers") or {} for line in lines]
    if not all(isinstance(each, Mapping) and all(map(is_number, each.values())) for each in given):
        wrong.append("multipliers")
    return _no_proper("thermodynamics.jsonl", wrong)


def _places(name: str, lines: Sequence[Mapping[str, Any]], also: Iterable[str]) -> list[str]:
    """Reasons against the epochs and splits of lines."""
    for number, line in enumerate(lines, 1):
        if not is_count(line.get("epoch")) or not all(is_count(line.get(key, 0)) for key in also):
            return [f"line {number} of {name} has no proper {' or '.join(('epoch', *also))}"]
        if line.get("split") not in SPLITS:
            return [f"line {number} of {name} is of no split"]
    return []


def _numbers_or_none(name: str, lines: Sequence[Mapping[str, Any]]) -> bool:
    return all(line.get(name) is None or is_number(line[name]) for line in lines)


def _are_numbers(values: list[Any]) -> bool:
    """True if all are finite numbers or None; also if there is no number among them, as then they are no measure."""
    kinds = set(map(type, values))
    if not kinds & {int, float}:
        return True
    if not kinds <= {int, float, type(None)}:
        return False
    try:
        return bool((np.abs(np.array([value for value in values if value is not None], dtype=float)) <= LARGEST).all())
    except OverflowError:
        return False


def _is_multiplier(value: Any) -> bool:
    """A finite number whose ratios to others a picture can show; that of a mix may be negative."""
    return is_number(value) and (value == 0 or abs(value) >= 1 / LARGEST)


def _is_whole(value: Any) -> bool:
    """Seeds of any length, as earlier versions allowed them."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _no_proper(file: str, wrong: Sequence[str]) -> list[str]:
    if not wrong:
        return []
    named = ", ".join(wrong[:MOST_NAMED]) + (f" and {len(wrong) - MOST_NAMED} more" if len(wrong) > MOST_NAMED else "")
    return [f"{file} has no proper {named}"]
