"""hydra/launcher=slurm: the runs as a job array of a Slurm cluster, which may preempt and requeue them."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge, Gt
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from hydra_plugins.ib_train._launcher import JobLauncher, Lost
from hydra_plugins.ib_train._request import Request
from ib_cli.contracts.errors import ConfigError
from ib_cli.system.signals import held

POLL = 1.0  # seconds between two looks at the jobs' answers, which are files
QUEUE_POLL = 10.0  # seconds between two questions to Slurm's controller
SOON = 2.0  # seconds to the next question where a job was missing: its answer's file may take a while to be seen here
# Lines of the batch script. Since Slurm 22.05 srun must be given the job's cores again; torch takes no more threads.
SETUP = (
    "export SRUN_CPUS_PER_TASK=${SLURM_CPUS_PER_TASK:-1}",
    "export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}",
)
Count = Annotated[int, Gt(0)]


class SlurmLauncher(JobLauncher):
    """Submits the jobs with submitit and waits for their answers; Ctrl-C cancels them, after they have saved."""

    name, module = "slurm", "submitit"

    def __init__(
        self,
        *,
        folder: str,
        job_name: str,
        timeout_min: Count,
        partition: str | None,
        account: str | None,
        qos: str | None,
        constraint: str | None,
        cpus_per_task: Count,
        gpus_per_node: Annotated[int, Ge(0)] | None,
        mem_gb: Annotated[float, Gt(0)] | None,
        array_parallelism: Count,
        max_num_timeout: Annotated[int, Ge(0)],
        signal_delay_s: Count,
        setup_lines: list[str],
        additional_parameters: dict[str, Any],
    ) -> None:
        self.folder, self.job_name, self.timeout_min, self.partition = folder, job_name, timeout_min, partition
        self.account, self.qos, self.constraint, self.cpus_per_task = account, qos, constraint, cpus_per_task
        self.gpus_per_node, self.mem_gb, self.array_parallelism = gpus_per_node, mem_gb, array_parallelism
        self.max_num_timeout, self.signal_delay_s = max_num_timeout, signal_delay_s
        self.setup_lines, self.additional_parameters = setup_lines, additional_parameters

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Raises ConfigError for a value of several lines, the second of which the batch script would run."""
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        values = {key: value for key, value in vars(self).items() if isinstance(value, str)}
        values |= {
            f"additional_parameters.{key}": f"{key}={value}" for key, value in self.additional_parameters.items()
        }
        for key, value in values.items():
            if not value.isprintable():
                raise ConfigError(f"hydra.launcher.{key}={value!r}: must be one line of plain text")

    def answers(self, requests: Sequence[Request]) -> Generator[tuple[int, Any], None, None]:
        """Submit the requests as an array and wait until each has answered or has left the queue."""
        arrays: list[str] = []
        try:
            with held():  # so that no job is submitted and then forgotten
                jobs = {request.number: job for request, job in zip(requests, self._submitted(requests))}
                arrays = sorted({job.job_id.partition("_")[0] for job in jobs.values()})
            yield from _answers(jobs, arrays)
        except KeyboardInterrupt:
            if arrays:  # the runs save themselves; the same command continues
                subprocess.run(["scancel", *arrays], check=False)
            raise

    def _submitted(self, requests: Sequence[Request]) -> list[Any]:
        """Submit the requests; returns submitit's jobs. Raises ConfigError if Slurm refuses them."""
        from submitit import SlurmExecutor
        from submitit.core.utils import FailedJobError, FailedSubmissionError

        from hydra_plugins.ib_train._slurm_task import SlurmTask

        wanted = {
            "job_name": self.job_name,
            "time": self.timeout_min,
            "partition": self.partition,
            "account": self.account,
            "qos": self.qos,
            "constraint": self.constraint,
            "cpus_per_task": self.cpus_per_task,
            "gpus_per_node": self.gpus_per_node,
            "mem": None if self.mem_gb is None else f"{round(self.mem_gb * 1024)}MB",
            "array_parallelism": self.array_parallelism,
            "signal_delay_s": self.signal_delay_s,
            "setup": [*SETUP, *self.setup_lines],
            "additional_parameters": self.additional_parameters,
        }
        if (jobs_folder := Path(self.folder).parent).is_symlink():
            raise ConfigError(f"hydra.launcher.folder: {jobs_folder} is a link: delete it, or name another folder")
        try:
            executor = SlurmExecutor(self.folder, max_num_timeout=self.max_num_timeout)
            executor.update_parameters(**{key: value for key, value in wanted.items() if value is not None})
            with redirect_stderr(StringIO()) as said:  # sbatch's messages; an error below contains them too
                jobs = executor.map_array(SlurmTask(), requests)
            sys.stderr.write(said.getvalue())
            return jobs
        except (FailedJobError, FailedSubmissionError) as error:
            lines = [line for line in str(error).splitlines() if line.startswith("sbatch: error:")]
            raise ConfigError(f"hydra/launcher=slurm: {lines[0] if lines else ' '.join(str(error).split())}") from None
        except RuntimeError as error:  # no srun
            raise ConfigError(f"hydra/launcher=slurm: {error}") from None


