"""Divergences of two Gaussians: closed forms at the exact logit, and what a trained critic finds."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm
from torch.distributions import Independent, Normal, kl_divergence

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.noise import Planner, Tape, draw
from ib_cli.contracts.passes import Spec
from ib_cli.model.critics.critic_x import Cnn, Mlp
from ib_cli.model.critics.critic_z import CriticZ
from ib_cli.model.critics.divergences import DIVERGENCES, Wasserstein

VECTORS = Spec(input_shape=(3,), classes=2, train_size=10, interval=None, levels=None)
IMAGES = Spec(input_shape=(1, 8, 8), classes=2, train_size=10, interval=(0, 1), levels=None)
TRAINING = {"penalty": 10.0, "smoothing": 0.0, "turns": 1, "lr": 1e-3, "betas": [0.5, 0.9], "decay": 1.0}
STEPS = 400  # of a critic of two Gaussians
OF_X = {"sees": "both", "layer": 1, "divergence": "reverse_kl", **TRAINING}


def critic_z(size: int = 2, **keys: object) -> CriticZ:
    given = {"widths": [64, 64], "activation": "leaky_relu", "divergence": "density_ratio", **TRAINING, **keys}
    return CriticZ(size, VECTORS, **given)


def jensen_shannon() -> float:
    """2 JS of N(1, 1) and N(0, 1)."""

    def of(x: float) -> float:
        p, q = norm.pdf(x, 1), norm.pdf(x)
        return p * math.log(2 * p / (p + q)) + q * math.log(2 * q / (p + q))

    return quad(of, -12, 13)[0]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("density_ratio", 0.5),
        ("kl", 0.5),
        ("reverse_kl", 0.5),
        ("jensen_shannon", jensen_shannon()),
        ("hellinger", 2 - 2 * math.exp(-1 / 8)),
        ("pearson", math.e - 1),
    ],
)
def test_closed_forms_at_the_exact_logit(kind: str, expected: float) -> None:
    """P = N(1, 1) and Q = N(0, 1), whose logit is x − ½, at the middles of equal shares of each law."""
    x = torch.as_tensor(norm.ppf((torch.arange(300_000, dtype=torch.float64) + 0.5) / 300_000))
    found = DIVERGENCES[kind]().estimate((x + 1 - 0.5).unsqueeze(0), (x - 0.5).unsqueeze(0)).mean()
    assert float(found) == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("kind", [kind for kind in DIVERGENCES if kind != "wasserstein"])
def test_equal_laws_are_at_no_distance(kind: str) -> None:
    nothing = torch.zeros(1, 5)  # the logit of equal laws
    assert DIVERGENCES[kind]().estimate(nothing, nothing).abs().max() < 1e-6


@pytest.mark.parametrize("kind", DIVERGENCES)
def test_what_says_that_it_has_no_gradient_has_none(kind: str) -> None:
    divergence = DIVERGENCES[kind]()
    of_p, of_q = torch.full((1, 4), 0.3, requires_grad=True), torch.full((1, 4), -0.2, requires_grad=True)
    gradients = torch.autograd.grad(divergence.estimate(of_p, of_q).sum(), (of_p, of_q), allow_unused=True)
    assert [g is not None for g in gradients] == [divergence.reaches_p, divergence.reaches_q]


def test_the_optimal_critic_is_the_logit() -> None:
    """The loss's derivative in T at p = e^T q is 0, whatever T is."""
    T = torch.tensor([[-2.0, 0.0, 1.5]], dtype=torch.float64, requires_grad=True)
    loss = DIVERGENCES["kl"]().loss
    slope_p = torch.autograd.grad(loss(T, T.detach()).sum(), T)[0]
    slope_q = torch.autograd.grad(loss(T.detach(), T).sum(), T)[0]
    assert torch.allclose(T.exp() * slope_p + slope_q, torch.zeros_like(T), atol=1e-12)


@pytest.mark.parametrize("kind", ["density_ratio", "kl"])
def test_a_trained_critic_finds_the_divergence_of_two_gaussians(kind: str) -> None:
    torch.manual_seed(0)
    p = Independent(Normal(torch.tensor([1.0, -0.5]), torch.tensor([0.7, 1.2])), 1)
    q = Independent(Normal(torch.zeros(2), torch.ones(2)), 1)
    critic = critic_z(divergence=kind, widths=[32])
    optimizer = torch.optim.Adam(critic.parameters(), lr=1e-2, betas=(0.5, 0.9), fused=True)
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = 1e-2 * (1 - step / STEPS)
        of_p, of_q = p.sample((1, 400)), [q.sample((1, 400))]
        optimizer.zero_grad()
        critic.loss(critic(of_p, of_q), of_p, of_q, Planner("cpu")).mean().backward()
        optimizer.step()
    with torch.no_grad():
        found = critic.judged(critic(p.sample((1, 50_000)), [q.sample((1, 50_000))])).estimate.mean()
    assert float(found) == pytest.approx(float(kl_divergence(p, q)), rel=0.05)


