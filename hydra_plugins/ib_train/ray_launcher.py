"""hydra/launcher=ray: the runs as tasks of a Ray cluster, or of a Ray started on this machine."""

from __future__ import annotations

import logging
import os
import sys
from collections import Counter
from collections.abc import Generator, Sequence
from typing import Annotated, Any

from annotated_types import Ge, Gt

from hydra_plugins.ib_train._launcher import JobLauncher, Lost
from hydra_plugins.ib_train._request import Request
from ib_cli.contracts.errors import ConfigError, RunFailedError
from ib_cli.study.callback import present_study
from ib_cli.system.signals import kept_handlers
from ib_cli.system.uncoloured import plain_line

LOSSES = {  # Ray's errors of a run that may well end on its next start
    "WorkerCrashedError": "its process died, as by a kernel that is out of memory",
    "OutOfMemoryError": "Ray ended its process, as the machine's memory was short",
    "NodeDiedError": "its node died",
    "ObjectLostError": "its answer was lost with a node",
}


class RayLauncher(JobLauncher):
    """Ray starts each run where enough CPUs and GPUs are free, and starts it again if its process or node is lost."""

    name, module = "ray", "ray"

    def __init__(
        self,
        *,
        address: str | None,
        cpus: Annotated[float, Gt(0)],
        gpus: Annotated[float, Ge(0)] | None,
        max_retries: Annotated[int, Ge(0)],
    ) -> None:
        self.address, self.cpus, self.gpus, self.max_retries = address, cpus, gpus, max_retries

    def answers(self, requests: Sequence[Request]) -> Generator[tuple[int, Any], None, None]:
        """Submit all requests and take the answers as they come."""
        ray = self._started()
        has_gpus = bool(ray.cluster_resources().get("GPU")) and self.config.get("device") != "cpu"
        gpus = float(has_gpus) if self.gpus is None else self.gpus
        # Ray's own retries are silent, and without end where Ray itself ends a run that takes too much memory.
        run = ray.remote(_call).options(num_cpus=self.cpus, num_gpus=gpus, max_retries=0)
        waiting = {run.remote(request): request for request in requests}
        again: Counter[int] = Counter()  # starts of a run after its first
        while waiting:
            (reference,), _ = ray.wait(list(waiting))
            request = waiting.pop(reference)
            try:
                yield request.number, ray.get(reference)
            except ray.exceptions.RayError as error:
                why = _loss(error)
                if why is None or again[request.number] == self.max_retries:
                    yield request.number, Lost(f"Ray lost it: {why or plain_line(str(error))}")
                    continue
                again[request.number] += 1
                study, times = present_study(), f"{again[request.number]} of {self.max_retries}"
                study.tell(f"{request.number + 1}/{len(study.plan)} {why}; Ray starts it again ({times})")
                waiting[run.remote(request)] = request

    def _started(self) -> Any:
        """The module ray, connected to a cluster until the study's end: a Ray of our own takes many seconds to start.

        Raises ConfigError where there is no cluster at the address, RunFailedError where none starts here.
        """
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would report over the network that it was used
        os.environ.setdefault("RAY_COLOR_PREFIX", "0")
        with kept_handlers():  # Ray would take SIGTERM for itself
            import ray

            if ray.is_initialized():
                return ray
            try:
                ray.init(
                    address=self.address,
                    include_dashboard=None if self.address else False,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                )
            except ConnectionError as error:
                raise ConfigError(f"hydra.launcher.address={self.address}: {str(error).splitlines()[0]}") from None
            except Exception as error:  # Ray's own, of no class: a machine too busy to start it in time, say
                raise RunFailedError(f"hydra/launcher=ray: Ray did not start: {plain_line(str(error))}") from error
        return ray

    def close(self) -> None:
        """Leave the cluster; a Ray of our own ends."""
        if (ray := sys.modules.get("ray")) is not None and ray.is_initialized():
            with kept_handlers():
                ray.shutdown()


def _loss(error: Exception) -> str | None:
    """Why a run's process was lost, by the class of Ray's error; None for other errors, which would come again."""
    return next((LOSSES[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in LOSSES), None)


def _call(request: Request) -> Any:
    return request()
