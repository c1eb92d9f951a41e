"""When and where a run was made, and by what: kept in result.json, and no part of the run's id."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from typing import Any

import torch

import ib_cli

# Libraries whose version may change a run's numbers or pictures; those that the run has not imported are left out.
LIBRARIES = (
    "torch", "numpy", "scipy", "torchvision", "sklearn", "hydra", "omegaconf", "matplotlib", "wandb", "tensorboard",
    "mlflow",
)  # fmt: skip
CODE = ("ib_cli", "conf", "sweeps", "hydra_plugins")  # folders of a checkout that hold the program
PATIENCE = 10.0  # seconds that Git may take in all before its word is done without


def now() -> str:
    """The time in UTC as `2026-11-30T14:05:00Z`."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")


def origin(command: str, device: torch.device, start: str) -> dict[str, Any]:
    """What result.json says of the program and the machine; `start` is when the run's first attempt began.

    `commit` and `changed` are of the checkout that the program runs from; None without one, or without Git.
    """
    return {
        "version": ib_cli.__version__,
        **checkout().state(),
        "python": platform.python_version(),
        "libraries": libraries(),
        "host": platform.node(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "command": command,
        "start": start,
        "end": now(),
    }


def libraries() -> dict[str, str]:
    """The versions of the libraries that this process has imported."""
    found = {name: getattr(sys.modules.get(name), "__version__", None) for name in LIBRARIES}
    return {name: str(version) for name, version in found.items() if version is not None}


@cache
def checkout() -> Checkout:
    """The checkout of this process's program. The first call asks Git, and does not wait for its answer."""
    return Checkout(Path(ib_cli.__file__).parents[1])


class Checkout:
    """What Git says of the folder that the program lies in, as it was when this was made."""

    def __init__(self, root: Path) -> None:
        self._asked: subprocess.Popen[str] | None = None
        self._state: Mapping[str, Any] | None = None
        if (root / ".git").exists():  # else the program is installed, perhaps somewhere below another project
            words = ["git", "--no-optional-locks", "-C", str(root), "status", "--porcelain=v2", "--branch", "--"]
            try:
                self._asked = subprocess.Popen(
                    [*words, *CODE],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                    start_new_session=True,  # Ctrl-C is for the run, which ends in its own way
                )
            except OSError:  # there is no Git here
                return

    def state(self) -> Mapping[str, Any]:
        """`commit`, and `changed`: whether the program's files differ from it."""
        if self._state is None:
            self._state = _read(self._answer())
        return self._state

    def _answer(self) -> str:
        if self._asked is None:
            return ""
        try:
            text, _ = self._asked.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self._asked.kill()
            self._asked.communicate()
            return ""
        return text if self._asked.returncode == 0 else ""


def _read(status: str) -> dict[str, Any]:
    """The answer of `git status --porcelain=v2 --branch`: lines with # are about the branch, others are changes."""
    lines = status.splitlines()
    commits = [line.removeprefix("# branch.oid ") for line in lines if line.startswith("# branch.oid ")]
    if not commits or commits[0] == "(initial)":
        return {"commit": None, "changed": None}
    return {"commit": commits[0], "changed": any(not line.startswith("#") for line in lines)}
