"""D less the constant of its likelihood."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.func import vmap

from ib_cli.config.catalogue import lagrangian
from ib_cli.contracts.passes import Pass, Spec
from ib_cli.functionals import functionals
from ib_cli.model.blocks.likelihoods import Kind, Likelihood
from ib_cli.run.run_ids import run_id

B, SHAPE, DRAWS = 5, (2, 3), 4
SPEC = Spec(SHAPE, 3, 10, (0.0, 1.0), 256)


def passed(kind: Kind, scale: float, seed: int = 0) -> tuple[Pass, torch.Tensor]:
    """A pass with a decoder of random means h, (S, B, 2, 3), and these."""
    draws = torch.Generator().manual_seed(seed)
    x = torch.rand(B, *SHAPE, generator=draws)
    h = torch.randn(DRAWS, B, *SHAPE, generator=draws)
    decoder = Likelihood(kind, scale, SPEC)(h)
    return Pass(x=x, y=torch.zeros(B, dtype=torch.long), z=torch.zeros(DRAWS, B, 1), decoder=decoder), h


def nats(symbol: str, p: Pass) -> torch.Tensor:
    return functionals()[symbol].nats(p)


def test_of_a_gaussian_of_variance_one_half_it_is_the_summed_squared_error() -> None:
    p, h = passed("gaussian", math.sqrt(0.5))
    torch.testing.assert_close(nats("D_error", p), (p.x - h).square().sum((-1, -2)).mean(0))
    torch.testing.assert_close(nats("D", p) - nats("D_error", p), torch.full((B,), 3 * math.log(math.pi)))


@pytest.mark.parametrize("scale", [0.3, 1.0, 2.0])
def test_it_is_d_less_the_log_of_the_normaliser(scale: float) -> None:
    of = {"gaussian": math.log(2 * math.pi * scale**2) / 2, "laplace": math.log(2 * scale)}
    for kind, constant in of.items():
        p, h = passed(kind, scale)
        torch.testing.assert_close(nats("D", p) - nats("D_error", p), torch.full((B,), 6 * constant))
        at_zero = Pass(x=p.x, y=p.y, z=p.z, decoder=Likelihood(kind, scale, SPEC)(p.x.expand_as(h)))
        assert nats("D_error", at_zero).abs().max() == 0


def test_other_likelihoods_have_no_constant() -> None:
    p, _ = passed("bernoulli", 1.0)
    assert torch.equal(nats("D_error", p), nats("D", p))


def test_it_is_the_same_under_vmap() -> None:
    p, h = passed("gaussian", 0.7)

    def of(means: torch.Tensor) -> torch.Tensor:
        decoder = Likelihood("gaussian", 0.7, SPEC)(means)
        return nats("D_error", Pass(x=p.x, y=p.y, z=p.z, decoder=decoder))

    both = vmap(of)(torch.stack([h, 2 * h]))
    torch.testing.assert_close(both[0], nats("D_error", p))
    torch.testing.assert_close(both[1], of(2 * h))


def test_it_is_measured_with_the_free_energy_and_changes_no_id_and_no_line(
    ib_train: Callable, config: Callable[..., dict], tmp_path: Path
) -> None:
    assert lagrangian("free_energy") == "R + lambda D + gamma C"
    new = config("objective=free_energy")
    old = {**new, "objective": {**new["objective"], "minimise": {"R": 1, "D": "lambda", "C": "gamma"}}}
    assert new["objective"]["minimise"]["D_error"] == 0 and run_id(new, "") == run_id(old, "")
    words = ("architecture.widths=[4]", "bottleneck.size=2", "decoder.widths=[4]", "dataset.train_size=50", "epochs=1")
    ended = ib_train("objective=free_energy", "dataset.likelihood=gaussian", "estimators=none", "figures=false", *words)
    assert ended.code == 0, ended.err
    assert "minimise R + 0.25 D + 8 C" in ended.out
    (file,) = tmp_path.glob("outputs/runs/*/result.json")
    measured = json.loads(file.read_text())["test"]
    assert measured["D"] - measured["D_error"] == pytest.approx(32 * math.log(2 * math.pi), rel=1e-5)
