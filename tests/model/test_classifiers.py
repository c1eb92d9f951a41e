"""c(y|z) of labels and of numbers, against torch's own distributions."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch.distributions import Categorical, MultivariateNormal

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.passes import Pass, Spec
from ib_cli.functionals import functionals
from ib_cli.model.blocks.densities import CorrelatedGaussian, Labels, OneHot
from ib_cli.model.classifiers.gaussian import Gaussian
from ib_cli.model.classifiers.mlp import Mlp
from ib_cli.model.classifiers.optimal import Optimal

S, B, K, D = 3, 5, 4, 2
LABELS = Spec((6,), 3, 100, None, None)
NUMBERS = Spec((6,), None, 100, None, None, target_shape=(D,))
KEYS: dict[str, Any] = {"widths": [], "activation": "relu", "initialisation": "torch"}


def regression(covariance: str = "full", **changed: Any) -> Gaussian:
    torch.manual_seed(0)
    return Gaussian(K, NUMBERS, covariance=covariance, **KEYS | changed)


def a_pass(c: CorrelatedGaussian | MultivariateNormal, **parts: Any) -> Pass:
    return Pass(torch.zeros(B, 6), torch.arange(B * D).view(B, D) / 3.0, torch.zeros(S, B, K), label_density=c, **parts)


def test_labels_have_the_probabilities_of_a_categorical() -> None:
    logits, y = torch.randn(S, B, 3), torch.arange(B) % 3
    torch.testing.assert_close(Labels(logits).log_prob(y), Categorical(logits=logits).log_prob(y))
    values = logits[:, :1]  # as of a z that is gone through: the same for every sample
    torch.testing.assert_close(Labels(values).log_prob(y), Categorical(logits=values.expand(S, B, 3)).log_prob(y))


def test_a_correlated_gaussian_has_the_density_of_its_covariance() -> None:
    mean, covariance = torch.randn(S, B, D).double(), torch.tensor([[2.0, -0.7], [-0.7, 0.5]]).double()
    root = torch.linalg.inv(torch.linalg.cholesky(covariance))
    y = torch.randn(B, D).double()
    found = CorrelatedGaussian(mean, root)
    torch.testing.assert_close(found.log_prob(y), MultivariateNormal(mean, covariance).log_prob(y))
    assert torch.equal(found.mean, mean) and found.batch_shape == (S, B) and found.event_shape == (D,)


@pytest.mark.parametrize("covariance", ["full", "diagonal"])
@pytest.mark.parametrize("widths", [[], [8]])
def test_a_regression_starts_with_unit_covariance(covariance: str, widths: list[int]) -> None:
    head, z, y = regression(covariance, widths=widths), torch.randn(S, B, K), torch.randn(B, D)
    c = head(z)
    unit = MultivariateNormal(c.mean, torch.eye(D))
    torch.testing.assert_close(c.log_prob(y), unit.log_prob(y))


def test_a_full_covariance_has_a_parameter_for_every_correlation() -> None:
    head = regression()
    with torch.no_grad():
        head.rho.copy_(torch.tensor([0.3, -0.4]))
        head.lower.copy_(torch.tensor([[9.0, 9.0], [-1.2, 9.0]]))  # what lies on or above the diagonal is not used
    root = torch.nn.functional.softplus(head.rho).diag() + torch.tensor([[0.0, 0.0], [-1.2, 0.0]])
    z, y = torch.randn(S, B, K), torch.randn(B, D)
    expected = MultivariateNormal(head.network(z), precision_matrix=root.T @ root)
    torch.testing.assert_close(head(z).log_prob(y), expected.log_prob(y))


def test_the_functionals_of_numbers_by_hand() -> None:
    torch.manual_seed(1)
    mean, root = torch.randn(S, B, D), torch.tensor([[1.5, 0.0], [0.4, 2.0]])
    p = a_pass(CorrelatedGaussian(mean, root))
    densities = MultivariateNormal(mean, precision_matrix=root.T @ root).log_prob(p.y)
    nats = {symbol: functionals()[symbol].nats(p) for symbol in ("C", "H_model[Y|X]")}
    torch.testing.assert_close(nats["C"], -densities.mean(0))
    torch.testing.assert_close(nats["H_model[Y|X]"], -densities.exp().mean(0).log())
    assert p.class_logits is None


def test_an_enumerated_z_weighs_the_densities() -> None:
    means, root = torch.randn(S, 1, D), torch.eye(D)
    q = OneHot(torch.randn(B, S))
    weight = q.mean.mT
    p = a_pass(CorrelatedGaussian(means, root), encoder=q, z_weight=weight)
    densities = MultivariateNormal(means.expand(S, B, D), torch.eye(D)).log_prob(p.y)
    torch.testing.assert_close(functionals()["C"].nats(p), -(weight * densities).sum(0))
    torch.testing.assert_close(functionals()["H_model[Y|X]"].nats(p), -(weight * densities.exp()).sum(0).log())


def test_differential_entropies_may_be_negative() -> None:
    root = torch.eye(D) * 10
    p = a_pass(CorrelatedGaussian(torch.arange(B * D).view(1, B, D) / 3.0, root))
    assert functionals()["C"].nats(p)[0].item() == pytest.approx(math.log(2 * math.pi) - 2 * math.log(10), abs=1e-5)


def test_a_head_that_does_not_fit_y_is_refused() -> None:
    with pytest.raises(ConfigError, match="use classifier=gaussian"):
        Mlp(K, NUMBERS, **KEYS)
    with pytest.raises(ConfigError, match="use linear or mlp"):
        Gaussian(K, LABELS, covariance="full", **KEYS)


def test_the_optimal_decoder_is_bayes_and_gives_every_label_a_chance() -> None:
    decoder = Optimal(3, LABELS, trained="batch", pseudo_counts=0.3).double()
    joint = torch.tensor([[2.0, 0, 0], [1, 4, 0], [0, 0, 0]]).double()  # (classes, K)
    expected = torch.tensor([[2.1, 1.1, 0.1], [0.1, 4.1, 0.1], [0.1, 0.1, 0.1]]).double()
    expected /= expected.sum(1, keepdim=True)
    torch.testing.assert_close(decoder.table_of(joint).exp(), expected)
    values = torch.eye(3).double().unsqueeze(1)
    torch.testing.assert_close(decoder(values, joint).logits.squeeze(1).exp(), expected)
    decoder.table.copy_(decoder.table_of(joint))
    torch.testing.assert_close(decoder(values).logits, decoder(values, joint).logits)
    with pytest.raises(ConfigError, match="classifier=optimal counts labels"):
        Optimal(3, NUMBERS, trained="batch", pseudo_counts=1.0)
