"""hydra/launcher=local: several runs at a time on this machine, in processes that share its cores and GPUs."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Gt

from hydra_plugins.ib_train._launcher import JobLauncher
from hydra_plugins.ib_train._request import Request
from ib_cli.system.open_files import room
from ib_cli.system.signals import held

if TYPE_CHECKING:
    from hydra_plugins.ib_train._worker import Worker

Count = Annotated[int, Gt(0)]
FILES = 4  # that this process holds open for a worker: the ends of its pipe and the sign of its end


class LocalLauncher(JobLauncher):
    """Each worker runs one job after the other. A worker that dies loses only its own job, and is replaced."""

    name, module = "local", "cloudpickle"

    def __init__(self, *, n_jobs: Count | None, threads: Count | None) -> None:
        self.n_jobs, self.threads = n_jobs, threads
        self.workers: list[Worker] = []  # kept until the study's end: one takes seconds to import torch

    def answers(self, requests: Sequence[Request]) -> Generator[tuple[int, Any], None, None]:
        """Hand the requests to workers as they become free."""
        waiting = deque(requests)
        try:
            self._prepare(len(requests))
            for place in range(min(len(self.workers), len(requests))):
                self._begin(place, waiting.popleft())
            while any(worker.request is not None for worker in self.workers):
                for place in self._answered():
                    request, answer = self.workers[place].end()
                    yield request.number, answer
                    if waiting:
                        self._begin(place, waiting.popleft())
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Dismiss the workers and wait for their end; runs in progress are saved."""
        for worker in self.workers:
            worker.dismiss()
        while self.workers:
            self.workers.pop().wait()

    def _prepare(self, jobs: int) -> None:
        """Have enough workers for so many jobs; fewer or other ones that are there are replaced."""
        from hydra_plugins.ib_train import _shares

        gpus = _shares.gpus(os.environ) if self.config.get("device") != "cpu" else []
        shares = _shares.environments(jobs, self.n_jobs, self.threads, _shares.cores(), gpus)
        if len(shares) > len(self.workers):
            self.close()
            for environment in shares[: max(room(FILES * len(shares)) // FILES, 1)]:
                self._start(len(self.workers), environment)

    def _start(self, place: int, environment: Mapping[str, str]) -> None:
        from hydra_plugins.ib_train._worker import Worker

        with held():  # so that no process is started and then forgotten
            self.workers[place : place + 1] = [Worker(environment)]

    def _begin(self, place: int, request: Request) -> None:
        """Give the worker a job, or its successor, if it has died."""
        if not self.workers[place].ready:
            self._start(place, self.workers[place].environment)
        self.workers[place].begin(request)

    def _answered(self) -> list[int]:
        """Wait for answers; returns the places of the workers that have one, or have died at work."""
        from multiprocessing.connection import wait

        busy = {place: worker for place, worker in enumerate(self.workers) if worker.request is not None}
        signs = set(wait([sign for worker in busy.values() for sign in worker.signs]))
        return [place for place, worker in busy.items() if signs & set(worker.signs)]
