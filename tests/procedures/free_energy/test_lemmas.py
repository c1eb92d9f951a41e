"""Lemmas 5 and 9 on a small model with a categorical z: against retraining, differences and the paper's expressions."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.passes import Spec
from ib_cli.exact.gibbs import Law
from ib_cli.exact.newton import quadratic
from ib_cli.model.architectures.mlp import Mlp as Architecture
from ib_cli.model.bottlenecks.categorical import Categorical
from ib_cli.model.bottlenecks.gaussian import Gaussian
from ib_cli.model.classifiers.mlp import Mlp as Classifier
from ib_cli.model.decoders.mlp import Mlp as Decoder
from ib_cli.model.marginals.categorical import Categorical as Marginal
from ib_cli.model.marginals.standard_normal import StandardNormal
from ib_cli.model.model import Model
from ib_cli.procedures.free_energy.dynamics_surface import DynamicsSurface, descended
from ib_cli.procedures.free_energy.exact_laws import laws_of
from ib_cli.procedures.free_energy.gibbs_model import GibbsModel, check_parts
from ib_cli.procedures.free_energy.lemmas import Motion, motion
from ib_cli.procedures.free_energy.surface import Direction, Place
from ib_cli.system.signals import Interrupted
from tests.families import family
from tests.procedures.free_energy.small_data import constant_at, mixture_at

STATES, DAMPING, UNIT = 3, 1e-10, 0.5**0.5
PLACE = Place(0.3, 0.7, 0.3)  # γ < 1: with a larger one and hard labels c(y|z) goes to 0, at infinity
ALL: tuple[Direction, ...] = ("lambda", "gamma", "t")


def model(batch_norm: bool = False, seed: int = 0) -> Model:
    """Decoder 3–6–2 and classifier 3–4–3 of a z with three values."""
    spec = Spec((2,), 3, 36, None, None)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Model(
            Architecture((2,), widths=[], activation="tanh", batch_norm=False, dropout=0.0, monte_carlo=False,
                         initialisation="torch", noise=None),
            Categorical(2, size=STATES, initialisation="torch"),
            Classifier(STATES, spec, widths=[4], activation="tanh", initialisation="torch"),
            Decoder(STATES, spec, widths=[6], activation="tanh", batch_norm=batch_norm, likelihood="gaussian",
                    scale=UNIT),
            Marginal(STATES, spec),
        )  # fmt: skip


def law_at(t: float) -> Law:
    return laws_of(mixture_at(t), UNIT)["train"]


@dataclass
class Solved:
    """The model at an equilibrium, and how it moves from there."""

    model: GibbsModel
    theta: Tensor
    motion: Motion

    def retrained(self, place: Place) -> Tensor:
        """θ after training at another place, from here, by gradients."""
        law = law_at(place.t)
        function = lambda theta: self.model.free_energy(theta, place.lambda_, place.gamma, law)  # noqa: E731
        found = descended(function, self.theta)
        assert float(quadratic(function, found).gradient.norm()) <= 1e-6
        return found

    def functionals(self, place: Place) -> dict[str, float]:
        """R, D, C and F after retraining there."""
        law, theta = law_at(place.t), self.retrained(place)
        of, e = self.model.costs(theta, law), self.model.encoder(theta, *place[:2], law)
        joint = law.p[:, None] * e
        means = [float((joint * cost).sum()) for cost in (e.log() + of.rate, of.distortion, of.error)]
        return dict(zip("RDCF", [*means, means[0] + place.lambda_ * means[1] + place.gamma * means[2]]))


@pytest.fixture(scope="module")
def solved() -> Solved:
    gibbs = GibbsModel(model(), (2,))
    surface = DynamicsSurface(gibbs, mixture_at, PLACE, damping=DAMPING, corrections=0)
    assert surface.equilibrate().gradient_norm <= 1e-9
    return Solved(gibbs, surface.theta, motion(gibbs, surface.theta, PLACE, law_at, ALL, DAMPING, 0.01))


def moved(way: Direction, by: float) -> Place:
    name = "lambda_" if way == "lambda" else way
    return PLACE._replace(**{name: getattr(PLACE, name) + by})


@pytest.mark.parametrize("way", family(ALL, quick=["gamma", "t"]))
def test_theta_moves_as_retraining_moves_it(solved: Solved, way: Direction) -> None:
    """Cosine of θ_λ, θ_γ and θ_t with retraining at λ + h, γ + h and t + h, and their lengths."""
    h = 1e-2
    there = (solved.retrained(moved(way, h)) - solved.retrained(moved(way, -h))) / (2 * h)
    along = solved.motion.theta[way]
    assert float(torch.cosine_similarity(along, there, dim=0)) >= 0.999
    assert float(along.norm()) == pytest.approx(float(there.norm()), rel=0.01)
    one_sided = solved.retrained(moved(way, 0.02)) - solved.theta
    assert float(torch.cosine_similarity(along, one_sided, dim=0)) >= 0.98
    assert solved.motion.residuals[way] <= 1e-7


@pytest.mark.parametrize("way", ALL)
def test_slopes_are_those_of_retraining(solved: Solved, way: Direction) -> None:
    """C_λ and C_γ of (21), C_t of (27), and those of R, D and F, against central differences."""
    h = 5e-3
    above, below = solved.functionals(moved(way, h)), solved.functionals(moved(way, -h))
    for quantity in ("R", "D", "C", "F"):
        difference = (above[quantity] - below[quantity]) / (2 * h)
        assert solved.motion.slopes[quantity, way].value == pytest.approx(difference, rel=1e-3, abs=1e-6)


def test_the_laws_hold(solved: Solved) -> None:
    slopes = {key: slope.value for key, slope in solved.motion.slopes.of.items()}
    here = solved.functionals(PLACE)
    assert slopes["F", "lambda"] == pytest.approx(here["D"]) and slopes["F", "gamma"] == pytest.approx(here["C"])
    assert slopes["C", "lambda"] == pytest.approx(slopes["D", "gamma"], rel=1e-5)
    assert slopes["D", "lambda"] * slopes["C", "gamma"] > slopes["C", "lambda"] ** 2 and slopes["C", "gamma"] < 0
    assert solved.motion.slopes.envelope is not None
    assert slopes["F", "t"] == pytest.approx(solved.motion.slopes.envelope.value, rel=1e-6)


def test_the_papers_own_expressions_give_the_same(solved: Solved) -> None:
    """A, b_λ of Lemma 5 and C_λ of (21), C_t of (27), term by term as printed, with dense matrices."""
    gibbs, theta, law = solved.model, solved.theta, law_at(PLACE.t)
    lambda_, gamma, t = PLACE
    e, p = gibbs.encoder(theta, lambda_, gamma, law), law.p

    def hamiltonian(at: Tensor) -> Tensor:
        return gibbs.costs(at, law).hamiltonian(lambda_, gamma)

    of = gibbs.costs(theta, law)
    grad = torch.func.jacrev(hamiltonian)(theta)  # (X, K, P)
    hessian = torch.func.jacfwd(torch.func.jacrev(hamiltonian))(theta)
    mean = torch.einsum("xk,xkp->xp", e, grad)
    A = torch.einsum("x,xk,xkpq->pq", p, e, hessian) + torch.einsum("x,xp,xq->pq", p, mean, mean)
    A = A - torch.einsum("x,xk,xkp,xkq->pq", p, e, grad, grad)
    of_d = torch.func.jacrev(lambda at: gibbs.costs(at, law).distortion)(theta)
    d, ell = of.distortion, -of.error  # ∂H/∂λ and ℓ
    mean_d, mean_ell = (e * d).sum(1), (e * ell).sum(1)
    inner = torch.einsum("xk,xkp->xp", e, of_d) - torch.einsum("xk,xk,xkp->xp", e, d, grad) + mean_d[:, None] * mean
    b = -(p @ inner)
    along = solved.motion.theta["lambda"]
    torch.testing.assert_close(A @ along, b, atol=1e-6, rtol=1e-5)

    of_ell = -torch.func.jacrev(lambda at: gibbs.costs(at, law).error)(theta)

    def constrained(theta_along: Tensor) -> Tensor:
        turned = grad @ theta_along  # θᵀ ∇H, (X, K)
        parts = (e * turned).sum(1) * mean_ell - (e * turned * ell).sum(1) + (e * (of_ell @ theta_along)).sum(1)
        return p @ parts

    C_lambda = -(p @ (mean_d * mean_ell - (e * d * ell).sum(1)) + constrained(along))
    assert solved.motion.slopes["C", "lambda"].value == pytest.approx(float(C_lambda), rel=1e-6)
    change = (law_at(t + 0.01).p - law_at(t - 0.01).p) / 0.02
    C_t = -(change @ mean_ell) - constrained(solved.motion.theta["t"])
    assert solved.motion.slopes["C", "t"].value == pytest.approx(float(C_t), rel=1e-4)


@pytest.mark.slow
def test_the_dynamics_stay_on_the_surface() -> None:
    """θ follows λ, γ and t for five steps without training: R, D, C and F are those of training there, to 0.5 %."""
    found = {}
    for corrections in (0, 5):
        surface = DynamicsSurface(
            GibbsModel(model(), (2,)), mixture_at, PLACE, damping=DAMPING, corrections=corrections
        )
        surface.equilibrate()
        for step in range(1, 6):
            surface.move(Place(0.3 + 0.01 * step, 0.7 + 0.01 * step, 0.3 + 0.01 * step))
        found[corrections] = surface.here
    assert found[0].gradient_norm < 2e-3 and found[5].gradient_norm < 1e-5
    for name in ("R", "D_error", "C", "F"):
        value = found[5].measures["train"][name]
        assert found[0].measures["train"][name] == pytest.approx(value, rel=5e-3)


def test_a_place_comes_back_from_its_state() -> None:
    surface = DynamicsSurface(GibbsModel(model(), (2,)), constant_at, PLACE, damping=DAMPING, corrections=0)
    surface.equilibrate()
    surface.move(Place(0.31, 0.7))
    other = DynamicsSurface(GibbsModel(model(seed=1), (2,)), constant_at, PLACE, damping=DAMPING, corrections=0)
    other.restore(surface.state())
    assert other.here == surface.here
    assert other.move(Place(0.32, 0.71)) == surface.move(Place(0.32, 0.71))


def test_a_signal_interrupts() -> None:
    surface = DynamicsSurface(
        GibbsModel(model(), (2,)), constant_at, PLACE, damping=DAMPING, corrections=0, stop=lambda: 15
    )
    with pytest.raises(Interrupted):
        surface.slopes(("lambda",))


def test_models_without_a_sum_over_z_are_refused() -> None:
    check_parts(model(), "equilibrium_dynamics")
    with pytest.raises(ConfigError, match=r"decoder.batch_norm=false"):
        check_parts(model(batch_norm=True), "equilibrium_dynamics")
    other = model()
    other.bottleneck = Gaussian(2, size=STATES, scale="exp", offset=0.0, initialisation="torch")
    other.marginal = StandardNormal(STATES, Spec((2,), 3, 36, None, None))
    with pytest.raises(ConfigError, match="bottleneck=categorical"):
        check_parts(other, "equilibrium_dynamics")
