"""The task that runs a job within a Slurm allocation."""

from __future__ import annotations

import signal
import time
from typing import Any

from hydra_plugins.ib_train._request import Request
from ib_cli.system.signals import Interrupted

GRACE = 10.0  # seconds between SIGTERM and SIGUSR2, where a cluster sends both at a preemption


class SlurmTask:
    """submitit calls the task with a request; at SIGUSR2 submitit calls `checkpoint` and requeues the job."""

    def __call__(self, request: Request) -> Any:
        """The request's answer. A run that must stop is saved before its job is requeued or ends."""
        try:
            return request()
        except Interrupted as stop:
            if stop.number == signal.SIGUSR2:
                signal.raise_signal(stop.number)  # to submitit, whose handler is installed again here
            time.sleep(GRACE)  # after SIGTERM, SIGUSR2 may follow and requeue; or Slurm requeues, or ends the job
            raise

    def checkpoint(self, request: Request) -> Any:
        """The same request again: the run continues from its own checkpoint."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, request)
