"""KL and KL_N, and Proposition 4: with the best factorised prior the mean KL is I + TC."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from ib_cli.contracts.passes import Pass
from ib_cli.functionals import functionals
from ib_cli.model.blocks.densities import OneHot

SIZES = (3, 2, 4)  # values of each component of z
X = 5  # equally likely values of x
CODES = torch.tensor(list(itertools.product(*map(range, SIZES))))  # (24, 3): every z


def factorised(logits: list[Tensor]) -> OneHot:
    """Π_j q_j(z_j) over all z."""
    logs = [log_softmax(each, 0) for each in logits]
    return OneHot(sum(each[CODES[:, j]] for j, each in enumerate(logs)))


def test_mean_kl_is_information_and_total_correlation_for_the_learned_factorised_prior() -> None:
    generator = torch.Generator().manual_seed(0)
    encoder = OneHot(2 * torch.randn(X, len(CODES), generator=generator, dtype=torch.float64))
    logits = [torch.zeros(size, dtype=torch.float64, requires_grad=True) for size in SIZES]

    def measured(symbol: str) -> Tensor:
        z, labels = encoder.enumerate_support(), torch.zeros(X, dtype=torch.int64)
        p = Pass(torch.zeros(X, 1), labels, z, encoder, factorised(logits), z_weight=encoder.mean.mT)
        return functionals()[symbol].nats(p).mean()

    optimizer = torch.optim.LBFGS(logits, max_iter=200, tolerance_grad=1e-12, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = measured("R")
        loss.backward()
        return loss

    optimizer.step(closure)
    joint = encoder.mean.mean(0).view(SIZES)  # p(z)
    marginals = [joint.sum([other for other in range(len(SIZES)) if other != j]) for j in range(len(SIZES))]

    def entropy(p: Tensor) -> Tensor:
        return -torch.special.xlogy(p, p).sum()

    total_correlation = sum(map(entropy, marginals)) - entropy(joint)
    assert total_correlation > 0.05
    expected = measured("I[X;Z]") + total_correlation
    torch.testing.assert_close(measured("R").detach(), expected, rtol=0, atol=1e-8)
    for each, marginal in zip(logits, marginals):  # and the prior is the product of the marginals
        torch.testing.assert_close(each.detach().softmax(0), marginal, rtol=0, atol=1e-5)


def test_kl_is_what_the_layers_report_and_kl_n_is_over_n() -> None:
    nats = torch.tensor([3.0, 5.0])
    p = Pass(torch.zeros(2, 1), torch.zeros(2, dtype=torch.int64), torch.zeros(1, 2, 1), noise_divergence=nats,
             train_size=50)  # fmt: skip
    KL, KL_N = functionals()["KL"], functionals()["KL_N"]
    assert torch.equal(KL.nats(p), nats) and torch.allclose(KL_N.nats(p), nats / 50)
    without = Pass(p.x, p.y, p.z, train_size=50)
    assert not KL.measurable(without) and not KL_N.measurable(without)
