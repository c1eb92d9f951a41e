"""Whether samples can be those of a Gaussian: moments and shapes of margins, squared radii, dependence of sizes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.special import log_ndtr, ndtr
from torch import Tensor

FALSE_ALARMS = 1e-3  # probability of a flag for a Gaussian, all tests together
LEAST = 20  # samples; the tests say nothing with fewer
PER_DIMENSION = 10  # samples a dimension; with fewer only the given dimensions are tested, not their combinations
ITERATIONS = 30  # towards the combinations of dimensions that are the least normal
MULTIPLICATIONS = 4e9  # that they may take; about a second
FAMILIES = 4  # of tests, each with an equal share of the false alarms


def not_gaussian(standard: Tensor, names: Sequence[str], among: int = 1) -> str:
    """Why samples (N, d) are not those of a Gaussian, in words; empty where no test says so.

    `standard` has linearly independent columns of mean 0 and variance 1, called `names` (d,). Tests of

    - the given dimensions, each by its skewness (D'Agostino 1970), kurtosis (Anscombe and Glynn 1983) and distribution
      function (Anderson and Darling; Stephens 1986),
    - the squared radii of the whitened samples: Mardia's kurtosis (Mardia and Kanazawa 1983),
    - the sizes |w_j| of the whitened dimensions, by rank correlations with each |w_i| and w_i,
    - combinations of dimensions, as the first, along which one half of the samples is the least Gaussian
      (`_directions`), tested on the other half.

    Bonferroni's inequality holds false alarms below `FALSE_ALARMS` over all of them and over `among` such calls.
    Nothing is tested with fewer than 20 samples, combinations with 10 samples a dimension or more.
    """
    z = standard.detach().cpu().double().numpy()
    if len(z) < LEAST:
        return ""
    threshold = math.log(FALSE_ALARMS / FAMILIES / among)
    for log_p, why in _families(z, names):
        if log_p < threshold:
            return why
    return ""


def _families(z: np.ndarray, names: Sequence[str]) -> Iterator[tuple[float, str]]:
    """For each family of tests the logarithm of its p-value, corrected for their number, and what it would say."""
    log_p, column = _least_normal(z)
    yield log_p, f"{names[column]} has {_shape(z[:, column])}"
    n, d = z.shape
    if d == 1 or n < PER_DIMENSION * d:
        return
    w = _whitened(z)
    squares = (w**2).sum(1)
    kurtosis = float((squares**2).mean())
    yield float(_of_kurtosis(kurtosis, n, d)), f"Mardia's kurtosis is {kurtosis:.4g}, not {d * (d + 2)}"
    log_p, first, second, signed = _sizes(w)
    yield log_p, f"the size of {names[second]} depends on {names[first] if signed else f'that of {names[first]}'}"
    order = np.random.default_rng(0).permutation(n)
    halves = (order[: n // 2], order[n // 2 :])
    found = [_least_normal(w[test] @ _directions(w[fit], squares[fit])) for fit, test in (halves, halves[::-1])]
    yield min(found)[0] + math.log(2), "a combination of dimensions is not normal"


def _least_normal(z: np.ndarray) -> tuple[float, int]:
    """The logarithm of the least p-value over the columns of z (N, d), corrected for their number, and its column."""
    z = (z - z.mean(0)) / z.std(0)
    n = len(z)
    logs = np.stack([_of_skewness((z**3).mean(0), n), _of_kurtosis((z**4).mean(0), n, 1), _of_distribution(z)])
    column = int(logs.min(0).argmin())
    return float(logs.min()) + math.log(logs.size), column


def _directions(w: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """Directions (d, d + 1) in which whitened samples w (N, d) are the least normal.

    Those of extreme kurtosis, by the symmetric fixed-point iteration of Hyvärinen and Oja (1997, "A fast fixed-point
    algorithm for independent component analysis") from the eigenvectors of E |w|² w wᵀ; and E |w|² w, of extreme
    skewness.
    """
    n, d = w.shape
    axes = np.linalg.eigh((w * squares[:, None]).T @ w / n)[1]
    for _ in range(min(ITERATIONS, int(MULTIPLICATIONS / (n * d * d)))):
        left, _, right = np.linalg.svd(w.T @ (w @ axes) ** 3 / n - 3 * axes)
        axes = left @ right
    return np.column_stack([axes, squares @ w / n])


def _whitened(z: np.ndarray) -> np.ndarray:
    """z (N, d) with the identity for its covariance, each dimension as near to the given one as can be."""
    values, vectors = np.linalg.eigh(z.T @ z / len(z))
    return z @ (vectors / np.sqrt(values.clip(np.finfo(float).tiny))) @ vectors.T


def _sizes(w: np.ndarray) -> tuple[float, int, int, bool]:
    """The strongest rank correlation of some |w_j| with another |w_i| or w_i: ln p, corrected, i, j, whether with w_i.

    √((N − 3)/1.06) artanh ρ is about standard normal for independent variables (Fieller, Hartley and Pearson 1957).
    """
    n, d = w.shape
    sizes = _ranks(np.abs(w))
    between, signed = (np.abs(part.T @ sizes) for part in (sizes, _ranks(w)))
    np.fill_diagonal(between, 0)
    np.fill_diagonal(signed, 0)
    is_signed = bool(signed.max() > between.max())
    strongest = signed if is_signed else between
    first, second = divmod(int(strongest.argmax()), d)
    score = math.sqrt((n - 3) / 1.06) * math.atanh(min(float(strongest[first, second]), 1 - 1e-12))
    return float(_two_sided(score)) + math.log(1.5 * d * (d - 1)), first, second, is_signed


def _ranks(w: np.ndarray) -> np.ndarray:
    """Ranks of each column, centred and of length one."""
    ranks = w.argsort(0).argsort(0).astype(np.float64)
    ranks -= ranks.mean(0)
    return ranks / np.linalg.norm(ranks, axis=0)


def _of_skewness(skewness: np.ndarray, n: int) -> np.ndarray:
    """ln p of the skewness of n normal numbers (D'Agostino 1970)."""
    y = skewness * math.sqrt((n + 1) * (n + 3) / (6 * (n - 2)))
    beta = 3 * (n * n + 27 * n - 70) * (n + 1) * (n + 3) / ((n - 2) * (n + 5) * (n + 7) * (n + 9))
    w2 = -1 + math.sqrt(2 * (beta - 1))
    return _two_sided(np.arcsinh(y / math.sqrt(2 / (w2 - 1))) / math.sqrt(0.5 * math.log(w2)))


def _of_kurtosis(kurtosis: np.ndarray | float, n: int, d: int) -> np.ndarray:
    """ln p of E |w|⁴ of n whitened samples of a Gaussian in d dimensions (Mardia and Kanazawa 1983).

    Its mean and variance are exact. Its distribution is that of Anscombe and Glynn (1983), whose skewness for d = 1 is
    exact; for more dimensions it is that one times the ratio of both for large n.
    """
    mean = d * (d + 2) * (n - 1) / (n + 1)
    variance = 8 * d * (d + 2) * (n - 3) * (n - d - 1) * (n - d + 1) / ((n + 1) ** 2 * (n + 3) * (n + 5))
    skewness = (
        6 * (n * n - 5 * n + 2) / ((n + 7) * (n + 9)) * math.sqrt(6 * (n + 3) * (n + 5) / (n * (n - 2) * (n - 3)))
    )
    skewness *= (d + 8) / math.sqrt(d * (d + 2)) * math.sqrt(3) / 9
    a = 6 + 8 / skewness * (2 / skewness + math.sqrt(1 + 4 / skewness**2))
    score = (kurtosis - mean) / math.sqrt(variance)
    cube = (1 - 2 / a) / (1 + score * math.sqrt(2 / (a - 4)))
    return _two_sided((1 - 2 / (9 * a) - np.cbrt(cube)) / math.sqrt(2 / (9 * a)))


def _of_distribution(z: np.ndarray) -> np.ndarray:
    """ln p of Anderson and Darling's distance of each standardised column from a normal law (Stephens 1986)."""
    n = len(z)
    z = np.sort(z * math.sqrt((n - 1) / n), axis=0)
    odd = (2 * np.arange(n) + 1)[:, None]
    distance = -n - (odd * (log_ndtr(z) + log_ndtr(-z[::-1]))).mean(0)
    distance *= 1 + 0.75 / n + 2.25 / n**2
    # The published fit; it is only used where p is small, and its parabola is held where it would turn.
    x = np.minimum(distance, 153.0)
    return np.where(x < 0.6, 0.0, 1.2937 - 5.709 * x + 0.0186 * x**2)


def _two_sided(score: np.ndarray | float) -> np.ndarray:
    """ln P(|normal| > |score|)."""
    return log_ndtr(-np.abs(score)) + math.log(2)


def _shape(values: np.ndarray) -> str:
    """Skewness, kurtosis and the largest distance of the distribution function, in words."""
    values = np.sort((values - values.mean()) / values.std())
    distance = np.abs(ndtr(values) - (np.arange(len(values)) + 0.5) / len(values)).max()
    skewness, kurtosis = float((values**3).mean()), float((values**4).mean())
    return f"skewness {skewness:.2g}, kurtosis {kurtosis:.3g} and a distribution function {distance:.2g} off"
