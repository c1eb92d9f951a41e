"""What a sweeper that searches is told about a run. Imports no torch: whoever watches runs reads it too."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ib_cli.contracts.errors import ConfigError
from ib_cli.study.job_outcomes import Outcome


def measured_value(outcome: Outcome, measure: str | Sequence[str]) -> float | list[float] | None:
    """The measure (or measures) of a job that is done, or None.

    Raises ConfigError where the run was not measured so.
    """
    if outcome.exit_code != 0:
        return None
    result = json.loads((Path(outcome.folder) / "result.json").read_text())
    return _measured(result, measure) if isinstance(measure, str) else [_measured(result, name) for name in measure]


def _measured(result: Mapping[str, Any], measure: str) -> float:
    """`error` is the test split's, `validation/error` another's."""
    split, _, name = measure.rpartition("/")
    splits = {key: value for key, value in result.items() if isinstance(value, Mapping) and "J" in value}
    if name not in splits.get(split or "test", {}):
        raise ConfigError(
            f"hydra.sweeper.measure={measure}: not measured; there are {', '.join(splits['test'])}, "
            f"of {', '.join(splits)}"
        )
    return splits[split or "test"][name]
