"""The one loss function: pure, and the same for one model and for many."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from ib_cli.contracts.noise import draw
from ib_cli.engine.loss import loss_of_copies, make_loss, plan
from ib_cli.experiment.experiment import Experiment


def one_step(made: Experiment, seed: int) -> tuple:
    batch = made.data.batch("train", torch.arange(40))
    made.model.train()
    noise = draw(plan(made.model, batch, 2, "fp32"), torch.Generator().manual_seed(seed))
    params = {name: p.detach().clone() for name, p in made.model.named_parameters()}
    buffers = {name: b.clone() for name, b in made.model.named_buffers()}
    return params, buffers, batch, noise, {"gamma": torch.tensor(0.1 * (seed + 1))}


def test_same_arguments_same_value_and_nothing_else_goes_in(experiment: Callable[..., Experiment]) -> None:
    made = experiment("architecture.dropout=0.3")
    loss = make_loss(made.model, made.objective, 2, "fp32")
    arguments = one_step(made, 0)
    first = loss(*arguments)[0]
    torch.manual_seed(99)
    assert torch.equal(first, loss(*arguments)[0])


def test_many_models_under_vmap_equal_each_on_its_own(experiment: Callable[..., Experiment]) -> None:
    runs = [
        experiment("architecture.batch_norm=true", "architecture.dropout=0.2", f"seed={s}", folder=f"{s}")
        for s in range(3)
    ]
    steps = [one_step(run, seed) for seed, run in enumerate(runs)]
    loss = make_loss(runs[0].model, runs[0].objective, 2, "fp32")
    stacked = torch.utils._pytree.tree_map(lambda *of: None if of[0] is None else torch.stack(of), *steps)
    together = loss_of_copies(loss, 0)(*stacked)
    for i, step in enumerate(steps):
        J, parts = loss(*step)
        assert torch.allclose(together[0][i], J, atol=1e-5)
        assert torch.allclose(together[1]["R"][i], parts["R"], atol=1e-4)
        for name, buffer in step[1].items():  # running statistics moved in place, the same in both forms
            assert torch.allclose(stacked[1][name][i].float(), buffer.float(), atol=1e-5), name


def test_planning_changes_nothing(experiment: Callable[..., Experiment]) -> None:
    made = experiment("architecture.batch_norm=true")
    before = {name: b.clone() for name, b in made.model.named_buffers()}
    made.model.train()
    plan(made.model, made.data.batch("train", torch.arange(8)), 1, "fp32")
    assert all(torch.equal(before[name], b) for name, b in made.model.named_buffers())


@pytest.mark.parametrize(
    "words",
    [
        ["architecture=therml_toy", "weights=point", "sigma=0"],
        ["bottleneck.size=3", "architecture.widths=[8]"],  # a continuous z, of which every sample has its own
    ],
)
def test_samples_that_share_an_x_count_as_each_on_its_own(experiment: Callable[..., Experiment], words: list) -> None:
    made = experiment("dataset=therml_toy", "objective=therml", "rho=0.7", "delta=0.3", *words)
    together, apart = made.data.whole_batch(), made.data.batch("train", torch.arange(60))
    assert len(together.x) == 30 and len(together.y) == 60
    loss = make_loss(made.model, made.objective, 1, "fp32")
    multipliers = {name: torch.tensor(value) for name, value in made.multipliers.items()}
    found = []
    for batch in (together, apart):
        params = {name: p.detach().clone().requires_grad_() for name, p in made.model.named_parameters()}
        noise = draw(plan(made.model, batch, 1, "fp32"), torch.Generator().manual_seed(0))
        J, parts = loss(params, dict(made.model.named_buffers()), batch, noise, multipliers)
        found.append((parts, torch.autograd.grad(J, list(params.values()))))
    for name, value in found[0][0].items():
        assert value == pytest.approx(float(found[1][0][name]), abs=1e-6), name
    for a, b in zip(found[0][1], found[1][1]):
        assert torch.allclose(a, b, atol=1e-6)
