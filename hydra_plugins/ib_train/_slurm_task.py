"""What runs a job within a Slurm allocation."""

from __future__ import annotations

import signal
import time
from typing import Any

from hydra_plugins.ib_train._request import Request
from ib_cli.system.signals import Interrupted

GRACE = 10.0  # seconds between SIGTERM and SIGUSR2, where a cluster sends both at a preemption


class SlurmTask:
    """submitit calls it with the request; at SIGUSR2 it asks for `checkpoint`, and requeues the job."""

    def __call__(self, request: Request) -> Any:
        """The request's answer. A run that was told to stop has been saved before its job is requeued or ends."""
        try:
            return request()
        except Interrupted as stop:
            if stop.number == signal.SIGUSR2:
                signal.raise_signal(stop.number)  # to submitit, whose handler stands here again
            time.sleep(GRACE)  # after SIGTERM, SIGUSR2 may follow and requeue; or Slurm requeues, or ends the job
            raise

    def checkpoint(self, request: Request) -> Any:
        """The same again: a run goes on from its own checkpoint."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, request)
