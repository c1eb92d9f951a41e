"""A discrete z with free logits: tables by training."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.noise import Tape
from ib_cli.datasets.toy_table import toy_table
from ib_cli.exact.table import Table
from ib_cli.exact.tabular import solve
from ib_cli.model.bottlenecks.categorical import Categorical
from ib_cli.procedures.fit.fit import Fit

TABLES = ("dataset=therml_toy", "architecture=tables", "objective=therml", "estimators=none", "optimizer.lr=3e-2")


def test_every_table_is_an_encoder() -> None:
    bottleneck = Categorical(5, size=3, initialisation="torch")
    table = torch.rand(5, 3).softmax(1)
    with torch.no_grad():
        bottleneck.logits.weight.copy_(table.log())
        bottleneck.logits.bias.zero_()
        q, z, share = bottleneck(torch.eye(5), Tape([]), 7)
    assert torch.equal(z[:, 0], torch.eye(3))
    torch.testing.assert_close(q.mean, table)
    torch.testing.assert_close(share, table.T)


@pytest.mark.slow
def test_trained_tables_are_at_the_exact_limit_and_not_below(experiment: Callable) -> None:
    made = experiment(*TABLES, "schedule=cosine", "rho=1", "delta=0.1", "gamma=2", "epochs=30", "evaluate_every=30")
    found = Fit(patience=None, watch="J").run(made, None).measures["test"]
    best = solve(Table(toy_table()), 1, 0.1, 2)
    assert -1e-6 <= found["J"] - best.J <= 0.01
    for name in ("R", "C", "D"):
        assert found[name] == pytest.approx(getattr(best, name), abs=0.01)


def test_a_continuous_marginal_is_refused(experiment: Callable) -> None:
    with pytest.raises(ConfigError, match="continuous"):
        experiment("bottleneck=categorical", "objective=vib")
