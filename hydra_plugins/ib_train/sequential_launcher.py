"""hydra/launcher=sequential: one job after the other, in this process. Unlike with Hydra's own, none stops the rest."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from hydra_plugins.ib_train._launcher import JobLauncher
from hydra_plugins.ib_train._request import Request


class SequentialLauncher(JobLauncher):
    """The default launcher."""

    name, module = "sequential", "hydra"

    def answers(self, requests: Sequence[Request]) -> Generator[tuple[int, Any], None, None]:
        """Run them in order."""
        for request in requests:
            yield request.number, request()
