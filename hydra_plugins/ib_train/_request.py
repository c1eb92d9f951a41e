"""One job of a multirun, as it travels to the process that runs it."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import run_job, setup_globals
from hydra.types import TaskFunction
from omegaconf import DictConfig, open_dict

from hydra_plugins.ib_train._composer import Composer
from ib_cli.contracts.errors import ConfigError


@dataclass(frozen=True)
class Request:
    """Called in any process that sees the same files, it composes the job's config and runs it."""

    number: int
    overrides: tuple[str, ...]
    composer: Composer
    task: TaskFunction
    singletons: Mapping[type, Any]
    command: tuple[str, ...]
    folder: str  # the working directory, which relative paths start from

    def compose(self) -> DictConfig:
        """The job's config."""
        config = self.composer(list(self.overrides))
        with open_dict(config.hydra.job) as job:
            job.id, job.num = f"{job.name}_{self.number}", self.number
        return config

    def __call__(self) -> Any:
        """What the task returned, or the error that it raised: a ConfigError as it is, others as a line of text."""
        os.chdir(self.folder)
        sys.argv = list(self.command)
        setup_globals()
        Singleton.set_state(dict(self.singletons))
        config = self.compose()
        HydraConfig.instance().set_config(config)
        try:
            return run_job(
                task_function=self.task,
                config=config,
                job_dir_key="hydra.sweep.dir",
                job_subdir_key="hydra.sweep.subdir",
                hydra_context=self.composer.context,
            ).return_value
        except ConfigError as error:
            return error
        except BrokenPipeError:  # nobody reads our output any more (| head)
            raise
        except Exception as error:
            if config.get("debug"):
                traceback.print_exc()
            # Told in the study's table as a line: its class may be one that cannot travel.
            return RuntimeError(f"{type(error).__name__}: {error}")
