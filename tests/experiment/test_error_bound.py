"""Observation 3 of Unpacking: the error of a drawn label, and the bound on it by the decoder cross-entropy."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ib_cli.contracts.passes import Pass
from ib_cli.exact.measured import measured
from ib_cli.exact.table import Table
from ib_cli.exact.tabular import solve
from ib_cli.experiment.evaluation import values
from ib_cli.functionals.objective import Objective
from ib_cli.model.blocks.densities import Labels
from tests.functionals.test_categorical_entropies import a_pass

S, B, CLASSES = 3, 40, 4
OBJECTIVE = Objective({"C": 1})


def drawn(p: Pass) -> tuple[float, float, Tensor]:
    """The mean error of a drawn label, its bound, and each sample's error."""
    found = values(p, OBJECTIVE)
    return float(found["error_drawn"].mean()), 1 - math.exp(-float(found["C"].mean())), found["error_drawn"]


def of_logits(logits: Tensor) -> Pass:
    y = torch.arange(B) % CLASSES
    return Pass(torch.zeros(B, 1), y, torch.zeros(S, B, 1), label_density=Labels(logits), classes=CLASSES)


def test_it_is_one_minus_the_mean_probability_of_the_label() -> None:
    logits = torch.randn(S, B, CLASSES, generator=torch.Generator().manual_seed(0)).double()
    p = of_logits(logits)
    by_hand = 1 - torch.stack([logits[:, i].softmax(-1)[:, int(p.y[i])].mean() for i in range(B)])
    torch.testing.assert_close(drawn(p)[2], by_hand)


@pytest.mark.parametrize("scale", [0.0, 0.3, 3.0, 30.0])
def test_the_bound_holds_and_is_met_where_all_are_as_sure(scale: float) -> None:
    logits = scale * torch.randn(S, B, CLASSES, generator=torch.Generator().manual_seed(1)).double()
    error, bound, _ = drawn(of_logits(logits))
    assert error <= bound + 1e-12
    equal = torch.nn.functional.one_hot(torch.arange(B) % CLASSES, CLASSES).double().expand(S, -1, -1)
    error, bound, _ = drawn(of_logits(scale * equal))
    assert error == pytest.approx(bound, abs=1e-12)  # every label has the same probability: Jensen's equality


def test_the_error_of_the_most_probable_label_may_be_above_it_and_is_at_most_twice() -> None:
    """c = 0.49 for the true label of two: always wrong by the largest c, and the bound is 0.51."""
    y = torch.arange(B) % 2
    c = torch.where(y[:, None] == torch.arange(2), 0.49, 0.51).double()
    p = Pass(torch.zeros(B, 1), y, torch.zeros(1, B, 1), label_density=Labels(c.log()[None]), classes=2)
    error, bound, _ = drawn(p)
    most = 1 - float(values(p, OBJECTIVE)["accuracy"].mean())
    assert most == 1 and error == pytest.approx(0.51) == bound
    for seed in range(5):
        other = of_logits(2 * torch.randn(S, B, CLASSES, generator=torch.Generator().manual_seed(seed)).double())
        assert 1 - float(values(other, OBJECTIVE)["accuracy"].mean()) <= 2 * drawn(other)[0]


def test_an_enumerated_z_and_soft_labels() -> None:
    logits = torch.randn(B, 6, generator=torch.Generator().manual_seed(2)).double()
    p = a_pass(logits, torch.arange(B) % CLASSES)
    q, c = logits.softmax(1), p.label_density.logits[:, 0].softmax(-1)
    torch.testing.assert_close(drawn(p)[2], 1 - (q @ c)[torch.arange(B), p.y])
    chances = torch.rand(B, CLASSES, generator=torch.Generator().manual_seed(3)).double()
    chances = chances / chances.sum(1, keepdim=True)
    soft = replace(p, y_probabilities=chances)
    error, bound, of_each = drawn(soft)
    torch.testing.assert_close(of_each, 1 - (chances * (q @ c)).sum(1))
    assert error <= bound


def test_exact_tables_have_both() -> None:
    table = Table([[0.3, 0.1], [0.05, 0.25], [0.1, 0.2]])
    for gamma in (0.5, 3.0, 30.0):
        found = measured(solve(table, 1, 0, gamma), table)
        assert found["error_bound"] == pytest.approx(1 - math.exp(-found["C"]))
        assert found["error_drawn"] <= found["error_bound"] + 1e-12
    nothing = measured(solve(table, 1, 0, 0.1), table)  # c(y) = p(y)
    assert nothing["error_drawn"] == pytest.approx(1 - float(table.y.square().sum()), abs=1e-9)


def test_runs_record_both_beside_the_error(ib_train: Callable, tmp_path: Path) -> None:
    words = ("dataset.train_size=100", "epochs=2", "estimators=none", "figures=false", "device=cpu")
    ended = ib_train("objective=vib", "evaluate_train=true", *words)
    assert ended.code == 0, ended.err
    (file,) = tmp_path.glob("outputs/runs/*/result.json")
    result = json.loads(file.read_text())
    for split in ("train", "test"):
        found = result[split]
        assert found["error_bound"] == pytest.approx(1 - math.exp(-found["C"]))
        assert 0 < found["error_drawn"] <= found["error_bound"] < 1
        assert found["error"] <= 2 * found["error_drawn"]
