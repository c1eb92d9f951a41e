"""A job's config → the task, in this process: as Hydra's `run_job`, whose copies take longer than a small job."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobRuntime, JobStatus, configure_log, env_override
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, flag_override


def run_task(task: TaskFunction, config: DictConfig, context: HydraContext) -> Any:
    """What the task returns for a multirun's job. Raises what it raises."""
    before = HydraConfig.instance().cfg
    folder = Path(str(config.hydra.sweep.dir), str(config.hydra.sweep.subdir))
    with flag_override(config.hydra.runtime, ["readonly", "struct"], False):
        config.hydra.runtime.output_dir = os.path.abspath(folder)  # noqa: PTH100 (as Hydra writes it)
    HydraConfig.instance().set_config(config)
    folder.mkdir(parents=True, exist_ok=True)
    configure_log(config.hydra.job_logging, config.hydra.verbose)
    ended = JobReturn(overrides=OmegaConf.to_container(config.hydra.overrides.task), working_dir=os.getcwd())  # noqa: PTH109
    ended.task_name = JobRuntime.instance().get("name")
    ended.cfg, ended.hydra_cfg = without_hydra(config), HydraConfig.instance().cfg
    try:
        with env_override(config.hydra.job.env_set):
            context.callbacks.on_job_start(config=config, task_function=task)
            try:
                ended.return_value, ended.status = task(ended.cfg), JobStatus.COMPLETED
            except Exception as error:
                ended.return_value, ended.status = error, JobStatus.FAILED
        context.callbacks.on_job_end(config=config, job_return=ended)
        return value_of(ended)
    finally:
        HydraConfig.instance().cfg = before


def value_of(job: JobReturn) -> Any:
    """What a job returned. Raises what its task raised, of which Hydra's own `return_value` first prints a line."""
    if job.status is JobStatus.FAILED:
        raise job._return_value
    return job.return_value


def without_hydra(config: DictConfig) -> DictConfig:
    """A copy of a job's config without Hydra's own node."""
    copy = copied(config)
    with flag_override(copy, ["readonly", "struct"], False):
        del copy["hydra"]
    return copy


def copied(config: DictConfig) -> DictConfig:
    """A copy by pickling, several times faster than OmegaConf's own."""
    found: DictConfig = pickle.loads(pickle.dumps(config, pickle.HIGHEST_PROTOCOL))
    return found
