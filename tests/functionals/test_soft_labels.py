"""Labels that are not certain: each functional of y is the mean over p(y|x) of what it is for certain ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.noise import draw
from ib_cli.contracts.passes import Pass
from ib_cli.datasets.data import Data
from ib_cli.engine.loss import loss_of_copies, make_loss, plan, prediction_measures
from ib_cli.experiment.evaluation import Evaluation
from ib_cli.experiment.experiment import Experiment
from ib_cli.experiment.soft_labels import check_soft_labels
from ib_cli.functionals import functionals
from ib_cli.functionals.functional import functional
from ib_cli.functionals.objective import Objective
from ib_cli.model.blocks.densities import Labels, OneHot

S, B, K, CLASSES = 5, 7, 3, 4


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def continuous() -> Pass:
    return Pass(
        torch.zeros(B, 2), torch.zeros(B, dtype=torch.int64), drawn(S, B, K), classes=CLASSES,
        label_density=Labels(drawn(S, B, CLASSES, seed=1)),
    )  # fmt: skip


def discrete() -> Pass:
    q = OneHot(drawn(B, K, seed=2))
    return Pass(
        torch.zeros(B, 2), torch.zeros(B, dtype=torch.int64), torch.eye(K).double().unsqueeze(1), q, classes=CLASSES,
        label_density=Labels(drawn(K, 1, CLASSES, seed=1)), z_weight=q.mean.T,
    )  # fmt: skip


@pytest.mark.parametrize("made", [continuous, discrete])
@pytest.mark.parametrize("symbol", ["C", "H_model[Y|X]", "accuracy"])
def test_it_is_the_mixture_of_certain_ones(made: Callable[[], Pass], symbol: str) -> None:
    p, probabilities = made(), drawn(B, CLASSES, seed=3).softmax(1)

    def value(p: Pass) -> Tensor:
        return prediction_measures(p)["accuracy"] if symbol == "accuracy" else functionals()[symbol].nats(p)

    soft = value(replace(p, y_probabilities=probabilities))
    hard = torch.stack([value(replace(p, y=torch.full((B,), label))) for label in range(CLASSES)], 1)
    assert soft.shape == (B,)
    torch.testing.assert_close(soft, (probabilities * hard).sum(1).to(soft.dtype))
    one_hot = torch.nn.functional.one_hot(torch.arange(B) % CLASSES, CLASSES).double()
    certain = value(replace(p, y=torch.arange(B) % CLASSES))
    torch.testing.assert_close(value(replace(p, y_probabilities=one_hot)).to(certain.dtype), certain)


def test_sums_of_classes_count_by_probability() -> None:
    p, probabilities, values = discrete(), drawn(B, CLASSES, seed=3).softmax(1), drawn(B, 2, seed=4)
    found = replace(p, y_probabilities=probabilities, weight=torch.arange(B).double()).by_class(values)
    torch.testing.assert_close(found, (probabilities * torch.arange(B).unsqueeze(1)).T @ values)


def softened(data: Data, seed: int = 0) -> Data:
    """The same data with probabilities of their labels."""
    splits = {}
    for name, split in data.splits.items():
        logits = torch.randn(len(split), 10, generator=torch.Generator().manual_seed(seed))
        splits[name] = replace(split, y_probabilities=logits.softmax(1))
    return replace(data, splits=splits)


def test_many_models_under_vmap_equal_each_on_its_own(experiment: Callable[..., Experiment]) -> None:
    runs = [experiment("objective=free_energy", f"seed={seed}", folder=f"{seed}") for seed in range(2)]
    loss, steps = make_loss(runs[0].model, runs[0].objective, 2, "fp32"), []
    for seed, run in enumerate(runs):
        batch = softened(run.data, seed).batch("train", torch.arange(40))
        noise = draw(plan(run.model, batch, 2, "fp32"), torch.Generator().manual_seed(seed))
        params = {name: p.detach() for name, p in run.model.named_parameters()}
        steps.append((params, {}, batch, noise, {"lambda": torch.tensor(1.0), "gamma": torch.tensor(2.0 + seed)}))
    stacked = torch.utils._pytree.tree_map(lambda *of: None if of[0] is None else torch.stack(of), *steps)
    J, parts = loss_of_copies(loss, 0)(*stacked)
    for i, step in enumerate(steps):
        alone, own = loss(*step)
        assert torch.allclose(J[i], alone, rtol=1e-5)
        for name in ("C", "accuracy"):
            assert torch.allclose(parts[name][i], own[name], rtol=1e-5)


def test_an_evaluation_counts_them(experiment: Callable[..., Experiment]) -> None:
    made = experiment("objective=free_energy")
    soft = replace(made, data=softened(made.data))
    params = dict(made.model.named_parameters())
    found, rows = Evaluation(soft).of(params, "test"), Evaluation(soft).of_samples(params, "test")
    hard = []
    for label in range(10):
        split = made.data.splits["test"]
        of_label = replace(split, y=torch.full_like(split.y, label))
        as_label = replace(made, data=replace(made.data, splits={**made.data.splits, "test": of_label}))
        hard.append(Evaluation(as_label).of_samples(params, "test"))
    probabilities = soft.data.splits["test"].y_probabilities
    for name in ("C", "accuracy", "error_single", "H_model[Y|X]"):
        mixed = (probabilities * torch.stack([of[name] for of in hard], 1)).sum(1)
        torch.testing.assert_close(rows[name], mixed, rtol=1e-4, atol=1e-6)
        assert found[name] == pytest.approx(float(mixed.mean()), rel=1e-4)
    torch.testing.assert_close(rows["R"], hard[0]["R"])


@functional("first", "the label itself")
def first_label(p: Pass) -> Tensor:
    """Reads y."""
    return p.y.float()


@functional("careful", "the label, or its mean")
def careful(p: Pass) -> Tensor:
    """Reads p(y|x) where there is one."""
    return p.y.float() if p.y_probabilities is None else p.y_probabilities.argmax(1).float()


def test_what_reads_y_is_refused_by_name(experiment: Callable[..., Experiment]) -> None:
    made = experiment("objective=free_energy")
    soft = softened(made.data)
    check_soft_labels(made, soft)  # R, D, C
    for own, right in ((first_label, "first reads y itself"), (careful, "")):
        tried = replace(made, objective=Objective({"R": 1, "C": 1, own.symbol: 0.1}, {own.symbol: own}))
        check_soft_labels(tried, made.data)
        if not right:
            check_soft_labels(tried, soft)
            continue
        with pytest.raises(ConfigError, match=right):
            check_soft_labels(tried, soft)
    ceb = experiment("objective=ceb", folder="ceb")
    with pytest.raises(ConfigError, match="R_Y reads y itself"):
        check_soft_labels(ceb, softened(ceb.data))
