"""−(C + S/N) N bounds the log evidence of a Bayesian logistic regression, known by quadrature, from below."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ib_cli.contracts.noise import Tape, draw
from ib_cli.contracts.passes import Batch
from ib_cli.engine.loss import make_loss, plan
from ib_cli.functionals.objective import Objective
from ib_cli.model.blocks.densities import Labels
from ib_cli.model.blocks.layers import Linear
from ib_cli.model.model import Model
from ib_cli.model.weights.gaussian import GaussianWeights
from tests.families import family
from tests.model.weights.test_gaussian import KEYS

X = [-2.0, -1.2, -0.7, -0.1, 0.2, 0.6, 1.1, 1.9]
Y = [0, 0, 1, 0, 1, 0, 1, 1]
N = len(Y)


class Raw(nn.Module):
    """x as its own features, and as z."""

    features = size = 1
    stochastic = discrete = False

    def forward(self, x: Tensor, tape: Tape, samples: int = 0) -> Tensor | tuple[None, Tensor]:
        return (None, x.unsqueeze(0)) if samples else x


class Logits(nn.Module):
    """c(y|z) of two classes, linear in z: two weights and two biases."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = Linear(1, 2)

    def forward(self, z: Tensor) -> Labels:
        return Labels(self.layer(z))


def log_evidence() -> float:
    """ln ∫ Π p(y|x, w, b) with priors N(0, 1) of all four weights: the two differences that count are N(0, 2)."""
    nodes, masses = np.polynomial.hermite_e.hermegauss(80)
    w, b = np.meshgrid(math.sqrt(2) * nodes, math.sqrt(2) * nodes)
    mass = np.outer(masses, masses) / (2 * math.pi)
    signs = 2 * np.array(Y) - 1
    log_likelihood = -sum(np.logaddexp(0, -s * (w * x + b)) for s, x in zip(signs, X))
    return float(np.log((mass * np.exp(log_likelihood)).sum()))


def minus_bound(model: Model, copies: int, seed: int, params: dict[str, Tensor]) -> Tensor:
    """(C + S/N) N with C the mean over so many draws of the weights for each sample."""
    batch = Batch(torch.tensor(X).double().repeat(copies).unsqueeze(1), torch.tensor(Y).repeat(copies))
    numbers = draw(plan(model, batch, 1, "fp32"), torch.Generator().manual_seed(seed))
    loss = make_loss(model, Objective({"C": 1, "S/N": 1}), 1, "fp32")
    return N * loss(params, dict(model.named_buffers()), batch, tuple(each.double() for each in numbers), {})[0]


def bound(model: Model, params: dict[str, Tensor], copies: int, passes: int) -> tuple[float, float]:
    """The bound on the log evidence and its standard error."""
    with torch.no_grad():
        found = torch.stack([-minus_bound(model, copies, 10**6 + i, params) for i in range(passes)])
    return found.mean().item(), found.std().item() / math.sqrt(passes)


@pytest.mark.parametrize(
    "local, copies, passes", family([("linear", 1000, 20), ("none", 1, 500)], quick=[("linear", 1000, 20)])
)
def test_the_objective_is_a_bound_and_a_trained_one_is_close(local: str, copies: int, passes: int) -> None:
    model = Model(Raw(), Raw(), classifier=Logits(), train_size=N).double()
    for p in model.parameters():
        p.data.zero_()
    model.weights = GaussianWeights(model, **KEYS | {"parts": ["classifier"], "deviation": 1.0, "local": local})
    params = dict(model.named_parameters())
    exact, optimizer = log_evidence(), torch.optim.Adam(params.values(), lr=0.05)
    first, first_error = bound(model, params, copies, passes)  # at the prior: S = 0
    for step in range(200):
        optimizer.zero_grad()
        minus_bound(model, 20 if local == "linear" else 1, step, params).backward()
        optimizer.step()
    last, last_error = bound(model, params, copies, passes)
    assert first < exact + 4 * first_error and last < exact + 4 * last_error
    # The two logits' weights depend on each other given the data, which independent ones leave unsaid.
    assert last > first + 0.5 and exact - last < 0.6
