"""R̂ and effective sample sizes against ArviZ's numbers and closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Generator, Tensor

from ib_cli.sampling.convergence import chance_spread, effective_size, split_spread


def waves(T: int, M: int, apart: float, step: float = 0.0) -> Tensor:
    """A series without random numbers: sin(1.7 t + m²) + apart · m, rounded to multiples of `step` so that some tie."""
    t, m = torch.arange(T, dtype=torch.float64).unsqueeze(1), torch.arange(M, dtype=torch.float64)
    x = torch.sin(1.7 * t + m * m) + apart * m
    return (x / step).round() * step if step else x


def autoregressive(r: float, T: int, M: int, seed: int) -> Tensor:
    """x_t = r x_{t−1} + √(1 − r²) ξ from its stationary law, (T, M)."""
    noise = torch.randn(T, M, generator=Generator().manual_seed(seed), dtype=torch.float64)
    rows = [noise[0]]
    for step in noise[1:]:
        rows.append(r * rows[-1] + math.sqrt(1 - r * r) * step)
    return torch.stack(rows)


@pytest.mark.parametrize("series, expected", [
    (waves(20, 4, 0.0), 0.9522209631894083),
    (waves(20, 4, 0.3), 1.0805841889496575),
    (waves(21, 2, 0.1), 0.9580060104257437),
    (waves(50, 8, 0.05, 0.5), 1.0055371651386193),
    (waves(4, 3, 0.0), 1.3555557674843368),
], ids=["alike", "apart", "odd", "ties", "short"])  # fmt: skip
def test_the_spread_is_that_of_arviz(series: Tensor, expected: float) -> None:
    """arviz_stats 0.8: rhat(method="rank")."""
    assert split_spread(series) == pytest.approx(expected, rel=1e-9)


def test_effective_sizes_of_autoregressive_chains() -> None:
    """M T (1 − r)/(1 + r) of the values themselves; normal scores of a Gaussian are its values."""
    for r in (0.0, 0.5, 0.8):
        found = effective_size(autoregressive(r, 4000, 4, seed=1))
        assert found == pytest.approx(16_000 * (1 - r) / (1 + r), rel=0.12)


def test_the_effective_size_is_near_that_of_arviz() -> None:
    assert effective_size(waves(20, 4, 0.3)) == pytest.approx(72.78, rel=0.05)


def test_a_drift_and_other_tails_are_seen() -> None:
    stream = Generator().manual_seed(2)
    noise = torch.randn(40, 4, generator=stream, dtype=torch.float64)
    assert split_spread(noise) < 1.05
    assert split_spread(noise + torch.linspace(0, 4, 40, dtype=torch.float64).unsqueeze(1)) > 1.3
    wide = noise * torch.tensor([1.0, 1.0, 1.0, 30.0], dtype=torch.float64)
    assert split_spread(wide) > 1.2 and abs(wide.mean()) < 3


def test_what_cannot_be_told_is_no_number() -> None:
    assert math.isnan(split_spread(waves(20, 1, 0.0))) and math.isnan(split_spread(waves(3, 4, 0.0)))
    assert math.isnan(effective_size(waves(3, 4, 0.0))) and effective_size(waves(20, 1, 0.0)) > 0
    assert split_spread(torch.full((8, 3), 0.1)) == 1
    assert split_spread(torch.arange(3.0).expand(8, 3)) == math.inf


def test_chance_alone_stays_below_its_limit() -> None:
    for T, M in ((4, 8), (4, 32), (8, 4), (40, 8)):
        above = sum(split_spread(autoregressive(0.0, T, M, seed)) > chance_spread(T, M) for seed in range(200))
        assert above <= 4
