"""hydra/launcher=local: several runs at a time on this machine, in processes that share its cores and GPUs."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from annotated_types import Gt

from hydra_plugins.ib_train._launcher import JobLauncher
from hydra_plugins.ib_train._request import Request
from ib_cli.system.open_files import room

Count = Annotated[int, Gt(0)]
FILES = 4  # that this process holds open for a worker: the ends of its pipe and the sign of its end


class LocalLauncher(JobLauncher):
    """Each worker runs one job after the other. A worker that dies loses only its own job, and is replaced."""

    name, module = "local", "cloudpickle"

    def __init__(self, *, n_jobs: Count | None, threads: Count | None) -> None:
        self.n_jobs, self.threads = n_jobs, threads

    def answers(self, requests: Sequence[Request]) -> Mapping[int, Any]:
        """Hand the requests to workers as they become free."""
        from multiprocessing.connection import wait

        from hydra_plugins.ib_train import _shares
        from hydra_plugins.ib_train._worker import Lost, Worker

        gpus = _shares.gpus(os.environ) if self.config.get("device") != "cpu" else []
        shares = _shares.environments(len(requests), self.n_jobs, self.threads, _shares.cores(), gpus)
        shares = shares[: max(room(FILES * len(shares)) // FILES, 1)]
        waiting, answers = deque(requests), {}
        workers = [Worker(environment) for environment in shares]
        try:
            for worker in workers:
                worker.begin(waiting.popleft())
            while busy := [worker for worker in workers if worker.request is not None]:
                ready = wait([sign for worker in busy for sign in worker.signs])
                for worker in busy:
                    if not set(worker.signs) & set(ready):
                        continue
                    answers[worker.request.number] = answer = worker.answer()
                    worker.request = None
                    if isinstance(answer, Lost):
                        workers.remove(worker)
                        if not waiting:
                            continue
                        workers.append(worker := Worker(worker.environment))
                    if waiting:
                        worker.begin(waiting.popleft())
        finally:
            for worker in workers:
                worker.dismiss()
            for worker in workers:
                worker.wait()
        return answers
