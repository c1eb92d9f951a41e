"""Records of paths that no run took, on an equilibrium surface that is known in closed form.

F = a λ^p + b γ^q + c (λγ)^s + f is concave for p, q < 1 and s ≤ ½; D = ∂F/∂λ, C = ∂F/∂γ, R = F − λD − γC.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.report.synthetic import write_run

A, P, B, Q, S, K, F_0 = 28.0, 0.7, 0.6, 0.2, 0.3, 0.15, 6.0
CLASSES = 10
Place = tuple[float, float]  # λ, γ


def measures(place: Place) -> dict[str, float]:
    """R, D, D_error, C, F and an accuracy at a place."""
    l, g = place  # noqa: E741
    mixed = K * (l * g) ** S
    F = A * l**P + B * g**Q + mixed + F_0
    D, C = (A * P * l**P + S * mixed) / l, (B * Q * g**Q + S * mixed) / g
    R = F - l * D - g * C
    return {"R": R, "D": D + 9.0, "D_error": D, "C": C, "F": F, "accuracy": math.exp(-C), "error": 1 - math.exp(-C)}


def slopes(place: Place) -> dict[str, float]:
    """The second derivatives of F, by the names of a path's lines."""
    l, g = place  # noqa: E741
    mixed = K * (l * g) ** S
    cross = S * S * mixed / (l * g)
    return {
        "dD/dlambda": (A * P * (P - 1) * l**P + S * (S - 1) * mixed) / l**2,
        "dC/dgamma": (B * Q * (Q - 1) * g**Q + S * (S - 1) * mixed) / g**2,
        "dC/dlambda": cross,
        "dD/dgamma": cross,
    }


def iso_classification(start: Place, steps: int, alpha: float) -> list[Place]:
    """`steps` midpoint steps of λ̇ = −α ∂C/∂γ, γ̇ = α ∂C/∂λ (31), which keep C to third order."""
    found = [start]
    for _ in range(steps):
        here = found[-1]
        middle = _moved(here, here, alpha / 2)
        found.append(_moved(here, middle, alpha))
    return found


def _moved(here: Place, at: Place, alpha: float) -> Place:
    of = slopes(at)
    return here[0] - alpha * of["dC/dgamma"], here[1] + alpha * of["dC/dlambda"]


def write_path(
    folder: Path,
    first: Place = (0.25, 4.0),
    steps: int = 6,
    alpha: float = 2.0,
    seed: int = 0,
    status: str = "done",
    procedure: str = "iso_classification",
    epochs: int = 3,
    each: Callable[[int], Mapping[str, float]] = lambda step: {},
    places: Sequence[Place] | None = None,
    stderr: float = 0.01,
    **options: Any,
) -> Path:
    """A run's folder: `epochs` of an initial fit, then a path of `steps`. `each` adds measures of a step to all splits.

    The test split sees R, D and C a tenth higher. `options`: keys of the procedure. `places`: another path.
    """
    more = {"procedure": {"_target_": procedure, "alpha": alpha, **options}, "name": folder.parent.name}
    write_run(folder, "free_energy", first, seed, epochs, status, **more)
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    places = iso_classification(first, steps, alpha) if places is None else places
    rng, last = np.random.default_rng(seed), {}
    for step, place in enumerate(places):
        for split, factor in (("train", 1.0), ("test", 1.1)):
            of = {
                name: value * (factor if name in ("R", "D", "D_error", "C") else 1)
                for name, value in measures(place).items()
            }
            of |= {"path_step": step, "lambda": place[0], "gamma": place[1], "t": 0.0, **each(step)}
            if split == "train":
                of |= _laws(place, stderr, rng)
                if step:
                    of["rate_balance"] = _balance(places[step - 1], place)
            last[split] = of
            lines.append(json.dumps({"epoch": epochs + step, "step": 15 * (epochs + step), "split": split, **of}))
    (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    if status == "done":
        result = json.loads((folder / "result.json").read_text())
        C = [measures(place)["C"] for place in places]
        told = {"path_steps": len(places) - 1, "C_0": C[0], "C_drift": max(abs(c - C[0]) for c in C) / C[0]}
        result |= {"train": last["train"] | told, "test": last["test"], "epochs": epochs + len(places) - 1}
        (folder / "result.json").write_text(json.dumps(result))
    return folder


def _balance(before: Place, after: Place) -> float | None:
    """(ΔR + λ ΔD)/|ΔR| with the step's middle λ."""
    old, new = measures(before), measures(after)
    rise, middle = new["R"] - old["R"], (before[0] + after[0]) / 2
    return (rise + middle * (new["D"] - old["D"])) / abs(rise) if rise else None


def _laws(place: Place, stderr: float, rng: np.random.Generator) -> dict[str, float]:
    """Slopes with errors of size `stderr`, and the residuals that these leave."""
    of = {name: value + stderr * rng.normal() for name, value in slopes(place).items()}
    hessian = np.array([[of["dD/dlambda"], of["dD/dgamma"]], [of["dC/dlambda"], of["dC/dgamma"]]])
    return {
        **of,
        **{f"{name}_stderr": stderr for name in of},
        "gradient_norm": 0.02,
        "maxwell": of["dC/dlambda"] - of["dD/dgamma"],
        "maxwell_stderr": math.sqrt(2) * stderr,
        "hessian_largest": float(np.linalg.eigvalsh((hessian + hessian.T) / 2)[-1]),
    }


def write_equilibration(folder: Path, between: int = 4, status: str = "done") -> Path:
    """A run from (0.5, 1) to (0.51, 1.04), with `between` lines of F between its two places."""
    start, end = (0.5, 1.0), (0.51, 1.04)
    write_path(folder, start, procedure="equilibrate", places=[start, end], status=status)
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    first = next(i for i, line in enumerate(lines) if line.get("path_step") == 1)
    for line in lines[first:]:
        line["epoch"] += between
    of_start = lines[first - 1]["epoch"]
    lines[first:first] = [
        {"epoch": of_start + k, "step": 0, "split": split, "F": measures(end)["F"] + 0.5 * math.exp(-k)}
        for k in range(1, between + 1)
        for split in ("train", "test")
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def write_transfer(folder: Path, steps: int = 10, seed: int = 0) -> Path:
    """A study: a geodesic transfer whose accuracy stays, fine-tuning that starts at 0, and training from scratch."""

    def along(step: int) -> dict[str, float]:
        t = step / steps
        return {"t": t, "R": 14 - 2 * t, "D_error": 18 + 5 * t, "C": 0.1 + 0.01 * t, "accuracy": 0.97 - 0.01 * t}

    def direct(step: int) -> dict[str, float]:
        far = math.exp(-step)
        return {"t": 1.0, "R": 12 + far, "D_error": 22 + 3 * far, "C": 0.1 + 4 * far, "accuracy": 0.97 * (1 - far)}

    moving = [(0.25 + 0.02 * step, 4 + 0.3 * step) for step in range(steps + 1)]
    still = [(0.25, 4.0)] * (steps + 1)
    write_path(folder / "geodesic", procedure="geodesic_transfer", each=along, places=moving, seed=seed)
    for start in ("source", "scratch"):
        options = {"procedure": "direct_transfer", "start": start, "each": direct, "places": still}
        write_path(folder / start, seed=seed, **options)
    return folder
