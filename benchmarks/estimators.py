"""Nearest-neighbour estimators against the usual way: a ball tree with one query per sample.

    python -m benchmarks.estimators                               # half an hour
    python -m benchmarks.estimators --peer-python PATH            # also against infomeasure, in the environment of PATH
    python -m benchmarks.estimators --memory 50000                # only the memory at N = 50,000; a minute

The peers are written here from their definitions, as NPEET and scikit-learn do it: trees with the Chebyshev metric, a
query for the k-th neighbour, and one range count per sample. Ours runs in its default norm, Euclidean within a
variable, and in the peers' norm, where the values must agree. Both sides take turns in one process. The floor is the
matrix product of 2N²d operations in float32 for each variable, in blocks of rows.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from scipy.special import digamma
from sklearn.neighbors import BallTree

from ib_cli.estimators.kozachenko_leonenko import kozachenko_leonenko
from ib_cli.estimators.ksg import ksg
from ib_cli.estimators.ross import ross

K = 3
BARE: dict[str, Any] = {"sweep": None, "standardise": False}  # what the peers compute, without checks
PEER = """
import sys, time
import numpy as np
import infomeasure
x, z = np.load(sys.argv[1]), np.load(sys.argv[2])
start = time.perf_counter()
value = infomeasure.mutual_information(x, z, approach="ksg", k=int(sys.argv[3]), base="e")
print(time.perf_counter() - start, float(value))
"""


def samples(n: int, width: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """x, z = x + noise, and ten classes that shift z."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, width, generator=generator)
    y = torch.randint(0, 10, (n,), generator=generator)
    z = x + torch.randn(n, width, generator=generator) + 0.1 * y[:, None]
    return x, z, y


def kth_distances(values: np.ndarray) -> np.ndarray:
    return BallTree(values, metric="chebyshev").query(values, K + 1)[0][:, -1]


