"""The conditions of a measurement."""

from __future__ import annotations

import os
import re
from pathlib import Path

import torch


def conditions(before: float, after: float, repeats: int) -> str:
    """One line: processor, cores, device, torch, and the load average of a minute before and after."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
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