def _answers(jobs: Mapping[int, Any], arrays: Sequence[str]) -> Generator[tuple[int, Any], None, None]:
    waiting = dict(jobs)
    absent: set[int] = set()  # jobs without an answer that were not in the queue at the last question
    ask_at = time.monotonic() + QUEUE_POLL
    while waiting:
        for number in [number for number, job in waiting.items() if job.paths.result_pickle.exists()]:
            yield number, _answer(waiting.pop(number))
        if time.monotonic() > ask_at:
            queue = _queue(arrays)
            gone = set() if queue is None else {number for number, job in waiting.items() if job.job_id not in queue}
            for number in sorted(gone & absent):  # twice in a row
                yield number, _lost(waiting.pop(number))
            absent = gone
            ask_at = time.monotonic() + (SOON if gone & set(waiting) else QUEUE_POLL)
        time.sleep(POLL)


def _answer(job: Any) -> Any:
    """The answer in a job's file, or a Lost with the error that is there."""
    from submitit.core.utils import UncompletedJobError

    try:
        return job.result()
    except UncompletedJobError as error:
        return Lost(_reason(str(error)))


def _lost(job: Any) -> Lost:
    """What is known of a job that left the queue without an answer."""
    state, log = _state(job.job_id), job.paths.stderr
    return Lost(f"Slurm ended it: {state}; {log}" if log.exists() else f"Slurm ended it before it began: {state}")


def _reason(trace: str) -> str:
    """The last line of a traceback within submitit's message."""
    lines = [line.strip() for line in trace.splitlines() if line.strip() and not line.startswith(("-", "You can"))]
    errors = [line for line in lines if "Error" in line.partition(":")[0] and not line.startswith("File ")]
    return errors[-1] if errors else lines[-1]


def _queue(arrays: Sequence[str]) -> set[str] | None:
    """The ids of the jobs in Slurm's queue, or None if Slurm does not answer.

    Uses squeue, as sacct needs accounting, which small clusters lack.
    """
    command = ["squeue", "--noheader", "--array", "--format=%i", f"--jobs={','.join(arrays)}"]
    said = subprocess.run(command, capture_output=True, text=True)
    if said.returncode == 0:
        return set(said.stdout.split())
    return set() if "Invalid job id" in said.stderr else None


def _state(job: str) -> str:
    """The state in which a job ended, if Slurm still remembers it."""
    said = subprocess.run(["scontrol", "show", "job", job], capture_output=True, text=True).stdout.split()
    found = [word.partition("=")[2] for word in said if word.startswith("JobState=")]
    return found[0] if found else "no longer in the queue"