def counts(values: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Samples strictly within the radii, the sample itself included."""
    return BallTree(values, metric="chebyshev").query_radius(values, np.nextafter(radii, 0), count_only=True)


def tree_entropy(z: np.ndarray) -> float:
    n, width = z.shape
    return digamma(n) - digamma(K) + width * (np.log(2) + np.log(kth_distances(z)).mean())


def tree_ksg(x: np.ndarray, z: np.ndarray) -> float:
    radii = kth_distances(np.concatenate([x, z], 1))
    return digamma(K) + digamma(len(x)) - sum(digamma(counts(values, radii)).mean() for values in (x, z))


def tree_ross(z: np.ndarray, y: np.ndarray) -> float:
    radii, own = np.empty(len(z)), np.empty(len(z))
    for label in np.unique(y):
        members = y == label
        radii[members], own[members] = kth_distances(z[members]), members.sum()
    return digamma(len(z)) + digamma(K) - digamma(own).mean() - digamma(counts(z, radii)).mean()


def floor(*variables: torch.Tensor) -> None:
    for values in variables:
        out = torch.empty(500, len(values))
        for rows in values.split(500):
            torch.mm(rows, values.T, out=out[: len(rows)])


def timed(function: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and the value in nats where there is one."""
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, float(getattr(result, "value", result) or 0.0)


def spread_of(ratios: list[float], digits: int = 1) -> str:
    return f"{median(ratios):.{digits}f} ({min(ratios):.{digits}f}–{max(ratios):.{digits}f})"


def compare(name: str, sides: dict[str, Callable[[], object]], repeats: int) -> str:
    """One line of the table from interleaved repetitions; ours are run once before."""
    sides["ours"]()
    turns = [{side: timed(function) for side, function in sides.items()} for _ in range(repeats)]
    seconds = {side: [turn[side][0] for turn in turns] for side in sides}
    to_peer = spread_of([peer / ours for ours, peer in zip(seconds["ours"], seconds["peer"])])
    same_norm = spread_of([peer / ours for ours, peer in zip(seconds["ours, max"], seconds["peer"])])
    checked = spread_of([turn["checked"][0] / turn["ours"][0] for turn in turns], 2)
    to_floor = spread_of([ours / bottom for ours, bottom in zip(seconds["ours"], seconds["floor"])], 2)
    apart = max(abs(turn["ours, max"][1] - turn["peer"][1]) for turn in turns)
    times = " | ".join(f"{median(seconds[side]):.2f}" for side in ("ours", "peer", "floor"))
    return f"| {name} | {times} | {to_peer} | {to_floor} | {checked} | {same_norm} | {apart:.0e} |"


def cases(n: int, width: int) -> dict[str, dict[str, Callable[[], object]]]:
    """For each estimator our side in both norms, bare as the peer is, our default with its checks, peer and floor."""
    x, z, y = samples(n, width)
    a, b, labels = x.numpy().astype(np.float64), z.numpy().astype(np.float64), y.numpy()
    return {
        "entropy": {
            "ours": lambda: kozachenko_leonenko(z, k=K, **BARE),
            "ours, max": lambda: kozachenko_leonenko(z, k=K, norm="max", **BARE),
            "checked": lambda: kozachenko_leonenko(z, k=K),
            "peer": lambda: tree_entropy(b),
            "floor": lambda: floor(z),
        },
        "I[Y;Z], Ross": {
            "ours": lambda: ross(z, y, k=K, **BARE),
            "ours, max": lambda: ross(z, y, k=K, norm="max", **BARE),
            "checked": lambda: ross(z, y, k=K),
            "peer": lambda: tree_ross(b, labels),
            "floor": lambda: floor(z),
        },
        "I[X;Z], KSG 1": {
            "ours": lambda: ksg(x, z, k=K, **BARE),
            "ours, max": lambda: ksg(x, z, k=K, norm="max", **BARE),
            "checked": lambda: ksg(x, z, k=K),
            "peer": lambda: tree_ksg(a, b),
            "floor": lambda: floor(x, z),
        },
    }


def infomeasure_line(python: str, n: int, width: int, folder: Path, repeats: int) -> str:
    """Ratios against infomeasure's KSG in turns with ours; where it cannot be run, a line that says so."""
    x, z, _ = samples(n, width)
    files = [str(folder / f"{name}.npy") for name in "xz"]
    for file, values in zip(files, (x, z)):
        np.save(file, values.numpy().astype(np.float64))
    pairs = []
    for _ in range(repeats):
        ours = timed(lambda: ksg(x, z, k=K, **BARE))[0]
        run = subprocess.run([python, "-c", PEER, *files, str(K)], capture_output=True, text=True)
        if run.returncode:
            return f"infomeasure: skipped, {run.stderr.strip().splitlines()[-1]}"
        pairs.append((ours, float(run.stdout.split()[0])))
    ratios = [theirs / ours for ours, theirs in pairs]
    return f"infomeasure, KSG: {median(theirs for _, theirs in pairs):.1f} s, {spread_of(ratios)} times ours"


def memory(n: int, width: int) -> None:
    """Prints by how much the peak of the resident memory exceeds its size before the call; a process per estimator."""
    for name in ("entropy", "I[Y;Z], Ross", "I[X;Z], KSG 1"):
        command = [sys.executable, "-m", "benchmarks.estimators", "--peak", name, "--n", str(n), "--width", str(width)]
        print(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip(), flush=True)


def peak(name: str, n: int, width: int) -> None:
    """One estimate, after a small one for all that is loaded only once; Linux counts the peak in KiB."""
    cases(2000, width)[name]["ours"]()
    x, z, y = samples(n, width)
    estimate = {
        "entropy": lambda: kozachenko_leonenko(z, k=K),
        "I[Y;Z], Ross": lambda: ross(z, y, k=K),
        "I[X;Z], KSG 1": lambda: ksg(x, z, k=K),
    }[name]
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    before = pages * resource.getpagesize() / 2**20
    seconds = timed(estimate)[0]
    extra = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10 - before
    print(f"{name}: {extra:.0f} MiB over {before:.0f} MiB, {seconds:.1f} s")


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description="Nearest-neighbour estimators against ball trees.")
    parser.add_argument("--n", type=int, default=10_000, help="samples")
    parser.add_argument("--width", type=int, default=100, help="dimensions of x and of z")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--peer-python", help="interpreter of an environment with infomeasure")
    parser.add_argument("--memory", type=int, metavar="N", help="print only the extra memory for N samples")
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.peak:
        return peak(arguments.peak, arguments.n, arguments.width)
    if arguments.memory:
        return memory(arguments.memory, arguments.width)
    print(f"N = {arguments.n}, d = {arguments.width}, k = {K}, threads: {arguments.threads}")
    print(f"load before: {os.getloadavg()[0]:.1f}")
    print("| estimate | ours, s | tree, s | floor, s | tree / ours | ours / floor | checked / ours | max norm | gap |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, sides in cases(arguments.n, arguments.width).items():
        print(compare(name, sides, arguments.repeats), flush=True)
    print(f"load after: {os.getloadavg()[0]:.1f}")
    if arguments.peer_python:
        with tempfile.TemporaryDirectory() as folder:
            print(
                infomeasure_line(arguments.peer_python, arguments.n, arguments.width, Path(folder), arguments.repeats)
            )
    return None


if __name__ == "__main__":
    main()
