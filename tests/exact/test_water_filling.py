"""Reverse water-filling against its definition, an optimiser and a channel."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from ib_cli.exact.water_filling import WaterFilling


def covariance(n: int, seed: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(n, n)) * np.linspace(2, 0.1, n)
    return torch.from_numpy(factor @ factor.T / n)


@pytest.mark.parametrize("lambda_", [0.1, 0.5, 3.0, 100.0])
def test_water_is_the_least_of_all_linear_codes(lambda_: float) -> None:
    """Minimise ½ ln(det(Σ − E) … ) directly: each component's squared error d_i in (0, s_i], R = Σ ½ ln(s_i/d_i)."""
    law = WaterFilling(covariance(5))
    s = law.eigenvalues.numpy()

    def value(logits: np.ndarray) -> float:
        d = s / (1 + np.exp(-logits))
        return float((0.5 * np.log(s / d)).sum() + lambda_ * d.sum())

    point, found = law(lambda_), minimize(value, np.zeros(5), method="BFGS", options={"gtol": 1e-9})
    assert point.R + lambda_ * point.D == pytest.approx(found.fun, rel=1e-5)
    assert point.R + lambda_ * point.D <= found.fun + 1e-9
    assert point.level == pytest.approx(1 / (2 * lambda_))


def test_the_slope_of_the_curve_is_lambda() -> None:
    law = WaterFilling(covariance(8))
    for lambda_ in (0.3, 1.0, 5.0):
        above, below = law(lambda_ * 1.001), law(lambda_ * 0.999)
        assert pytest.approx(-lambda_, rel=1e-3) == (above.R - below.R) / (above.D - below.D)


def test_limits_of_the_weight() -> None:
    law = WaterFilling(covariance(4))
    nothing, little = law(0), law(0.499 / float(law.eigenvalues[0]))
    assert (0, pytest.approx(float(law.eigenvalues.sum()))) == (nothing.R, nothing.D)
    assert little.R == 0 and law.coded(0.499 / float(law.eigenvalues[0])) == 0
    fine = law(1e6)
    assert pytest.approx(4 / 2e6) == fine.D and law.coded(1e6) == 4
    assert pytest.approx(0.5 * float(law.eigenvalues.log().sum()) + 2 * math.log(2e6)) == fine.R


def test_the_code_is_a_channel_with_these_numbers() -> None:
    """R and D of the code by sampling it, for its own law and for another."""
    draw = torch.Generator().manual_seed(0)
    sigma, lambda_ = covariance(3), 4.0
    law = WaterFilling(sigma)
    point = law(lambda_)
    s, level = law.eigenvalues, point.level
    assert law.coded(lambda_) == 2  # one is not, so that both kinds of components count
    for factor in (1.0, 1.7):
        x = torch.randn(400_000, 3, generator=draw, dtype=torch.float64) @ torch.linalg.cholesky(factor * sigma).T
        along = x @ law.components.T
        gain = (1 - level / s).clamp(min=0)
        noise = torch.randn(along.shape, generator=draw, dtype=torch.float64)
        code = gain * along + (level * gain).sqrt() * noise
        squared = (x - code @ law.components).square().sum(1).mean()
        used = gain > 0
        q = torch.distributions.Normal(gain[used] * along[:, used], (level * gain[used]).sqrt())
        m = torch.distributions.Normal(torch.tensor(0.0, dtype=torch.float64), (s * gain)[used].sqrt())
        rate = (q.log_prob(code[:, used]) - m.log_prob(code[:, used])).sum(1).mean()
        found = law.of(lambda_, factor * s)
        assert float(squared) == pytest.approx(found.D, rel=0.01)
        assert float(rate) == pytest.approx(found.R, rel=0.02)
    assert law.of(lambda_, s) == pytest.approx(point)


def test_a_covariance_without_full_rank_is_filled() -> None:
    factor = torch.tensor([[1.0, 2.0, 0.0], [0.0, 1.0, 1.0]], dtype=torch.float64)
    point = WaterFilling(factor.T @ factor)(50.0)
    values = torch.linalg.eigvalsh(factor @ factor.T)
    assert pytest.approx(float((0.5 * (100 * values).log()).sum())) == point.R
    assert pytest.approx(2 / 100) == point.D


@pytest.mark.parametrize(
    "matrix, wrong",
    [
        ([[1.0, 0.0]], "square"),
        ([[1.0, 0.5], [0.0, 1.0]], "symmetric"),
        ([[1.0, 2.0], [2.0, 1.0]], "semi-definite"),
        ([[math.nan]], "finite"),
    ],
)
def test_what_is_no_covariance_is_refused(matrix: list[list[float]], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        WaterFilling(torch.tensor(matrix))


@pytest.mark.parametrize("lambda_", [-1.0, math.inf, math.nan])
def test_what_is_no_weight_is_refused(lambda_: float) -> None:
    with pytest.raises(ValueError, match="lambda"):
        WaterFilling(covariance(2))(lambda_)
