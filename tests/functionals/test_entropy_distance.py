"""The entropy distance of Y and Z, and IB and DIB as mixes of it (Unpacking App. A.2), in float64."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor

from ib_cli.contracts.labels import has_units
from ib_cli.contracts.passes import Pass
from ib_cli.functionals import functionals
from ib_cli.functionals.objective import Objective
from tests.functionals.test_categorical_entropies import CLASSES, B, K, a_pass

CONF = Path(__file__).parents[2] / "conf" / "objective"
MIXES = {"ib_mix": "ib", "dib_mix": "dib"}


@pytest.fixture
def p() -> Pass:
    logits = 2 * torch.randn(B, K, generator=torch.Generator().manual_seed(5)).double()
    return a_pass(logits, torch.arange(B) % CLASSES)


def stored(name: str) -> dict[str, Any]:
    """The objective's file."""
    return yaml.safe_load((CONF / f"{name}.yaml").read_text())


def objective(name: str, p: Pass, **multipliers: float) -> float:
    return float(Objective(stored(name)["objective"]["minimise"])(p, multipliers)[0])


def of(symbol: str, p: Pass) -> Tensor:
    return p.mean(functionals()[symbol].nats(p))


def test_its_three_forms_are_one(p: Pass) -> None:
    labels = torch.bincount(p.y).double() / B
    H = -(labels * labels.log()).sum()
    found = of("EDM[Y;Z]", p)
    assert found.item() == pytest.approx(float(of("H[Y|Z]", p) + of("H[Z|Y]", p)), abs=1e-12)  # (19)
    assert found.item() == pytest.approx(float(2 * of("H[Y|Z]", p) + of("H[Z]", p) - H), abs=1e-12)  # (21)
    assert has_units("EDM[Y;Z]")


def test_half_of_it_is_the_bottleneck_of_the_whole_entropy_at_one_half(p: Pass) -> None:
    """(22): H[Y|Z] + ½ H[Z] = ½ EDM + ½ H[Y], so the gradients are those of half the distance."""
    labels = torch.bincount(p.y).double() / B
    H = -(labels * labels.log()).sum()
    distance, beta = objective("entropy_distance", p), stored("dib_encoding")["beta"]
    assert beta == 0.5
    assert objective("dib_encoding", p, beta=beta) == pytest.approx(0.5 * distance + 0.5 * float(H), abs=1e-12)


@pytest.mark.parametrize("beta", [1.0, 1.25, 2.0, 5.0, 100.0])
@pytest.mark.parametrize("mix", MIXES)
def test_a_mix_is_its_bottleneck(p: Pass, mix: str, beta: float) -> None:
    """(23) and (24) at γ = 1 − 2/β are (1 + γ)(H[Y|Z] + β′ …) with β′ = 1/(β − 1)."""
    gamma = 1 - 2 / beta
    regulariser = of({"ib_mix": "I[X;Z|Y]", "dib_mix": "H[Z|Y]"}[mix], p)
    expected = (1 + gamma) * of("H[Y|Z]", p) + (1 - gamma) * regulariser
    found = objective(mix, p, gamma=gamma)
    assert found == pytest.approx(float(expected), abs=1e-12)
    if beta > 1:
        own = objective(MIXES[mix], p, beta=1 / (beta - 1))
        assert found == pytest.approx((1 + gamma) * own, abs=1e-12)


def test_the_limits_of_the_mixes(p: Pass) -> None:
    for mix, regulariser in (("ib_mix", "I[X;Z|Y]"), ("dib_mix", "H[Z|Y]")):
        assert objective(mix, p, gamma=1.0) == pytest.approx(2 * float(of("H[Y|Z]", p)), abs=1e-12)
        assert objective(mix, p, gamma=-1.0) == pytest.approx(2 * float(of(regulariser, p)), abs=1e-12)
    distance = float(of("EDM[Y;Z]", p))
    assert objective("dib_mix", p, gamma=0.0) == pytest.approx(distance, abs=1e-12)
    assert objective("ib_mix", p, gamma=0.0) == pytest.approx(distance - float(of("H[Z|X]", p)), abs=1e-12)
