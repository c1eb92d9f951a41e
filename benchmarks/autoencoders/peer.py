"""pythae as a process in its own environment, and its parameters as those of our model."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
import torch
from torch import Tensor

from benchmarks.autoencoders.cases import BATCH, SIZE, Case
from benchmarks.measure import PeerError
from ib_cli.model.model import Model

SCRIPT = Path(__file__).with_name("pythae_side.py")


class Peer:
    """A case on the other side. Raises PeerError, with the last line that it printed, where it fails."""

    def __init__(self, python: Path, case: Case, data: Path, epochs: int, seed: int) -> None:
        """`data`: an npz file with `train`, (N, 1, 28, 28) bytes."""
        job = asdict(case) | {"data": str(data), "size": SIZE, "batch": BATCH, "epochs": epochs, "seed": seed}
        self._errors = TemporaryFile("w+")  # noqa: SIM115, closed with the process
        words = [str(python), str(SCRIPT), json.dumps(job)]
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True
        )

    def epoch(self) -> float:
        """Processor seconds of its next epoch."""
        return float(self._ask("epoch"))

    def parameters(self, file: Path) -> dict[str, Tensor]:
        """Its present parameters and buffers; they are written to `file`."""
        self._ask(str(file))
        with np.load(file) as found:
            return {name: torch.from_numpy(found[name]) for name in found.files}

    def _ask(self, word: str) -> str:
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(f"{word}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended: its answer is empty, and told below
        answer = self._process.stdout.readline().strip()
        if not answer:
            self._errors.seek(0)
            told = [line for line in self._errors.read().splitlines() if line.strip()] or ["it printed nothing"]
            raise PeerError(f"--peer: pythae ended: {told[-1]}")
        return answer

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._errors.close()


def translated(theirs: Mapping[str, Tensor], model: Model) -> dict[str, Tensor]:
    """pythae's parameters as the state of our model of the same case, so that one evaluation measures both.

    Parts that make neither z nor x, such as critics, stay as they are.
    """
    found = dict(model.state_dict())
    found |= _linear(theirs, "encoder.layers.0.0", "architecture.layers.0")
    found |= _linear(theirs, "decoder.layers.0.0", "decoder.layers.0")
    found |= _linear(theirs, "decoder.layers.1.0", "decoder.layers.2")
    if "quantizer.embeddings.weight" in theirs:
        found |= _linear(theirs, "encoder.embedding", "bottleneck.map")
        words = theirs["quantizer.embeddings.weight"].unsqueeze(0)
        kept = {"words": torch.zeros_like(words), "shift": words, "started": torch.tensor(True)}
        return found | {f"bottleneck.quantiser.{name}": value for name, value in kept.items()}
    mean, rho = (_linear(theirs, f"encoder.{name}", "") for name in ("embedding", "log_var"))
    for part in ("weight", "bias"):
        found[f"bottleneck.parameters_of_z.{part}"] = torch.cat([mean[f".{part}"], rho[f".{part}"]], -1)
    if "pseudo_inputs.0.weight" in theirs:
        u = (theirs["pseudo_inputs.0.weight"].T + theirs["pseudo_inputs.0.bias"]).clamp(0, 1)
        found["marginal.u"] = u.view(found["marginal.u"].shape)
    return found


def _linear(theirs: Mapping[str, Tensor], name: str, ours: str) -> dict[str, Tensor]:
    """A linear layer under our name: ours keeps its matrix as (inputs, outputs)."""
    return {f"{ours}.weight": theirs[f"{name}.weight"].T, f"{ours}.bias": theirs[f"{name}.bias"]}
