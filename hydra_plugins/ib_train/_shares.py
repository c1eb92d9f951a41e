"""How the cores and GPUs of a machine are shared among the workers of hydra/launcher=local."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
QUOTA = Path("/sys/fs/cgroup/cpu.max")  # a container's quota: microseconds of CPU (or `max`), then of a period


def environments(
    jobs: int, n_jobs: int | None, threads: int | None, cores: int, gpus: Sequence[str]
) -> list[dict[str, str]]:
    """Environment variables of each worker: its share of the CPU threads and, if there are GPUs, one GPU.

    There are `n_jobs` workers, by default one for each GPU, else one for each core, and never more than jobs. A worker
    keeps its GPU for all its runs; with more workers than GPUs, several workers share a GPU.
    """
    workers = min(n_jobs or len(gpus) or cores, jobs)
    share = str(threads or max(cores // workers, 1))
    own = [{"CUDA_VISIBLE_DEVICES": gpus[i % len(gpus)]} if gpus else {} for i in range(workers)]
    return [dict.fromkeys(THREADS, share) | gpu for gpu in own]


def cores() -> int:
    """CPU cores that this process may use, within its affinity and its container's quota."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if QUOTA.exists():
        quota, period = QUOTA.read_text(encoding="ascii").split()
        if quota != "max":
            allowed = min(allowed, max(math.ceil(int(quota) / int(period)), 1))
    return allowed


def gpus(environment: Mapping[str, str]) -> list[str]:
    """The CUDA GPUs of this machine, or the visible part of them, each as CUDA_VISIBLE_DEVICES would name it."""
    if "CUDA_VISIBLE_DEVICES" in environment:
        words = [word.strip() for word in environment["CUDA_VISIBLE_DEVICES"].split(",")]
        return [word for word in words if word not in ("", "-1", "NoDevFiles")]
    if shutil.which("nvidia-smi") is None:
        return []
    listed = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True)
    return [str(i) for i in range(sum(line.startswith("GPU ") for line in listed.stdout.splitlines()))]
