"""V against I(Z;Θ|X) where that is known, and S where samples have weights."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from ib_cli.contracts.passes import Pass
from ib_cli.experiment.experiment import Experiment
from ib_cli.functionals import functionals
from ib_cli.functionals.objective import Objective
from ib_cli.model.blocks.densities import diagonal_gaussian

X = torch.tensor([-1.5, 0.0, 0.4, 2.0]).double()
MEAN, SPREAD, NOISE = 0.7, 0.5, 0.3  # of θ ~ N(m, t²), and z|x,θ ~ N(θ x, s²)


def volume(mean: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """E over θ of V at each x, against N(mean, scale²): exact, for V is quadratic in θ and two points are enough."""
    q = diagonal_gaussian(mean.unsqueeze(-1), scale.unsqueeze(-1))
    at = []
    for theta in (MEAN - SPREAD, MEAN + SPREAD):
        encoder = diagonal_gaussian((theta * X).unsqueeze(-1), torch.full((4, 1), NOISE).double())
        at.append(functionals()["V"].nats(Pass(X, X, X.view(1, 4, 1), encoder=encoder, averaged_encoder=q)))
    return torch.stack(at).mean(0)


def test_volume_is_the_information_at_the_average_encoder_and_more_elsewhere() -> None:
    information = 0.5 * (1 + SPREAD**2 * X**2 / NOISE**2).log()  # I(Z;Θ|X = x) of a linear map of θ
    average = MEAN * X, (NOISE**2 + SPREAD**2 * X**2).sqrt()
    assert torch.allclose(volume(*average), information, atol=1e-12)
    for shift, factor in ((0.2, 1.0), (0.0, 1.3), (-0.5, 0.8)):
        assert (volume(average[0] + shift, average[1] * factor) > information).all()


def test_the_averaged_encoder_has_no_noise_and_learns(experiment: Callable[..., Experiment]) -> None:
    made = experiment("+objective.minimise.V=1", "weights=gaussian")
    names = {name for name, _ in made.model.named_parameters()}
    assert "averaged_encoder.architecture.layers.0.weight" in names
    assert not [name for name in names if name.startswith("averaged_encoder") and "rho" in name]
    assert all("averaged_encoder" not in weight.path for weight in made.model.weights.weights)
    own = made.model.averaged_encoder.architecture.layers[0].weight
    assert (
        torch.equal(own, made.model.architecture.layers[0].weight)
        and own is not made.model.architecture.layers[0].weight
    )


@pytest.mark.parametrize("weight", [None, torch.tensor([0.5, 0.0, 2.0])])
def test_the_entropy_belongs_to_no_sample(weight: torch.Tensor | None) -> None:
    p = Pass(
        torch.zeros(3, 1),
        torch.zeros(3),
        torch.zeros(1, 3, 1),
        weight=weight,
        weights_divergence=torch.tensor(30.0),
        train_size=12,
    )
    J, means = Objective({"S/N": "sigma", "S": 0})(p, {"sigma": torch.tensor(2.0)})
    assert J == 5 and means == {"S/N": 2.5, "S": 30}
    assert p.total(functionals()["S"].nats(p)) == 90  # over the samples of a split, which is divided by them


def test_weights_of_zero_need_nothing_and_count_infinities_for_zero() -> None:
    objective = Objective({"C": 1, "S/N": "sigma", "D": "delta"})
    assert objective.required({"sigma": 0, "delta": 2}) == {"label_density", "decoder"}
    assert objective.total({"C": 1.5, "D": math.inf}, {"sigma": 0.0, "delta": 0.0}) == 1.5
    means = {"C": torch.tensor(1.5), "D": torch.tensor(2.0)}
    assert objective.total(means, {"sigma": torch.tensor(0.0), "delta": torch.tensor(1.0)}) == 3.5
