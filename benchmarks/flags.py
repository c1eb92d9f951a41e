"""python -m benchmarks.flags [--draws D] [--samples N]: how often neighbour estimates are wrong, and say so.

Each case has a truth in closed form or by a one-dimensional integral. A value is *far* where it is more than three of
its standard errors from the truth. A far value without a flag is missed; a flag on one that is not far is false.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

import numpy as np
import torch
from scipy.special import digamma, gammaln
from scipy.stats import chi2
from torch import Generator, Tensor

from ib_cli.estimators import mutual_information

FAR = 3  # standard errors
LN2 = math.log(2)
SEED = 20_000
Case = Callable[[int, Generator], tuple[Tensor, Tensor, float]]


def normal(generator: Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def half_space(width: int) -> Case:
    def draw(n: int, generator: Generator) -> tuple[Tensor, Tensor, float]:
        z = normal(generator, n, width)
        return z, (z[:, 0] > 0).long(), LN2

    return draw


def shells(width: int) -> Case:
    def draw(n: int, generator: Generator) -> tuple[Tensor, Tensor, float]:
        z = normal(generator, n, width)
        return z, (z.square().sum(1) > chi2.median(width)).long(), LN2

    return draw


def parity(width: int) -> Case:
    """The label is the sign of the product of two dimensions."""

    def draw(n: int, generator: Generator) -> tuple[Tensor, Tensor, float]:
        z = normal(generator, n, width)
        return z, (z[:, 0] * z[:, 1] > 0).long(), LN2

    return draw


def independent(labels: int, width: int) -> Case:
    def draw(n: int, generator: Generator) -> tuple[Tensor, Tensor, float]:
        return normal(generator, n, width), torch.randint(labels, (n,), generator=generator), 0.0

    return draw


def logistic(width: int) -> Case:
    """p(y = 1|z) = 1/(1 + e^(−2 z₁))."""
    line = np.linspace(-9, 9, 20_001)
    weight, p = np.exp(-(line**2) / 2), 1 / (1 + np.exp(-2 * line))
    noise = float((weight * -(p * np.log(p) + (1 - p) * np.log1p(-p))).sum() / weight.sum())

    def draw(n: int, generator: Generator) -> tuple[Tensor, Tensor, float]:
        z = normal(generator, n, width)
        coin = torch.rand(n, generator=generator, dtype=torch.float64)
        return z, (coin < torch.sigmoid(2 * z[:, 0])).long(), LN2 - noise

    return draw


def two_classes(apart: float, width: int) -> Case:
    """Two normal classes whose means differ by `apart` in one dimension."""
    line = np.linspace(-15, 15, 40_001)
    densities = [np.exp(-((line - shift) ** 2) / 2) for shift in (-apart / 2, apart / 2)]
    mixture = sum(densities) / 2
    terms = [density * np.log(np.maximum(density, 1e-300) / mixture) for density in densities]
    truth = float(sum(terms).sum() / 2 / densities[0].sum())

    def draw(n: int, generator: Generator) -> tuple[Tensor, Tensor, float]:
        y = torch.randint(2, (n,), generator=generator)
        z = normal(generator, n, width)
        z[:, 0] += apart * (y - 0.5)
        return z, y, truth

    return draw


def correlated(correlation: float, pairs: int, of_x: int, of_z: int) -> Case:
    """`pairs` dimensions of x and of z are correlated one by one, all others are independent."""

    def draw(n: int, generator: Generator) -> tuple[Tensor, Tensor, float]:
        x, z = normal(generator, n, of_x), normal(generator, n, of_z)
        z[:, :pairs] = correlation * x[:, :pairs] + math.sqrt(1 - correlation**2) * z[:, :pairs]
        return x, z, -pairs / 2 * math.log(1 - correlation**2)

    return draw


def student(freedom: int, width: int) -> Case:
    """x and z are the halves of one multivariate t, dependent through their common scale only."""

    def entropy(d: int) -> float:
        half = (freedom + d) / 2
        spread = float(gammaln(freedom / 2) - gammaln(half)) + d / 2 * math.log(freedom * math.pi)
        return spread + half * float(digamma(half) - digamma(freedom / 2))

    def draw(n: int, generator: Generator) -> tuple[Tensor, Tensor, float]:
        both = normal(generator, n, 2 * width)
        both /= (normal(generator, n, freedom).square().sum(1, keepdim=True) / freedom).sqrt()
        return both[:, :width], both[:, width:], 2 * entropy(width) - entropy(2 * width)

    return draw


CASES: dict[str, Case] = {
    "half-space, d = 10": half_space(10),
    "half-space, d = 30": half_space(30),
    "half-space, d = 50": half_space(50),
    "half-space, d = 100": half_space(100),
    "shells, d = 5": shells(5),
    "shells, d = 20": shells(20),
    "parity of two, d = 5": parity(5),
    "parity of two, d = 10": parity(10),
    "logistic, d = 5": logistic(5),
    "logistic, d = 50": logistic(50),
    "two classes 2 apart, d = 10": two_classes(2, 10),
    "two classes 2 apart, d = 50": two_classes(2, 50),
    "10 independent labels, d = 10": independent(10, 10),
    "10 independent labels, d = 100": independent(10, 100),
    "correlation 0.8, 1 × 1": correlated(0.8, 1, 1, 1),
    "correlation 0.9 in 1 of 20 × 20": correlated(0.9, 1, 20, 20),
    "correlation 0.9 in 1 of 1 × 20": correlated(0.9, 1, 1, 20),
    "correlation 0.5 in 5 of 5 × 5": correlated(0.5, 5, 5, 5),
    "independent, 50 × 50": correlated(0.0, 0, 50, 50),
    "t, 2 degrees, 5 × 5": student(2, 5),
}


def row(name: str, draws: int, samples: int) -> tuple[str, int, int, int]:
    """A line of the table, and the numbers of misses, false flags and values that are not far."""
    errors, flags, stderrs, truth = [], [], [], 0.0
    for draw in range(draws):
        first, second, truth = CASES[name](samples, torch.Generator().manual_seed(SEED + draw))
        found = mutual_information(first, second)
        errors.append(found.value - truth)
        stderrs.append(found.stderr)
        flags.append(found.saturated)
    error, stderr, flagged = np.array(errors), np.array(stderrs), np.array(flags)
    far = np.abs(error) > FAR * stderr
    misses, false = int((far & ~flagged).sum()), int((flagged & ~far).sum())
    line = (
        f"| {name} | {truth:.3f} | {truth + error.mean():.3f} | {stderr.mean():.3f} | {error.std():.3f} | "
        f"{far.sum()} | {flagged.sum()} | {misses} | {false} |"
    )
    return line, misses, false, int((~far).sum())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Flags of neighbour estimates: hits, misses and false flags.")
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--samples", type=int, default=2000)
    arguments = parser.parse_args()
    print("| case | truth | mean | standard error | standard deviation | far | flagged | missed | false |")
    print("|---|---|---|---|---|---|---|---|---|")
    totals = np.zeros(3, dtype=int)
    for name in CASES:
        line, *counts = row(name, arguments.draws, arguments.samples)
        totals += counts
        print(line, flush=True)
    values = arguments.draws * len(CASES)
    print(f"\n{values} values: {totals[0]} missed; {totals[1]} flagged falsely of {totals[2]} that are not far")


if __name__ == "__main__":
    main()
