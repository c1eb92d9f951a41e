"""hydra/sweeper=grid: every combination of the values, as in Hydra's own sweeper, but no job stops the others."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Gt
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override, Quote, QuotedString, RangeSweep
from hydra.core.utils import JobReturn
from hydra.errors import HydraException
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from hydra_plugins.ib_train._busy_runs import BusyRuns
from hydra_plugins.ib_train._composer import Composer
from hydra_plugins.ib_train._job import value_of
from ib_cli.config.error_lines import explain
from ib_cli.config.unreadable_files import UNREADABLE
from ib_cli.contracts.errors import ConfigError
from ib_cli.study.callback import config_flags, present_study
from ib_cli.study.finished_runs import holds_runs, runs_to_measure
from ib_cli.study.job_outcomes import Jobs, Outcome
from ib_cli.system.atomic import replacing
from ib_cli.system.home import expanded
from ib_cli.system.places import is_there
from ib_cli.system.secrets import hidden, without_secrets
from ib_cli.system.signals import held

MEASURED = "procedure.run"  # the folder of the run that a procedure measures
MOST_JOBS = 100_000  # of a multirun: composing as many configs takes minutes
PLAIN = re.compile(r"[\w./-]+", re.ASCII)  # values that need no quotes


class GridSweeper(BasicSweeper):
    """Every combination of the values. Hydra's own sweeper ends if one job cannot be composed; here the others run.

    Where `procedure.run` is a study's folder, there is a job for each run in it that has a model.

    Jobs are numbered in the order of the values; jobs whose config cannot be composed come last. Jobs whose run another
    process is working on are tried again after the others.
    """

    def __init__(
        self,
        *,
        max_batch_size: Annotated[int, Gt(0)] | None,
        params: dict[str, Any] | None = None,
        points: dict[str, dict[str, Any]] | None = None,
    ) -> None:
        """`points`: name → values of several keys that belong together. The names are only for the reader."""
        super().__init__(max_batch_size, params)
        self.points = points

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Raises ConfigError for a wrong key, before anything starts."""
        with held():
            from ib_cli.config.schema import check  # here, as it imports pydantic

        keys = {"max_batch_size": self.max_batch_size, "params": self.params, "points": self.points}
        check("hydra.sweeper", type(self), keys)
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def sweep(self, arguments: list[str]) -> None:
        """Plan, launch, and retry busy runs. If no job can be composed, raises the error of the first."""
        study = present_study()
        points = self._points(arguments)
        if not points:
            ranges = next((word for word in arguments if "range(" in word), "a range")
            raise ConfigError(f"{ranges}: has no values: write range(START,STOP) with START below STOP")
        composer = getattr(self.launcher, "composer", None) or Composer(self.hydra_context, self.config)
        errors = [_error(composer, point) for point in points]
        right = [point for point, error in zip(points, errors) if error is None]
        wrong = [(point, error) for point, error in zip(points, errors) if error is not None]
        if not right:
            raise wrong[0][1]
        study.check()
        busy = BusyRuns.of(self.launcher, self.config, study.tell)
        file = Path(self.config.hydra.sweep.dir) / "multirun.yaml"
        with replacing(file) as part:
            shown = OmegaConf.create(without_secrets(OmegaConf.to_container(self.config)))
            part.write_text(hidden(OmegaConf.to_yaml(shown)), encoding="utf-8")
        study.plan = [tuple(point) for point in [*right, *(point for point, _ in wrong)]]
        jobs, flags = Jobs.of(self.config.hydra), config_flags(sys.argv[1:])
        for number, (point, error) in enumerate(wrong, len(right)):
            jobs.write(number, Outcome("wrong", tuple(point), error=explain(error, [*flags, *point])))
        self._launch(right, 0)
        for job in busy.finish(dict(enumerate(right))).values():
            value_of(job)  # raises what the task raised

    def _points(self, arguments: list[str]) -> list[list[str]]:
        """The overrides of each job: each of `points` with every combination of the other values.

        A key on the command line replaces the study's, in `points` as well; points that become equal count once.
        """
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        given = {override.get_key_element() for override in parser.parse_overrides(arguments)}
        joint = [
            [f"{key}={value}" for key, value in point.items() if key not in given]
            for point in (self.points or {"": {}}).values()
        ]
        found: list[list[str]] = []
        for words in dict.fromkeys(map(tuple, joint)):
            overrides = parser.parse_overrides([*words, *self._parse_config(), *arguments])
            _check_countable(overrides)
            ((*jobs,),) = self.split_arguments(overrides, None)
            found += [one for job in jobs for one in self._of_each_run(job, parser)]
        return found

    def _of_each_run(self, job: list[str], parser: OverridesParser) -> list[list[str]]:
        """The job, or one for each run of the study whose folder it names as the run to measure."""
        for place, (word, override) in enumerate(zip(job, parser.parse_overrides(job))):
            if override.key_or_group == MEASURED and isinstance(value := override.value(), str | QuotedString):
                study = expanded(getattr(value, "text", value))
                if is_there(study / "config.yaml") or not holds_runs(study):
                    continue
                if not (runs := runs_to_measure(study)):
                    raise ConfigError(f"{word}: no run of this study has a model to measure")
                return [[*job[:place], f"{MEASURED}={_quoted(run)}", *job[place + 1 :]] for run in runs]
        return [job]

    def _launch(self, points: Sequence[Sequence[str]], first: int) -> None:
        step = self.max_batch_size or len(points)
        for start in range(0, len(points), step):
            returned: Sequence[JobReturn] = self.launcher.launch(points[start : start + step], first + start)
            for job in returned:
                value_of(job)  # raises what the task raised


def _check_countable(overrides: Sequence[Override]) -> None:
    """Raises ConfigError for an interval, which has no number of values, and for more jobs than anybody waits for."""
    jobs = 1
    for override in overrides:
        if not override.is_sweep_override():
            continue
        if override.is_interval_sweep():
            raise ConfigError(
                f"{override.input_line}: an interval is searched, by hydra/sweeper=optuna; values to try are "
                f"{override.get_key_element()}=linspace(a,b,n)"
            )
        jobs *= _count(override)
        if jobs > MOST_JOBS:
            raise ConfigError(f"{override.input_line}: makes more than {MOST_JOBS:,} jobs: write fewer values")


def _count(override: Override) -> int:
    """The number of an override's values, of which a range needs none in memory."""
    value: Any = override.value()
    if isinstance(value, RangeSweep):
        start, stop, step = (float(x) for x in (value.start, value.stop, value.step))  # type: ignore[arg-type]
        return max(0, math.ceil((stop - start) / step)) if step else 0
    return len(value.list) if isinstance(value, ChoiceSweep) else 1


def _quoted(path: Path) -> str:
    """A path as a value of an override."""
    text = str(path)
    return text if PLAIN.fullmatch(text) else QuotedString(text, Quote.single).with_quotes()


def _error(composer: Composer, point: Sequence[str]) -> Exception | None:
    """The error if the job's config cannot be composed, else None."""
    try:
        composer.check(list(point))
    except (HydraException, OmegaConfBaseException, OSError, ValueError, *UNREADABLE) as error:
        return error
    return None
