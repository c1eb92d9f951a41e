"""The conditions of a measurement."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

import torch


def conditions(before: float, after: float, repeats: int) -> str:
    """One line: processor, cores, device, torch, and the load average of a minute before and after."""
    found = gpu()
    device = f"{found['name']} (driver {found['driver']}, CUDA {found['cuda']})" if found else "no GPU"
    return (
        f"{os.cpu_count()} cores of {processor()}, {device}, torch {torch.__version__} with {torch.get_num_threads()} "
        f"threads where ours does not choose, {repeats} turns, load {before:.1f} before and {after:.1f} after."
    )


def processor(file: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name and the vector instructions that decide which kernels torch takes."""
    text = file.read_text() if file.exists() else ""
    name = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    flags = set(text.split())
    known = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in flags]
    return f"{name[1].strip() if name else 'an unknown processor'} ({', '.join(known) or 'no AVX2'})"


def gpu() -> dict[str, str]:
    """Name, driver, versions and memory of the GPU; empty without one."""
    if not torch.cuda.is_available():
        return {}
    major, minor = torch.cuda.get_device_capability()
    return {
        "name": torch.cuda.get_device_name(),
        "driver": driver(),
        "cuda": str(torch.version.cuda),
        "cudnn": str(torch.backends.cudnn.version()),
        "capability": f"{major}.{minor}",
        "memory": f"{torch.cuda.mem_get_info()[1] / 2**30:.0f} GiB",
    }


def driver() -> str:
    """The version of NVIDIA's driver, as nvidia-smi tells it."""
    if shutil.which("nvidia-smi") is None:
        return "unknown"
    words = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    told = subprocess.run(words, capture_output=True, text=True).stdout.split()
    return told[0] if told else "unknown"


def facts() -> dict[str, object]:
    """The machine, for a record: GPU, processor, cores and versions."""
    versions = {"python": platform.python_version(), "torch": torch.__version__}
    return {"gpu": gpu(), "processor": processor(), "cores": os.cpu_count(), **versions}
