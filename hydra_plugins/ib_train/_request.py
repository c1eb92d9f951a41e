"""One job of a multirun, as sent to the process that runs it."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import setup_globals
from hydra.types import TaskFunction
from omegaconf import DictConfig, open_dict

from hydra_plugins.ib_train._composer import Composer
from hydra_plugins.ib_train._job import run_task
from ib_cli.contracts.errors import ConfigError, OutputError
from ib_cli.system.secrets import begin, hidden
from ib_cli.system.signals import raise_if_asked


@dataclass(frozen=True)
class Request:
    """A job. Calling it composes the job's config and runs it, in any process that sees the same files."""

    number: int
    overrides: tuple[str, ...]
    composer: Composer
    task: TaskFunction
    singletons: Mapping[type, Any]
    command: tuple[str, ...]
    folder: str  # the working directory, from which relative paths start

    def compose(self) -> DictConfig:
        """The job's config."""
        config = self.composer(list(self.overrides))
        with open_dict(config.hydra.job) as job:
            job.id, job.num = f"{job.name}_{self.number}", self.number
        return config

    def __call__(self) -> Any:
        """The task's return value, or its error: a ConfigError unchanged, others as a RuntimeError of one line."""
        os.chdir(self.folder)
        sys.argv = list(self.command)
        begin(self.command, os.environ)  # its secrets are hidden in this process, too
        setup_globals()
        Singleton.set_state(dict(self.singletons))
        try:
            config = self.compose()
        except ConfigError as error:
            return error
        try:
            return run_task(self.task, config, self.composer.context)
        except ConfigError as error:
            return error
        except (BrokenPipeError, OutputError):  # nobody reads our output any more (| head), or it cannot be written
            raise
        except Exception as error:
            raise_if_asked()  # else it may be what an import made of a stop
            if config.get("debug"):
                print(hidden(traceback.format_exc()), file=sys.stderr)
            # One line for the study's table. The error itself may be of a class that cannot be sent to another process.
            return RuntimeError(f"{type(error).__name__}: {error}")
