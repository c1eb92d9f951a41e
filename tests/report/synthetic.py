"""Records of runs that never ran, on frontiers that are known in closed form.

`vib`: C = H exp(−R/a), convex; C + γ R is least at R = a ln(H / (a γ)), C = a γ.
`beta_vae`: the Gaussian R(D) = ½ ln(1/D); D + β R is least at D = β/2, R = ½ ln(2/β).
`free_energy`: R = −a ln D − b ln C, convex; R + λ D + γ C is least at D = a/λ, C = b/γ.

As a program: `python -m tests.report.synthetic FOLDER RUNS EPOCHS` writes a study of so many runs.
"""

from __future__ import annotations

import json
import math
import random
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

H, A = math.log(10), 3.0  # nats: entropy of the labels, and the scale on which C falls with R
MINIMISE = {
    "vib": {"C": 1, "R": "gamma"},
    "beta_vae": {"D": 1, "R": "beta"},
    "free_energy": {"R": 1, "D": "lambda", "C": "gamma"},
}
ON_D, ON_C = 0.7, 2.0  # nats: by how much R falls with ln D and ln C
Multiplier = float | tuple[float, float]  # (λ, γ) of the free energy


def multipliers_of(objective: str, multiplier: Multiplier) -> dict[str, float]:
    """Their names in the objective and their values."""
    names = [name for name in MINIMISE[objective].values() if isinstance(name, str)]
    return dict(zip(names, multiplier if isinstance(multiplier, tuple) else (multiplier,)))


def optimum(objective: str, multiplier: Multiplier) -> dict[str, float]:
    """The measures where the objective is least."""
    if isinstance(multiplier, tuple):
        D, C = ON_D / multiplier[0], ON_C / multiplier[1]
        R = -ON_D * math.log(D) - ON_C * math.log(C)
        return {"R": R, "D": D, "C": C, "J": R + multiplier[0] * D + multiplier[1] * C}
    if objective == "vib":
        R, C = A * math.log(H / (A * multiplier)), A * multiplier
        return {"R": R, "C": C, "J": C + multiplier * R, "H[Y]": H, "accuracy": math.exp(-C)}
    D, R = multiplier / 2, 0.5 * math.log(2 / multiplier)
    return {"R": R, "D": D, "J": D + multiplier * R}


def config(objective: str, multiplier: Multiplier, seed: int, epochs: int, **more: Any) -> dict[str, Any]:
    """As a real run's, as far as a report reads it, and as long."""
    return {
        "dataset": {"_target_": "ib_cli.datasets.digits.Digits", "seed": 0, "classes": None, "root": "data"},
        "architecture": {"_target_": "ib_cli.model.architectures.mlp.Mlp", "widths": [256, 256], "activation": "relu"},
        "bottleneck": {"_target_": "ib_cli.model.bottlenecks.gaussian.Gaussian", "size": 32, "offset": -5.0},
        "optimizer": {"_target_": "ib_cli.engine.optimisers.adam", "lr": 1e-3, "betas": [0.9, 0.999], "eps": 1e-8},
        "tracker": {"_target_": "ib_cli.watch.observer.Observer"},
        **{f"key_{i}": i for i in range(40)},
        "name": "synthetic",
        "seed": seed,
        "epochs": epochs,
        **multipliers_of(objective, multiplier),
        "objective": {"name": objective, "minimise": MINIMISE[objective]},
        **more,
    }


def write_run(
    folder: Path,
    objective: str = "vib",
    multiplier: Multiplier = 1e-2,
    seed: int = 0,
    epochs: int = 5,
    status: str = "done",
    noise: float = 0.0,
    **more: Any,
) -> Path:
    """A run's folder. `noise` moves the measures of each seed by so much; status `unfinished` writes no result."""
    folder.mkdir(parents=True)
    rng = random.Random(f"{multiplier} {seed}")
    exact = optimum(objective, multiplier)
    final = {name: value + noise * rng.gauss(0, 1) * (name in ("R", "C", "D", "J")) for name, value in exact.items()}
    plain = config(objective, multiplier, seed, epochs, **more)
    (folder / "config.yaml").write_text(yaml.safe_dump(plain, sort_keys=False))
    lines = []
    for epoch in range(1, epochs + 1):
        for split in ("train", "test"):
            far = math.exp(-5 * epoch / epochs)
            measures = {name: value * (1 + far) if name != "H[Y]" else value for name, value in final.items()}
            lines.append(json.dumps({"epoch": epoch, "step": 15 * epoch, "split": split, **measures}))
    (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    if status != "unfinished":
        found = multipliers_of(objective, multiplier)
        result = {
            "status": status,
            "objective": objective,
            "lagrangian": "minimise "
            + " + ".join(f"{found.get(w, w):g} {f}".removeprefix("1 ") for f, w in MINIMISE[objective].items()),
            "multipliers": found,
            "seed": seed,
        }
        done = {"epochs": epochs, "seconds": 2.5, "train": final, "test": final, "estimates": {}}
        result |= done if status == "done" else {"error": "C became nan in epoch 3"}
        (folder / "result.json").write_text(json.dumps(result))
    return folder


def write_estimates(
    folder: Path,
    estimator: str,
    values: Mapping[str, Sequence[float | None]],
    split: str = "train",
    flagged: Sequence[int] = (),
) -> Path:
    """Adds to a run's folder what an estimator said of quantities after each epoch from 1 on; some of these flagged."""
    file = folder / "estimates.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    for quantity, series in values.items():
        for epoch, value in enumerate(series, 1):
            of = {"epoch": epoch, "split": split, "quantity": quantity, "estimator": estimator}
            lines.append({**of, "value": value, "saturated": epoch in flagged})
    lines.sort(key=lambda line: line["epoch"])  # as a run writes them
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def write_study(
    folder: Path,
    objective: str = "vib",
    multipliers: Sequence[Multiplier] = (1e-3, 1e-2, 1e-1),
    seeds: int = 3,
    epochs: int = 5,
    noise: float = 0.0,
    more: Mapping[str, Any] | None = None,
) -> Path:
    """A study over multipliers and seeds."""
    for i, multiplier in enumerate(multipliers):
        for seed in range(seeds):
            extra = {"name": folder.name, **(more or {})}
            write_run(folder / f"{objective}{i:03}s{seed}", objective, multiplier, seed, epochs, noise=noise, **extra)
    return folder


if __name__ == "__main__":
    where, runs, length = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    write_study(
        where,
        multipliers=[10 ** (-4 + 3.7 * i / (runs // 5)) for i in range(runs // 5)],
        seeds=5,
        epochs=length,
        noise=1e-2,
    )
