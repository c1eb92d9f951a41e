"""The base of the launchers: jobs as requests, and a line in the study's table for a lost job."""

from __future__ import annotations

import inspect
import os
from abc import abstractmethod
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from hydra_plugins.ib_train._composer import Composer
from hydra_plugins.ib_train._request import Request
from ib_cli.config.error_lines import check_hydra
from ib_cli.config.told_command import typed_words
from ib_cli.contracts.errors import ConfigError
from ib_cli.study.callback import at_end_of_study
from ib_cli.study.job_outcomes import Jobs, Outcome
from ib_cli.system.signals import held
from ib_cli.system.uncoloured import plain_line


@dataclass(frozen=True)
class Lost:
    """Stands for the answer of a job whose process ended without an answer."""

    reason: str


class JobLauncher(Launcher):
    """Launches the jobs of a multirun in other processes.

    Its constructor's keyword-only parameters are the keys of conf/hydra/launcher/NAME.yaml, kept as attributes. A job
    that fails or is lost never stops the others.
    """

    name: ClassVar[str]  # name of the option, and of the extra with its requirements
    module: ClassVar[str]  # a module that the extra installs

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Raises ConfigError for a missing extra or a wrong key, before anything starts."""
        with held():
            from ib_cli.config.schema import check  # here, as it imports pydantic

        check_hydra(config.hydra)
        at_end_of_study(self.close)
        require("hydra/launcher", self.name, self.module)
        keys = inspect.signature(type(self)).parameters
        check("hydra.launcher", type(self), {key: getattr(self, key) for key in keys})
        self.composer, self.task, self.config = Composer(hydra_context, config), task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the jobs; a failed one returns None. The study is told at once why it failed."""
        state = Singleton.get_state()
        requests = [
            Request(number, tuple(overrides), self.composer, self.task, state, tuple(typed_words()), os.getcwd())  # noqa: PTH109
            for number, overrides in enumerate(job_overrides, initial_job_idx)
        ]
        by_number = {request.number: request for request in requests}
        returned: dict[int, JobReturn] = {}
        with closing(self.answers(requests)) as answers:
            for number, answer in answers:
                returned[number] = self._returned(by_number[number], answer)
        return [returned[request.number] for request in requests]

    @abstractmethod
    def answers(self, requests: Sequence[Request]) -> Generator[tuple[int, Any], None, None]:
        """The number of each request with the value that it returned when called, or a Lost, as soon as it is known."""

    def close(self) -> None:
        """End what is kept from one launch to the next, such as worker processes. Called at the end of the study."""

    def _returned(self, request: Request, answer: Any) -> JobReturn:
        if isinstance(answer, ConfigError):  # an error of the whole study: a job reports its own errors itself
            return _job_return(request, answer, JobStatus.FAILED)
        if isinstance(answer, Lost | Exception):
            self._tell(request, answer.reason if isinstance(answer, Lost) else str(answer))
            answer = None
        return _job_return(request, answer, JobStatus.COMPLETED)

    def _tell(self, request: Request, error: str) -> None:
        jobs = Jobs.of(self.config.hydra)
        begun = jobs.read().get(request.number, Outcome("waiting"))
        jobs.write(request.number, Outcome("failed", request.overrides, begun.folder, error=plain_line(error)))


def _job_return(request: Request, value: Any, status: JobStatus) -> JobReturn:
    answer = JobReturn(overrides=request.overrides, status=status)
    answer.return_value = value
    return answer


def require(group: str, name: str, module: str) -> None:
    """Raises ConfigError, naming the extra to install, if the module of an option is missing."""
    if find_spec(module) is None:
        raise ConfigError(f"{group}={name} needs an extra: pip install 'ib-train[{name}]'")
