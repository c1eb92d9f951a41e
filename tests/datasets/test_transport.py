"""Optimal transport between two tasks: couplings, and what lies between their samples."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from torch import Generator

from ib_cli.contracts.errors import ConfigError
from ib_cli.datasets.data import Split
from ib_cli.datasets.transfer import Transfer
from ib_cli.datasets.transport import Pairs, coupling, partners
from tests.datasets.test_transfer import OWN, trained

SMALL = {"path": "transport", "source": [0, 1], "target": [2, 3], "train_size": 60, "test_size": 20}


@pytest.fixture
def transfer(options: dict[str, Any]) -> Callable[..., Transfer]:
    pytest.importorskip("ot", reason="POT is an extra")
    return lambda **changed: Transfer(**options | OWN | SMALL | changed)


def points(seed: int, count: int = 12) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(count, 3)))


def test_sinkhorn_comes_to_the_best_assignment():
    pytest.importorskip("ot", reason="POT is an extra")
    source, target = points(0), points(1) + 0.5
    cost = torch.cdist(source, target).square()
    rows, columns = linear_sum_assignment(cost.numpy())
    least = float(cost[rows, columns].mean())
    costs = []
    for regularisation in (1.0, 0.1, 0.01, 0.001):
        found = coupling(source, target, regularisation)
        for axis in (0, 1):
            torch.testing.assert_close(found.sum(axis), torch.full((12,), 1 / 12).double(), rtol=0, atol=1e-5)
        costs.append(float((found * cost).sum()))
    assert costs == sorted(costs, reverse=True) and costs[0] > 1.05 * least
    assert costs[-1] == pytest.approx(least, rel=1e-3)
    best = torch.zeros(12, 12).double()
    best[rows, columns] = 1 / 12
    assert float((found - best).abs().sum()) < 0.02  # of 1: the plan itself, not its cost alone


def test_partners_are_of_the_coupling():
    pytest.importorskip("ot", reason="POT is an extra")
    source, target = points(0), points(1)
    _, columns = linear_sum_assignment(torch.cdist(source, target).square().numpy())
    found, doubts = partners(torch.cat([source, target]), 12, 0.003, 100, np.random.default_rng(0))
    assert doubts == ()
    assert (found[:12] - 12).tolist() == columns.tolist()
    assert found[12:].tolist() == np.argsort(columns).tolist()


def test_large_sets_are_coupled_in_parts_and_each_sample_once():
    pytest.importorskip("ot", reason="POT is an extra")
    x = torch.cat([points(0, 25), points(1, 30)])
    found, _ = partners(x, 25, 0.003, 10, np.random.default_rng(0))
    assert (found[:25] >= 25).all() and (found[25:] < 25).all()
    assert len(found[:25].unique()) >= 20  # near to one partner each
    again, _ = partners(x, 25, 0.003, 10, np.random.default_rng(0))
    assert torch.equal(found, again)


def test_pairs_at_t_lie_between_and_their_labels_too():
    split = Split(torch.tensor([[0.0], [10.0], [4.0], [20.0]]), torch.tensor([0, 1, 2, 2]))
    pairs = Pairs(split, 2, torch.tensor([2, 3, 0, 1]), 3)
    at = pairs.at(0.25)
    assert at.x.flatten().tolist() == [1.0, 12.5, 1.0, 12.5]
    assert at.y_probabilities.tolist() == [[0.75, 0, 0.25], [0, 0.75, 0.25], [0.75, 0, 0.25], [0, 0.75, 0.25]]
    assert torch.equal(pairs.at(0).x[:2], split.x[:2]) and torch.equal(pairs.at(1).x[2:], split.x[2:])


def test_the_ends_are_source_and_target(transfer):
    data, mixed = transfer().load("cpu"), transfer(path="mixture").load("cpu")
    for t in (0, 1):
        for name, split in mixed.at(t).splits.items():
            law = data.at(t).splits[name]
            assert torch.equal(law.x, split.x.float()) and torch.equal(law.y, split.y)
            assert torch.equal(law.y_probabilities.argmax(1), split.y)
            assert set(law.y_probabilities.flatten().tolist()) == {0.0, 1.0}
    for batch in trained(data.at(0), 20):
        assert (batch.y_probabilities[:, :2].sum(1) == 1).all()


def test_between_the_ends_labels_have_the_share_of_the_target(transfer):
    law = transfer().load("cpu").at(0.3)
    for batch in (*trained(law, 20), law.batch("test", torch.arange(40))):
        torch.testing.assert_close(batch.y_probabilities[:, 2:].sum(1), torch.full((len(batch.y),), 0.3))
        assert torch.isfinite(batch.x).all()
    H = law.label_entropy("test")
    assert 0 < H < np.log(4)


def test_neighbours_move_less_than_strangers(transfer):
    """A coupled pair is nearer than two samples of the domains taken at random."""
    data = transfer(regularisation=0.005).load("cpu")
    ends = [data.at(t).splits["train"].x.flatten(1) for t in (0, 1)]
    middle = data.at(0.5).splits["train"].x.flatten(1)[:60]
    moved = 2 * (middle - ends[0]).square().sum(1).mean().sqrt()
    assert moved < 0.9 * torch.cdist(*ends).square().mean().sqrt()


def test_same_seed_same_pairs(transfer):
    first, second, other = (transfer(seed=seed).load("cpu").at(0.5).splits["test"].x for seed in (0, 0, 1))
    assert torch.equal(first, second) and not torch.equal(first, other)


def test_pixels_between_levels_have_no_levels(transfer):
    assert transfer().load("cpu").spec.levels is None and transfer(path="mixture").load("cpu").spec.levels == 17


def test_without_pot_one_line_names_the_extra(monkeypatch, options):
    real = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", lambda name, *rest: _missing() if name == "ot" else real(name, *rest))
    with pytest.raises(ConfigError) as error:
        Transfer(**options | OWN | SMALL).load("cpu")
    assert "pip install -e '.[transport]'" in str(error.value) and "\n" not in str(error.value)


def _missing() -> None:
    raise ImportError("No module named 'ot'")


def test_the_same_generator_makes_the_same_batch(transfer):
    law = transfer(crop=1).load("cpu").at(0.5)
    first, again = (law.batch("train", torch.arange(20), Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first.x, again.x) and torch.equal(first.y_probabilities, again.y_probabilities)
