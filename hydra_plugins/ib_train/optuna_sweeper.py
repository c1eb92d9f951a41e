"""hydra/sweeper=optuna: a search by Optuna over keys of the command line; its trials are runs of a study."""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import yaml
from annotated_types import Gt
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from hydra_plugins.ib_train._busy_runs import BusyRuns
from hydra_plugins.ib_train._job import value_of
from hydra_plugins.ib_train._launcher import require
from ib_cli.config.trust import check_samplers, packages
from ib_cli.contracts.errors import ConfigError
from ib_cli.study.callback import present_study
from ib_cli.system.atomic import replacing
from ib_cli.system.secrets import without_secrets
from ib_cli.system.signals import held

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution

Count = Annotated[int, Gt(0)]
Direction = Literal["minimize", "maximize"]


class OptunaSweeper(Sweeper):
    """Asks Optuna for some points at a time, has the launcher run them, and returns the measured values to Optuna.

    The sampler is seeded and keeps no state on disk. The same command proposes the same points again; finished runs
    answer at once, and so the search continues where it was interrupted.
    """

    def __init__(
        self,
        *,
        n_trials: Count,
        n_jobs: Count,
        measure: str | list[str],
        direction: Direction | list[Direction],
        sampler: dict[str, Any],
        params: dict[str, Any] | None,
    ) -> None:
        self.n_trials, self.n_jobs, self.measure, self.direction = n_trials, n_jobs, measure, direction
        self.sampler, self.params = sampler, params

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Raises ConfigError for a missing extra or a wrong key, before anything starts."""
        with held():
            from ib_cli.config.schema import check  # here, as it imports pydantic

        require("hydra/sweeper", "optuna", "optuna")
        keys = inspect.signature(type(self)).parameters
        check("hydra.sweeper", type(self), {key: getattr(self, key) for key in keys})
        if len(_listed(self.measure)) != len(_listed(self.direction)):
            raise ConfigError("hydra.sweeper.direction: needs one entry for each of hydra.sweeper.measure")
        check_samplers(self.sampler, packages(config.get("trust") or ()))
        self.context, self.config = hydra_context, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Run the trials, in batches of n_jobs, and write the best ones to optuna.yaml in the study's folder."""
        with held():
            import optuna
            from hydra.utils import instantiate
            from optuna.trial import TrialState

        words = [f"{key}={value}" for key, value in (self.params or {}).items()] + arguments
        parser = OverridesParser.create(config_loader=self.context.config_loader)
        overrides = {override.get_key_element(): override for override in parser.parse_overrides(words)}
        space = {key: _distribution(override) for key, override in overrides.items() if override.is_sweep_override()}
        fixed = [f"{key}={o.get_value_element_as_str()}" for key, o in overrides.items() if key not in space]
        trials_wanted = self.n_trials if space else 1  # of a study whose keys all have values on the command line
        if not space and not self.params:
            raise ConfigError(
                "hydra/sweeper=optuna: nothing to search; give a key a range, as in 'gamma=tag(log,interval(1e-4,1))'"
            )
        shown = present_study()
        shown.check()
        shown.plan = [(*fixed, *(f"{key}=?" for key in space))] * trials_wanted  # the sampler has yet to choose
        busy = BusyRuns.of(self.launcher, self.config, shown.tell)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(sampler=instantiate(self.sampler), directions=_listed(self.direction))
        for first in range(0, trials_wanted, self.n_jobs):
            trials = [study.ask(space) for _ in range(min(self.n_jobs, trials_wanted - first))]
            points = [(*fixed, *_words(trial.params)) for trial in trials]
            shown.plan[first : first + len(points)] = points
            returns = dict(enumerate(self.launcher.launch(points, initial_job_idx=first), first))
            returns |= busy.finish(dict(enumerate(points, first)))
            for trial, (_, returned) in zip(trials, sorted(returns.items())):
                values = _values(returned, len(_listed(self.direction)))
                study.tell(trial, values, TrialState.COMPLETE if values else TrialState.FAIL)
        self._report(study)

    def _report(self, study: Study) -> None:
        names = _listed(self.measure)
        best = [{**dict(zip(names, trial.values)), "overrides": _words(trial.params)} for trial in study.best_trials]
        file = Path(self.config.hydra.sweep.dir) / "optuna.yaml"
        with replacing(file) as part:
            text = yaml.safe_dump(without_secrets({"trials": len(study.trials), "best": best}), sort_keys=False)
            part.write_text(text, encoding="utf-8")


def _words(params: dict[str, Any]) -> list[str]:
    """A trial's point as overrides; numbers have 4 significant digits, so that a person can type them again."""
    return [f"{key}={float(f'{x:.4g}') if isinstance(x, float) else x}" for key, x in params.items()]


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]


def _values(returned: JobReturn, count: int) -> list[float] | None:
    """The values that a trial measured, or None if its run failed. Raises the task's error, such as a wrong measure."""
    values = _listed(value_of(returned))
    return values if len(values) == count and all(isinstance(value, float) for value in values) else None


def _distribution(override: Override) -> BaseDistribution:
    """Hydra's sweep syntax as Optuna's search space: choice(…), range(…), interval(…), with tag(log, …).

    Raises ConfigError for a range that has no number, or none that the search can take.
    """
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    value = override.value()
    log = "log" in getattr(value, "tags", ())
    if isinstance(value, IntervalSweep):
        low, high, step, whole = value.start, value.end, 1, isinstance(value.start, int) and isinstance(value.end, int)
    elif isinstance(value, RangeSweep) and all(isinstance(x, int) for x in (value.start, value.stop, value.step)):
        numbers = sorted(range(value.start, value.stop, value.step) if value.step else ())
        if not numbers:
            raise ConfigError(f"{override.input_line}: has no number: range(a,b) ends before b")
        low, high, step, whole = numbers[0], numbers[-1], abs(value.step), True
    else:
        return CategoricalDistribution(list(override.sweep_string_iterator()))
    if wrong := _wrong(low, high, step, log):
        raise ConfigError(f"{override.input_line}: {wrong}")
    return IntDistribution(low, high, log=log, step=step) if whole else FloatDistribution(low, high, log=log)


def _wrong(low: float, high: float, step: int, log: bool) -> str:
    """What is wrong with the numbers from low to high as a search space; '' where nothing is."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return "both ends must be finite numbers"
    if low > high:
        return f"must begin with the lower end, as interval({high:g},{low:g})"
    if log and low <= 0:
        return f"a logarithmic search takes numbers above 0, and this begins at {low:g}"
    return "a logarithmic search over a range takes every number: leave out the step" if log and step > 1 else ""
