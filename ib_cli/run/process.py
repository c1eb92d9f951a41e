"""What the command changes in its process: threads and the C library's allocator. The library changes neither."""

from __future__ import annotations

import torch

from ib_cli.config.settings import Settings
from ib_cli.experiment.experiment import Experiment
from ib_cli.model.model import Model
from ib_cli.system.allocator import keep_freed_memory

THREADS = torch.get_num_threads()  # torch's own choice
WORTH_SHARING, WORTH_SHARING_COMPILED = 5e7, 1e6  # least multiplications per step; compiled, threads wait less often


def set_up(experiment: Experiment) -> None:
    """Threads and memory of this process, for the steps of one run on a CPU."""
    if experiment.device.type == "cpu":
        keep_freed_memory()
        set_threads(experiment.settings, experiment.model)


def set_threads(settings: Settings, model: Model, runs: int = 1, most: int | None = None) -> None:
    """Set this process's CPU threads: `settings.threads` if given, or 1 if a step of `runs` runs is too small to share.

    Else torch's own choice, but at most `most`. Threads that wait for each other after every small matrix product lose
    more than they gain, and a hundredfold where another process holds a core.
    """
    multiplications = runs * settings.batch_size * sum(p.numel() for p in model.parameters())  # about
    worth_sharing = multiplications >= (WORTH_SHARING_COMPILED if settings.compile else WORTH_SHARING)
    torch.set_num_threads(settings.threads or (min(THREADS, most or THREADS) if worth_sharing else 1))