def test_sources_count_alike_whatever_their_draws() -> None:
    critic, x = critic_z(divergence="kl"), torch.randn(1, 6, 2)
    few, many = torch.randn(1, 6, 2), torch.randn(12, 6, 2)
    both = critic.judged(critic(x, [few, many])).estimate
    apart = [critic.judged(critic(x, [each])).estimate for each in (few, many)]
    assert torch.allclose(both, sum(apart) / 2, atol=1e-6)


def test_the_penalty_is_of_the_slope_between_the_samples() -> None:
    critic = critic_z(2, widths=[1], activation="identity", divergence="wasserstein")
    assert isinstance(critic.divergence, Wasserstein)
    weights = [p.detach() for name, p in critic.named_parameters() if name.endswith("weight")]
    slope = float((weights[0] @ weights[1]).norm())  # T is linear, so its slope is the same everywhere
    of_p, of_q = torch.randn(1, 5, 2), [torch.randn(1, 5, 2)]
    verdict = critic(of_p, of_q)
    planner = Planner("cpu")
    critic.loss(verdict, of_p, of_q, planner)
    found = critic.loss(verdict, of_p, of_q, Tape(draw(planner.requests, torch.Generator())))
    expected = verdict.of_q[0][0] - verdict.of_p[0] + 10 * (slope - 1) ** 2
    assert torch.allclose(found, expected, atol=1e-5)


def test_the_penalty_trains_the_slope_towards_one() -> None:
    torch.manual_seed(1)
    critic = critic_z(divergence="wasserstein", widths=[16])
    p, q = torch.randn(1, 200, 2) + torch.tensor([2.0, 0.0]), [torch.randn(1, 200, 2)]
    optimizer = torch.optim.Adam(critic.parameters(), lr=1e-2, betas=(0.5, 0.9))
    for _ in range(100):
        planner = Planner("cpu")
        critic.loss(critic(p, q), p, q, planner)
        tape = Tape(draw(planner.requests, torch.Generator().manual_seed(0)))
        optimizer.zero_grad()
        critic.loss(critic(p, q), p, q, tape).mean().backward()
        optimizer.step()
    with torch.no_grad():
        assert float(critic.judged(critic(p, q)).estimate.mean()) == pytest.approx(2, abs=0.4)  # W₁ of a shift by 2


@pytest.mark.parametrize("made", [Mlp(2, IMAGES, widths=[7, 5], activation="relu", **OF_X | {"layer": 2}),
                                  Cnn(2, IMAGES, channels=[4, 6], **OF_X | {"layer": 2})])  # fmt: skip
def test_the_distance_is_of_a_hidden_layer(made: Mlp | Cnn) -> None:
    x, others = torch.rand(3, 1, 8, 8), torch.rand(2, 3, 1, 8, 8)
    hidden = list(made.network)[: -1 if isinstance(made, Mlp) else -2]  # without the last map, and Flatten before it

    def f(images: torch.Tensor) -> torch.Tensor:
        for module in hidden:
            images = module(images)
        return images.flatten(1)

    expected = sum((f(x) - f(other)).square().sum(1) / 2 for other in others) / 2
    assert torch.allclose(made.distance(x, others), expected, rtol=1e-5)


def test_what_cannot_work_is_refused_in_one_line() -> None:
    wrong = [
        (lambda: critic_z(divergence="reverse_kl"), "critic_z.divergence=reverse_kl"),
        (lambda: critic_z(divergence="non_saturating"), "critic_z.divergence=non_saturating"),
        (
            lambda: Mlp(2, IMAGES, widths=[4], activation="relu", **OF_X | {"divergence": "density_ratio"}),
            "critic_x.div",
        ),
        (lambda: Mlp(2, IMAGES, widths=[4], activation="relu", **OF_X | {"layer": 2}), "critic_x.layer=2"),
        (lambda: Cnn(2, VECTORS, channels=[4], **OF_X), "critic_x=cnn needs images"),
        (lambda: Cnn(2, IMAGES, channels=[4] * 4, **OF_X), "critic_x.channels"),
    ]
    for make, start in wrong:
        with pytest.raises(ConfigError) as error:
            make()
        assert str(error.value).startswith(start) and "\n" not in str(error.value)
