"""Informations of TherML's worlds, and the slack of its bounds, against sums written out."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from ib_cli.contracts.passes import Pass
from ib_cli.functionals.worlds import Worlds, is_mass, world_sums, worlds
from ib_cli.model.blocks.densities import Labels, OneHot

X, Y, K = 4, 3, 5


def _entropy(p: Tensor) -> float:
    return -sum(value * value.log() for value in p.flatten() if value > 0).item()


@pytest.fixture
def table() -> Tensor:
    """p(x, y)."""
    p = torch.rand(X, Y, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return p / p.sum()


def _pass(table: Tensor, encoder: Tensor) -> Pass:
    """A pass of all cells of a table with its own p(y|z) and p(x|z), and a uniform m(z): (X·Y samples, one-hot x)."""
    cells = [(x, y) for x in range(X) for y in range(Y)]
    q = encoder[[x for x, _ in cells]]
    of_y = encoder.T @ table
    return Pass(
        x=torch.eye(X, dtype=torch.float64)[[x for x, _ in cells]],
        y=torch.tensor([y for _, y in cells]),
        z=torch.eye(K, dtype=torch.float64).unsqueeze(1),
        encoder=OneHot(q.log()),
        marginal=OneHot(torch.zeros(K, dtype=torch.float64)),
        label_density=Labels((of_y / of_y.sum(1, keepdim=True)).log().unsqueeze(1)),
        weight=torch.stack([table[x, y] for x, y in cells]) * len(cells),
        z_weight=q.T,
        classes=Y,
    )


def _encoder(seed: int) -> Tensor:
    return torch.rand(X, K, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).softmax(1)


def _informations(table: Tensor, encoder: Tensor) -> tuple[float, float, float]:
    """I(X;Z), H[Y|Z], H[Y|X]."""
    of_x = table.sum(1)
    joint = of_x.unsqueeze(1) * encoder
    shared = _entropy(of_x) + _entropy(joint.sum(0)) - _entropy(joint)
    return shared, _entropy(encoder.T @ table) - _entropy(joint.sum(0)), _entropy(table) - _entropy(of_x)


def test_informations_are_the_sums_over_all_that_there_is(table: Tensor) -> None:
    encoder = _encoder(1)
    shared, left, noise = _informations(table, encoder)
    found = worlds(world_sums(_pass(table, encoder), discrete_x=True), drawn=False, label_noise=noise)
    assert found is not None and found.input_entropy is not None
    assert found.told_by_all == pytest.approx(shared, abs=1e-12) and found.told_by_weights == 0
    assert found.labels_left == pytest.approx(left, abs=1e-12)
    assert found.input_entropy == pytest.approx(_entropy(table.sum(1)), abs=1e-12)


def test_least_divergence_is_that_of_the_worlds_written_out(table: Tensor) -> None:
    """(9): Σ p(x, y, z) ln p(x, y, z)/(p(z) p(x|z) p(y|z)), the least over world Q at given weights and law."""
    encoder = _encoder(2)
    joint = table.unsqueeze(2) * encoder.unsqueeze(1)  # (X, Y, Z)
    of_xz, of_yz, of_z = joint.sum(1, keepdim=True), joint.sum(0, keepdim=True), joint.sum((0, 1), keepdim=True)
    written_out = (joint * (joint * of_z / (of_xz * of_yz)).log()).sum().item()
    noise = _informations(table, encoder)[2]
    found = worlds(world_sums(_pass(table, encoder), discrete_x=True), drawn=False, label_noise=noise)
    assert found is not None and found.least_divergence == pytest.approx(written_out, abs=1e-12)


def test_drawn_weights_tell_of_z(table: Tensor) -> None:
    """Two equally likely θ: I(Z;Θ|X) = Σ p(x) JS(q(z|x,θ₁), q(z|x,θ₂)), and (10) adds it to I(Z;X)."""
    first, second = _encoder(3), _encoder(4)
    parts = [world_sums(_pass(table, each), discrete_x=True) for each in (first, second)]
    sums = {name: (parts[0][name] + parts[1][name]) / 2 for name in parts[0]}
    found = worlds(sums, drawn=True, label_noise=0.0)
    mean = (first + second) / 2
    of_x = [_entropy(mean[x]) - (_entropy(first[x]) + _entropy(second[x])) / 2 for x in range(X)]
    expected = sum(share * value for share, value in zip(table.sum(1).tolist(), of_x))
    assert found is not None and found.told_by_weights == pytest.approx(expected, abs=1e-12)
    assert found.told_by_all == pytest.approx(_informations(table, mean)[0] + expected, abs=1e-12)


def test_slacks_are_divergences_of_the_densities(table: Tensor) -> None:
    """R − I(Z;X) = KL(p(z) ‖ m(z)), and 0 for the best c(y|z), as C = H[Y|Z] there."""
    from ib_cli.functionals.classification_error import classification_error
    from ib_cli.functionals.rate import rate

    p = _pass(table, _encoder(5))
    means = {"R": p.mean(rate.nats(p)).item(), "C": p.mean(classification_error.nats(p)).item()}
    found = worlds(world_sums(p, discrete_x=True), drawn=False, label_noise=None)
    assert found is not None
    slack = found.measures(means)
    of_z = table.sum(1) @ _encoder(5)
    assert slack["slack_R"] == pytest.approx((of_z * (of_z * K).log()).sum().item(), abs=1e-12)
    assert slack["slack_C"] == pytest.approx(0, abs=1e-12)
    assert "KL[P|Q]" not in slack  # without H[Y|X]


def test_slacks_of_several_functionals_are_those_of_the_paper() -> None:
    """(12) R + D − H[X] − I(Z;Θ|X) and (11) R + C + D − H[X, Y] − KL[P|Q]."""
    known = Worlds(told_by_all=0.9, told_by_weights=0.2, labels_left=0.5, label_noise=0.3, input_entropy=2.0)
    found = known.measures({"R": 1.0, "C": 0.7, "D": 1.6, "V": 0.25})
    assert known.least_divergence == pytest.approx(0.2 + 0.5 - 0.3)
    assert found["slack_RD"] == pytest.approx(1.0 + 1.6 - 2.0 - 0.2)
    assert found["slack_RCD"] == pytest.approx(1.0 + 0.7 + 1.6 - (2.0 + 0.3) - 0.4)
    assert found["slack_V"] == pytest.approx(0.05)
    lacking = replace(known, told_by_weights=None).measures({"R": 1.0, "C": 0.7, "D": 1.6, "V": 0.25})
    assert set(lacking) == {"slack_R", "slack_C"}


def test_a_z_that_is_not_discrete_has_no_sums(table: Tensor) -> None:
    assert world_sums(replace(_pass(table, _encoder(1)), z_weight=None), discrete_x=True) == {}
    assert worlds({}, drawn=False, label_noise=None) is None


def test_a_density_is_no_mass() -> None:
    from torch.distributions import Bernoulli, Independent, Normal

    assert is_mass(OneHot(torch.zeros(3))) and is_mass(Independent(Bernoulli(torch.ones(3) / 2), 1))
    assert not is_mass(Independent(Normal(torch.zeros(3), 1), 1)) and not is_mass(None)
