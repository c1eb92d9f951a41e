"""Files as somebody else may send them: code and pickles that make a canary when they run."""

from __future__ import annotations

import os
import pickle
from dataclasses import dataclass
from pathlib import Path

CANARY = "{canary}"
CODE = """
import os
from pathlib import Path

import torch

Path({canary!r}).mkdir(exist_ok=True)


class Net(torch.nn.Module):
    features = 64

    def __init__(self, input_shape):
        super().__init__()

    def forward(self, x, tape):
        return x.flatten(1)
"""


class Hostile:
    """An object whose pickle makes a folder when it is read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.folder),)


@dataclass(frozen=True)
class Canary:
    """The folder that hostile code makes, and where a stranger's files lie."""

    folder: Path

    @property
    def file(self) -> Path:
        """It exists once hostile code has run."""
        return self.folder / "canary"

    def add(self, name: str, content: str) -> None:
        """A file of the stranger's; {canary} in it stands for the canary's path."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content.replace(CANARY, str(self.file)), encoding="utf-8")

    def pickled(self) -> bytes:
        """A pickle that makes the canary when it is read."""
        return pickle.dumps(Hostile(self.file))


def write(folder: Path) -> Canary:
    """evil_code.py and evil.pkl in the folder."""
    canary = Canary(folder)
    (folder / "evil_code.py").write_text(CODE.format(canary=str(canary.file)), encoding="utf-8")
    (folder / "evil.pkl").write_bytes(canary.pickled())
    return canary
