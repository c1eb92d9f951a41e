"""hydra/sweeper=optuna: a search by Optuna over keys of the command line; its trials are runs of a study."""

from __future__ import annotations

import inspect
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
    values = _listed(returned.return_value)
    return values if len(values) == count and all(isinstance(value, float) for value in values) else None


def _distribution(override: Override) -> BaseDistribution:
    """Hydra's sweep syntax as Optuna's search space: choice(…), range(…), interval(…), with tag(log, …)."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    value = override.value()
    log = "log" in getattr(value, "tags", ())
    try:
        if isinstance(value, IntervalSweep):
            whole = isinstance(value.start, int) and isinstance(value.end, int)
            return (IntDistribution if whole else FloatDistribution)(value.start, value.end, log=log)
        if isinstance(value, RangeSweep) and all(isinstance(x, int) for x in (value.start, value.stop, value.step)):
            steps = range(value.start, value.stop, value.step)
            return IntDistribution(steps[0], steps[-1], log=log, step=value.step)
        return CategoricalDistribution(list(override.sweep_string_iterator()))
    except (ValueError, IndexError) as error:
        raise ConfigError(f"{override.input_line}: {error}") from None
