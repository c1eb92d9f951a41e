"""The maximum mean discrepancy: by its definition, 0 for equal laws, and larger for others."""

from __future__ import annotations

import math

import pytest
import torch

from ib_cli.estimators.discrepancy import discrepancy_terms

KERNELS = ("rbf", "inverse_multiquadric")


def normal(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_mean_of_the_terms_is_the_unbiased_estimate(kernel: str) -> None:
    x, y, scales = normal(0, 7, 3), normal(1, 7, 3) + 0.5, [0.5, 2.0]

    def k(a: torch.Tensor, b: torch.Tensor) -> float:
        square = float((a - b).square().sum())
        of = [math.exp(-square / (6 * s**2)) if kernel == "rbf" else 6 * s**2 / (6 * s**2 + square) for s in scales]
        return sum(of) / len(of)

    pairs = [(i, j) for i in range(7) for j in range(7) if i != j]
    expected = sum(k(x[i], x[j]) + k(y[i], y[j]) - k(x[i], y[j]) - k(x[j], y[i]) for i, j in pairs) / len(pairs)
    assert float(discrepancy_terms(x, y, kernel, scales).mean()) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
def test_equal_laws_have_no_discrepancy_at_the_level_of_one_percent(kernel: str) -> None:
    """The mean over 400 independent pairs of sets is 0 up to 2.58 of its standard errors; another law is far off."""
    many = torch.stack([
        discrepancy_terms(normal(2 * i, 50, 2), normal(2 * i + 1, 50, 2), kernel, [0.5, 1.0, 2.0]).mean()
        for i in range(400)
    ])  # fmt: skip
    error = float(many.std()) / 20
    assert abs(float(many.mean())) < 2.58 * error
    other = discrepancy_terms(normal(0, 50, 2), normal(1, 50, 2) + 1, kernel, [0.5, 1.0, 2.0]).mean()
    assert float(other) > float(many.quantile(0.99))
    assert float(many.min()) < 0 < float(many.max())  # unbiased, so on both sides of 0


def test_one_sample_has_no_pairs() -> None:
    assert discrepancy_terms(torch.ones(1, 2), torch.zeros(1, 2), "rbf", [1.0]).tolist() == [0.0]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_low_precision_is_raised(dtype: torch.dtype) -> None:
    x, y = (normal(seed, 40, 4).to(dtype) for seed in (0, 1))
    with torch.autocast("cpu", torch.bfloat16):
        found = discrepancy_terms(x, y, "rbf", [1.0])
    exact = discrepancy_terms(x.double(), y.double(), "rbf", [1.0])
    assert found.dtype == torch.float32 and torch.allclose(found.double(), exact, atol=1e-5)
