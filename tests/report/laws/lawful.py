"""Records that obey every law exactly, by construction, and such that break them.

Any concave J(γ, δ, σ) is the minimum of some R + γ C + δ D + σ S: its derivatives are C, D and S, and R is the rest.
Here J = Σ a ln(1 + b·(γ, δ, σ)), with ρ in R's weight by homogeneity: J(ρ, …) = ρ J(1, …/ρ).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import yaml

SCALES = np.array([0.9, 0.5, 0.7, 1.1])  # a, nats
RATES = np.array([[1.0, 0.1, 0.05], [0.1, 0.8, 0.3], [0.3, 0.4, 1.2], [0.6, 0.7, 0.1]])  # b, by γ, δ, σ
MINIMISE = {"R": "rho", "C": "gamma", "D": "delta", "S/N": "sigma"}
NAMES = ("gamma", "delta", "sigma")
FIXED = {"gamma": 2.0, "delta": 0.5, "sigma": 0.3, "rho": 1.0}
Disturb = Callable[[dict[str, float], Mapping[str, float], int], None]


def optimum(multipliers: Mapping[str, float]) -> dict[str, float]:
    """R, C, D, S/N and J at the minimum of ρ R + γ C + δ D + σ S/N."""
    rho = multipliers["rho"]
    weights = np.array([multipliers[name] for name in NAMES]) / rho
    inside = 1 + RATES @ weights
    J = rho * float(SCALES @ np.log(inside))
    slopes = SCALES / inside @ RATES
    C, D, S = (float(slope) for slope in slopes)
    return {"R": J / rho - float(slopes @ weights), "C": C, "D": D, "S/N": S, "J": J}


def write_grid(
    folder: Path,
    grid: Mapping[str, Sequence[float]],
    seeds: int = 1,
    disturb: Disturb = lambda measures, multipliers, seed: None,
    minimise: Mapping[str, str | float] = MINIMISE,
    fixed: Mapping[str, float] = FIXED,
    laws: Sequence[Mapping] = (),
) -> Path:
    """A study over the grid; `disturb` changes the measures of each run in place."""
    for number, (values, seed) in enumerate(product(product(*grid.values()), range(seeds))):
        multipliers = {**fixed, **dict(zip(grid, values))}
        measures = optimum(multipliers)
        disturb(measures, multipliers, seed)
        known = {name: multipliers[name] for weight in minimise.values() for name in [weight] if name in multipliers}
        _write(folder / f"run{number:04}", measures, known, seed, minimise, laws if number == 0 else ())
    return folder


def _write(
    folder: Path,
    measures: Mapping[str, float],
    multipliers: Mapping[str, float],
    seed: int,
    minimise: Mapping[str, str | float],
    laws: Sequence[Mapping],
) -> None:
    folder.mkdir(parents=True)
    objective = {"name": "lawful", "minimise": dict(minimise)}
    config = {"name": folder.parent.name, "seed": seed, "epochs": 1, **multipliers, "objective": objective}
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    result = {"status": "done", "objective": "lawful", "multipliers": dict(multipliers), "seed": seed, "epochs": 1}
    (folder / "result.json").write_text(json.dumps({**result, "train": dict(measures), "test": dict(measures)}))
    (folder / "metrics.jsonl").write_text(
        "".join(json.dumps({"epoch": 1, "step": 1, "split": split, **measures}) + "\n" for split in ("train", "test"))
    )
    if laws:
        (folder / "thermodynamics.jsonl").write_text("".join(json.dumps(law) + "\n" for law in laws))
