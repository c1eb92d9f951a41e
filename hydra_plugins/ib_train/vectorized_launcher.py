"""hydra/launcher=vectorized: jobs that differ only in stackable values, trained together in this process."""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Annotated, Any

from annotated_types import Gt
from omegaconf import open_dict

from hydra_plugins.ib_train._launcher import JobLauncher
from hydra_plugins.ib_train._request import Request
from ib_cli.config.error_lines import explain
from ib_cli.contracts.errors import ConfigError
from ib_cli.study.job_outcomes import Jobs, Outcome
from ib_cli.study.search_measure import measured_value


class VectorizedLauncher(JobLauncher):
    """Groups the jobs; jobs without a group run one after the other, as with Hydra's own launcher."""

    name, module = "vectorized", "torch"

    def __init__(self, *, max_points: Annotated[int, Gt(0)] | None) -> None:
        self.max_points = max_points

    def answers(self, requests: Sequence[Request]) -> Generator[tuple[int, Any], None, None]:
        """Run group after group, then the jobs without a group."""
        from ib_cli.study.stackable import apart, grouped

        by_number = {request.number: request for request in requests}
        plains = self._resolved(requests)
        answered: set[int] = set()
        reasons = [f"they differ in {', '.join(keys)}"] if (keys := apart(plains)) else []
        for group in grouped(plains):
            if len(group) > 1:
                found, reason = self._together({number: plains[number] for number in group}, by_number)
                answered |= set(found)
                yield from found.items()
                reasons = [*([reason] if reason else []), *reasons]
        alone = sorted(set(by_number) - answered)
        if alone and len(requests) > 1:
            why = reasons[0] if reasons else "their configs are wrong"
            print(f"vectorized: {len(alone)} of {len(requests)} jobs run one by one: {why}", file=sys.stderr)
        for number in alone:
            yield number, by_number[number]()

    def _resolved(self, requests: Sequence[Request]) -> dict[int, dict[str, Any]]:
        """Number → resolved config. A job whose config cannot be resolved is left out: it runs alone and says why."""
        from ib_cli.run.validation import resolve

        found = {}
        for request in requests:
            config = request.compose()
            with open_dict(config):
                del config["hydra"]  # as for every task
            with suppress(ConfigError):
                found[request.number] = resolve(config)
        return found

    def _together(
        self, plains: Mapping[int, dict[str, Any]], requests: Mapping[int, Request]
    ) -> tuple[dict[int, Any], str]:
        """The return values of the jobs that ran together, and the reason, or '', why the others could not."""
        from ib_cli.run.run_together import run_together

        jobs = Jobs.of(self.config.hydra)
        last: dict[int, Outcome] = {}

        def tell(number: int, outcome: Outcome) -> None:
            overrides = requests[number].overrides
            error = explain(ConfigError(outcome.error), overrides) if outcome.error else ""
            last[number] = replace(outcome, overrides=overrides, error=error)
            jobs.write(number, last[number])

        reason = run_together(plains, tell, self.max_points)
        measure = self.config.hydra.sweeper.get("measure", "J")
        return {number: measured_value(outcome, measure) for number, outcome in last.items()}, reason
