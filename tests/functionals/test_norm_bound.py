"""The bound on H[Z] by E‖Z‖² (Unpacking §6.2) against entropies that are known, and what joins an older objective."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ib_cli.contracts.passes import Pass
from ib_cli.functionals import functionals
from ib_cli.model.blocks.densities import diagonal_gaussian
from ib_cli.run.run_ids import run_id

B, K = 4000, 3


def value(symbol: str, mean: torch.Tensor, scale: torch.Tensor, **parts: object) -> float:
    p = Pass(mean, torch.zeros(len(mean)), mean[None], encoder=diagonal_gaussian(mean, scale), **parts)
    return float(functionals()[symbol].nats(p))


def test_it_is_the_entropy_of_a_gaussian_of_this_norm() -> None:
    """Means that are 0: z ~ N(0, s² I), and the bound is its entropy, K/2 ln(2πe s²)."""
    for s in (0.1, 1.0, 3.0):
        found = value("log_L2[Z]", torch.zeros(5, K).double(), torch.full((5, K), s, dtype=torch.float64))
        assert found == pytest.approx(0.5 * K * math.log(2 * math.pi * math.e * s**2), abs=1e-12)


def test_it_is_the_papers_constant_in_one_dimension() -> None:
    """E‖Z‖² ≤ C′ = e^{2C}/(2πe) bounds H[Z] by C."""
    mean, scale = torch.tensor([[-1.0], [0.5], [2.0]]).double(), torch.tensor([[0.2], [1.0], [0.5]]).double()
    C = value("log_L2[Z]", mean, scale)
    assert math.exp(2 * C) / (2 * math.pi * math.e) == pytest.approx(value_of_norm(mean, scale), rel=1e-12)


def value_of_norm(mean: torch.Tensor, scale: torch.Tensor) -> float:
    return float((mean.square() + scale.square()).sum(-1).mean())


def test_it_is_above_the_log_variance_and_the_entropy() -> None:
    """z ~ N(m, diag s²): H[Z] ≤ log_Var[Z] ≤ log_L2[Z], with a gap where means or variances differ."""
    draws = torch.Generator().manual_seed(0)
    spread = torch.tensor([0.3, 1.0, 2.0]).double()
    mean = torch.tensor([1.0, 0.0, -0.5]).double() + spread * torch.randn(B, K, generator=draws, dtype=torch.float64)
    scale = torch.full_like(mean, 0.4)
    entropy = 0.5 * (2 * math.pi * math.e * (spread.square() + 0.16)).log().sum()
    variance, norm = (value(symbol, mean, scale) for symbol in ("log_Var[Z]", "log_L2[Z]"))
    assert variance == pytest.approx(float(entropy), abs=0.05) and norm > variance + 0.5


def test_weights_count_as_numbers_of_samples() -> None:
    mean, scale = torch.tensor([[1.0, 0.0], [3.0, 1.0]]).double(), torch.ones(2, 2).double()
    weighed = value("log_L2[Z]", mean, scale, weight=torch.tensor([1.5, 0.5]).double())
    assert weighed == pytest.approx(value("log_L2[Z]", mean[[0, 0, 0, 1]], scale[[0, 0, 0, 1]]), abs=1e-12)


def test_it_is_measured_with_the_surrogate_and_changes_no_id_and_no_line(
    ib_train: Callable, config: Callable[..., dict], tmp_path: Path
) -> None:
    new = config("objective=surrogate_l2")
    old = {**new, "objective": {**new["objective"], "minimise": {"C": 1, "L2[Z]": "gamma"}}}
    assert new["objective"]["minimise"]["log_L2[Z]"] == 0 and run_id(new, "") == run_id(old, "")
    words = ("architecture.widths=[4]", "bottleneck.size=3", "dataset.train_size=50", "epochs=1")
    ended = ib_train("objective=surrogate_l2", "estimators=none", "figures=false", "device=cpu", *words)
    assert ended.code == 0, ended.err
    assert "minimise C + 0.01 L2[Z]" in ended.out
    (file,) = tmp_path.glob("outputs/runs/*/result.json")
    found = json.loads(file.read_text())["test"]
    assert found["log_L2[Z]"] == pytest.approx(1.5 * math.log(2 * math.pi * math.e * found["L2[Z]"] / 3), rel=1e-5)
