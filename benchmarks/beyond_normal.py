"""The Beyond Normal benchmark (Czyż et al., NeurIPS 2023): Kraskov's estimator, ours and theirs, against the truth.

The package `benchmark-mi` brings its own jax and needs its own environment:

    THEIR_PYTHON benchmarks/beyond_normal.py write DIR    # samples, truths and their estimates; ten minutes
    python -m benchmarks.beyond_normal table DIR          # ours on the same samples; two minutes

Both average the estimates with k = 5 and k = 10 after standardising every coordinate, with Euclidean norms within x
and y.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

SAMPLES = 10_000
NEIGHBOURS = (5, 10)  # the package's own choice


def write(folder: Path) -> None:
    """In the environment of `benchmark-mi`: one file per task, with x, y, the truth, their estimate and its seconds."""
    from bmi.benchmark import BENCHMARK_TASKS
    from bmi.estimators import KSGEnsembleFirstEstimator

    folder.mkdir(parents=True, exist_ok=True)
    for name, task in BENCHMARK_TASKS.items():
        x, y = (np.asarray(values) for values in task.sample(SAMPLES, 0))
        start = time.perf_counter()
        theirs = KSGEnsembleFirstEstimator(neighborhoods=NEIGHBOURS).estimate(x, y)
        seconds = time.perf_counter() - start
        np.savez(folder / f"{name}.npz", x=x, y=y, truth=task.mutual_information, theirs=theirs, seconds=seconds)
        print(f"{name}: {theirs:.4f} in {seconds:.1f} s", flush=True)


def standardised(values: np.ndarray) -> np.ndarray:
    values = values.astype(np.float64)
    return (values - values.mean(0)) / values.std(0)


def table(folder: Path) -> None:
    """Prints one line of Markdown per task: the truth, both estimates in nats, their difference, and both times."""
    import torch

    from ib_cli.estimators.ksg import ksg

    print("| task | truth | ours | ± | theirs | ours − theirs | seconds, ours | theirs |")
    print("|---|---|---|---|---|---|---|---|")
    worst = 0.0
    for file in sorted(folder.glob("*.npz"), key=lambda file: file.stat().st_mtime):
        sample = np.load(file)
        x, y = (torch.from_numpy(standardised(sample[name])) for name in ("x", "y"))
        start = time.perf_counter()
        estimates = ksg(x, y, k=NEIGHBOURS, standardise=False, sweep=None)
        seconds = time.perf_counter() - start
        ours = sum(estimate.value for estimate in estimates) / len(estimates)
        theirs = float(sample["theirs"])
        worst = max(worst, abs(max(ours, 0.0) - theirs))
        print(
            f"| {file.stem} | {float(sample['truth']):.4f} | {ours:.4f} | {estimates[0].stderr:.4f} | {theirs:.4f} "
            f"| {ours - theirs:+.1e} | {seconds:.2f} | {float(sample['seconds']):.1f} |",
            flush=True,
        )
    print(f"\nlargest difference, both clipped at zero as theirs is: {worst:.1e}; {torch.get_num_threads()} threads")


def main() -> None:
    """Writes the samples or prints the table."""
    parser = argparse.ArgumentParser(description="The Beyond Normal benchmark, ours and theirs.")
    parser.add_argument("action", choices=("write", "table"))
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    (write if arguments.action == "write" else table)(arguments.folder)


if __name__ == "__main__":
    main()
