"""What a linear Gaussian model attains on data as they are: reverse water-filling of the train split's covariance."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from ib_cli.datasets.data import Data
from ib_cli.exact.water_filling import WaterFilling
from ib_cli.experiment.experiment import Experiment

ROWS = 1_000  # samples at a time
MOST = 10_000  # values of x: the eigenvectors of more would take an hour


def unsuitable(experiment: Experiment, weights: tuple[float, float, float]) -> str:
    """Why there is no reverse water-filling for an experiment with these weights of R, D and C; '' where there is."""
    rho, delta, gamma = weights
    likelihood = getattr(experiment.model.decoder, "likelihood", None)
    if gamma > 0:
        return "a linear Gaussian model of x has no C: minimise R and D alone, as objective=free_energy gamma=0"
    if rho <= 0 or delta <= 0:
        return "reverse water-filling needs positive weights of R and D"
    if getattr(likelihood, "kind", None) != "gaussian":
        return "reverse water-filling needs decoder.likelihood=gaussian"
    if experiment.data.augmentation is not None:
        return "augmented images have no covariance of their own: set dataset.crop=0, dataset.flip=false"
    if (size := math.prod(experiment.data.spec.input_shape)) > MOST:
        return f"an x of {size:,} values is too large for reverse water-filling, which takes {MOST:,}"
    return ""


def linear_gaussian(
    experiment: Experiment, rho: float, delta: float
) -> tuple[dict[str, dict[str, float]], Mapping[str, Tensor], int]:
    """Measures of each split, arrays and 0 iterations: min ρR + δD over linear Gaussian models of the train split.

    D has the decoder's Gaussian likelihood, D = D_error + (n/2) ln(2π scale²) with D_error = E‖x − x̂‖²/(2 scale²), so
    that the weight of the squared error is λ = δ/(2ρ scale²). x is normalised as a model sees it. The other splits are
    measured with the train split's code. F is ρR + δ D_error, `components` how many are coded. `baseline` is 1: the
    point is attained, and bounds nothing.

    Arrays: mean (n,), eigenvalues (n,), level (), and components (k, n), the directions that are coded.
    """
    data = experiment.data
    likelihood = getattr(experiment.model.decoder, "likelihood", None)
    assert likelihood is not None  # as `unsuitable` has found
    variance, n = likelihood.scale**2, math.prod(data.spec.input_shape)
    mean, covariance = _moments(data)
    law, lambda_ = WaterFilling(covariance), delta / (2 * rho * variance)
    measures = {}
    for split in data.splits:
        variances = law.eigenvalues if split == "train" else _variances(data, split, mean, law.components)
        point = law.of(lambda_, variances)
        error = point.D / (2 * variance)
        measures[split] = {
            "R": point.R,
            "D": error + 0.5 * n * math.log(2 * math.pi * variance),
            "D_error": error,
            "F": rho * point.R + delta * error,
        }
    count = law.coded(lambda_)
    measures["train"] |= {"components": float(count), "baseline": 1.0}
    level = torch.tensor(1 / (2 * lambda_), dtype=torch.float64)
    arrays = {"mean": mean, "eigenvalues": law.eigenvalues, "level": level, "components": law.components[:count]}
    return measures, arrays, 0


def _batches(data: Data, split: str) -> Iterator[tuple[Tensor, Tensor]]:
    """x (B, n) as a model sees it and weights (B,), float64 on the CPU."""
    for indices in torch.arange(len(data.splits[split]), device=data.device).split(ROWS):
        batch = data.batch(split, indices)
        x = batch.x.flatten(1).double().cpu()
        yield x, torch.ones(len(x), dtype=torch.float64) if batch.weight is None else batch.weight.double().cpu()


def _moments(data: Data) -> tuple[Tensor, Tensor]:
    """Mean (n,) and covariance (n, n) of the train split."""
    n = math.prod(data.spec.input_shape)
    total, mean = 0.0, torch.zeros(n, dtype=torch.float64)
    for x, weight in _batches(data, "train"):
        mean, total = mean + weight @ x, total + float(weight.sum())
    mean /= total
    covariance = torch.zeros(n, n, dtype=torch.float64)
    for x, weight in _batches(data, "train"):
        centred = (x - mean) * weight.sqrt()[:, None]
        covariance.addmm_(centred.T, centred)
    return mean, covariance / total


def _variances(data: Data, split: str, mean: Tensor, components: Tensor) -> Tensor:
    """E (u_i · (x − mean))² of a split for each component u_i, (n,)."""
    total, squares = 0.0, torch.zeros(len(mean), dtype=torch.float64)
    for x, weight in _batches(data, split):
        squares, total = squares + weight @ ((x - mean) @ components.T).square(), total + float(weight.sum())
    return squares / total
