"""The arrays that a run with layers of noise measured at its end."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ib_cli.contracts.errors import DamagedError
from ib_cli.experiment.damage import NOISE_LAYERS
from ib_cli.report.read.runs import RecordedRun


@dataclass(frozen=True)
class Activations:
    """Histograms of a layer's noisy activations z ≥ 0, all units together."""

    layer: str
    counts: np.ndarray  # (bins,) of z
    edges: np.ndarray  # (bins + 1,)
    log_counts: np.ndarray  # (bins,) of ln z, where z > 0
    log_edges: np.ndarray  # (bins + 1,)
    zeros: int
    total: int
    prior: tuple[float, float] | None  # mean and deviation of ln z by a log-normal prior; None: there is none


@dataclass(frozen=True)
class NoiseLayers:
    """What one run measured of its layers of noise, in nats."""

    layers: tuple[str, ...]  # from the input up
    kl: Mapping[str, np.ndarray]  # layer → mean KL of each unit, (*units)
    maps: Mapping[str, np.ndarray]  # layer → KL at each place of each input shown, (M, height, width)
    inputs: np.ndarray | None  # (M, channels, height, width) as stored
    numbers: tuple[int, ...]  # of these inputs in their split
    boxes: np.ndarray | None  # (M, 4): row, column, height and width of what y names
    activations: Activations | None

    @property
    def box_fraction(self) -> float | None:
        """The box's share of the image; None without boxes."""
        if self.boxes is None or self.inputs is None:
            return None
        height, width = self.inputs.shape[-2:]
        return float(self.boxes[0, 2] * self.boxes[0, 3] / (height * width))


def noise_layers(run: RecordedRun) -> NoiseLayers | None:
    """What a finished run measured of its layers of noise; None if nothing. Raises DamagedError."""
    file = run.folder / NOISE_LAYERS
    if run.status != "done" or not file.is_file():
        return None
    try:
        return _of(file)
    except (OSError, ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DamagedError(f"{file} cannot be read ({why}): start this run anew with rerun=true") from None


def _of(file: Path) -> NoiseLayers:
    with np.load(file, allow_pickle=False) as arrays:
        found = dict(arrays)
    names = tuple(map(str, found["layers"]))
    return NoiseLayers(
        names,
        {name: found[f"{name}/kl"] for name in names if f"{name}/kl" in found},
        {name: found[f"{name}/maps"] for name in names if f"{name}/maps" in found},
        found.get("inputs"),
        tuple(map(int, found.get("numbers", ()))),
        found.get("boxes"),
        _activations(found) if "activations/layer" in found else None,
    )


def _activations(found: Mapping[str, np.ndarray]) -> Activations:
    def of(name: str) -> np.ndarray:
        return found[f"activations/{name}"]

    prior = None
    if "activations/prior" in found:
        mean, deviation = map(float, of("prior"))
        prior = mean, deviation
    return Activations(
        str(of("layer")), of("counts"), of("edges"), of("log_counts"), of("log_edges"), int(of("zeros")),
        int(of("total")), prior,
    )  # fmt: skip
