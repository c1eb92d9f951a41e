"""TherML's toy model: its parameters, and its functionals beside sums that go through every x, y and z."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch

from ib_cli.experiment.evaluation import Evaluation
from ib_cli.experiment.experiment import Experiment
from ib_cli.procedures.exact_frontier import joint_tables
from ib_cli.procedures.fit.fit import Fit

WORDS = ("dataset=therml_toy", "architecture=therml_toy", "objective=therml", "bottleneck.size=30")


def log_softmax(logits: Sequence[float]) -> list[float]:
    most = max(logits)
    total = sum(math.exp(logit - most) for logit in logits)
    return [logit - most - math.log(total) for logit in logits]


def by_loops(made: Experiment, split: str) -> dict[str, float]:
    """R, C and D in float64, from the parameters and the paper's forms."""
    model, p = made.model, joint_tables(made.data)[1][split].tolist()
    tensors = {name: values.double().tolist() for name, values in model.state_dict().items()}
    X, K, Y = len(p), 30, 2
    place = [math.sqrt(12) * (i + 0.5) / 30 for i in range(30)]

    def energy(part: str, i: int, u: float) -> float:
        return -((tensors[f"{part}.map.weight"][i] * u - tensors[f"{part}.map.bias"][i]) ** 2)

    q = [log_softmax([energy("bottleneck", z, place[x]) for z in range(K)]) for x in range(X)]
    d = [log_softmax([energy("decoder", z, place[x]) for x in range(X)]) for z in range(K)]
    c = [log_softmax([energy("classifier", y, place[z]) for y in range(Y)]) for z in range(K)]
    m = log_softmax(tensors["marginal.logits"])
    found = dict.fromkeys("RCD", 0.0)
    for x in range(X):
        for y in range(Y):
            for z in range(K):
                share = p[x][y] * math.exp(q[x][z])
                found["R"] += share * (q[x][z] - m[z])
                found["C"] -= share * c[z][y]
                found["D"] -= share * d[z][x]
    return found


def test_there_are_184_parameters_and_all_of_them_learn(experiment: Callable[..., Experiment]) -> None:
    made = experiment(*WORDS, "sigma=0.1", "dataset.passes=3", "epochs=1")
    first = {name: p.detach().clone() for name, p in made.model.named_parameters()}
    assert sum(p.numel() for p in first.values()) == 184
    assert sum(p.numel() for p in made.model.classifier.parameters()) == 4
    assert sum(p.numel() for name, p in first.items() if name.endswith("alpha_logit")) == 30
    learned = Fit(patience=None, watch="J").run(made, None).params
    assert learned.keys() == first.keys()
    assert all(bool((learned[name] != p).all()) for name, p in first.items())


@pytest.mark.parametrize("infinite", [True, False])
def test_functionals_are_the_sums_over_all_that_there_is(experiment: Callable[..., Experiment], infinite: bool) -> None:
    made = experiment(*WORDS, f"dataset.infinite={infinite}", "weights.evaluate=mean")
    rng = np.random.default_rng(0)
    with torch.no_grad():
        for p in made.model.parameters():
            p += torch.from_numpy(rng.normal(scale=0.5, size=p.shape)).to(p)
    params = dict(made.model.named_parameters())
    for split in ("train", "test"):
        found, expected = Evaluation(made).of(params, split), by_loops(made, split)
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, rel=1e-5), name


def test_the_entropy_of_the_weights_is_that_of_thirty_alphas(experiment: Callable[..., Experiment]) -> None:
    made = experiment(*WORDS)
    found = Evaluation(made).of(dict(made.model.named_parameters()), "test")
    assert found["S"] == pytest.approx(-30 / 2 * math.log(1e-6), rel=1e-5)  # α = 1e-6 at the start, 1 the largest
    assert found["S/N"] == pytest.approx(found["S"] / 50, rel=1e-6)
