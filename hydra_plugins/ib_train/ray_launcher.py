"""hydra/launcher=ray: the runs as tasks of a Ray cluster, or of a Ray started on this machine."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from annotated_types import Ge, Gt

from hydra_plugins.ib_train._launcher import JobLauncher, Lost
from hydra_plugins.ib_train._request import Request
from ib_cli.contracts.errors import ConfigError


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

    def answers(self, requests: Sequence[Request]) -> Mapping[int, Any]:
        """Submit all requests and take the answers as they come."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would report over the network that it was used
        import ray

        try:
            ray.init(
                address=self.address,
                include_dashboard=None if self.address else False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except ConnectionError as error:
            raise ConfigError(f"hydra.launcher.address={self.address}: {str(error).splitlines()[0]}") from None
        try:
            return self._answers(ray, requests)
        finally:
            ray.shutdown()

    def _answers(self, ray: Any, requests: Sequence[Request]) -> dict[int, Any]:
        has_gpus = bool(ray.cluster_resources().get("GPU")) and self.config.get("device") != "cpu"
        gpus = float(has_gpus) if self.gpus is None else self.gpus
        run = ray.remote(_call).options(num_cpus=self.cpus, num_gpus=gpus, max_retries=self.max_retries)
        numbers = {run.remote(request): request.number for request in requests}
        answers: dict[int, Any] = {}
        while waiting := [reference for reference, number in numbers.items() if number not in answers]:
            (reference,), _ = ray.wait(waiting)
            try:
                answers[numbers[reference]] = ray.get(reference)
            except ray.exceptions.RayError as error:
                answers[numbers[reference]] = Lost(f"Ray lost it: {' '.join(str(error).split())}")
        return answers


def _call(request: Request) -> Any:
    return request()
