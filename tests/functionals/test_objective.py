"""Objectives: weights, sums and the printed line."""

from __future__ import annotations

import pytest
import torch

from ib_cli.config.multipliers import parse_weight
from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.passes import Pass
from ib_cli.functionals import functionals
from ib_cli.functionals.objective import Objective
from ib_cli.model.blocks.densities import Labels, diagonal_gaussian


def a_pass() -> Pass:
    torch.manual_seed(0)
    q = diagonal_gaussian(torch.randn(6, 2), torch.rand(6, 2) + 0.1)
    return Pass(
        torch.zeros(6, 1),
        torch.arange(6) % 3,
        torch.zeros(2, 6, 2),
        encoder=q,
        marginal=diagonal_gaussian(torch.zeros(2), torch.ones(2)),
        label_density=Labels(torch.randn(2, 6, 3)),
    )


def test_sum_of_weighted_means_and_its_parts() -> None:
    p = a_pass()
    J, parts = Objective({"C": 1, "R": "0.5*gamma*beta"})(p, {"gamma": torch.tensor(0.1), "beta": torch.tensor(3.0)})
    C, R = functionals()["C"].nats(p).mean(), functionals()["R"].nats(p).mean()
    assert J.item() == pytest.approx((C + 0.15 * R).item())
    assert parts == {"C": C, "R": R}


@pytest.mark.parametrize(
    "text, expected",
    [
        (1, (1.0, ())),
        (0.5, (0.5, ())),
        ("gamma", (1.0, ("gamma",))),
        ("-beta", (-1.0, ("beta",))),
        ("- 2*lambda", (-2.0, ("lambda",))),
        ("1e-2*rho*sigma", (0.01, ("rho", "sigma"))),
        (-3, (-3.0, ())),
        ("1e+2", (100.0, ())),
    ],
)
def test_weights(text: str | float, expected: tuple) -> None:
    assert parse_weight("R", text) == expected


@pytest.mark.parametrize("text", ["", "gama", "gamma+beta", "*", "gamma*", "--1", "1 2"])
def test_wrong_weights_are_named(text: str) -> None:
    with pytest.raises(ConfigError, match=r"objective\.minimise\.R="):
        parse_weight("R", text)


def test_printed_line() -> None:
    terms = {"C": 1, "R": "gamma", "D": "-beta"}
    assert Objective(terms).lagrangian({"gamma": 0.01, "beta": 1.0}) == "C + 0.01 R - D"
    assert Objective(terms).lagrangian({"gamma": 0.0, "beta": 2.5}) == "C - 2.5 D"
    assert Objective(terms).multipliers == ("gamma", "beta")
    assert Objective(terms).needs == {"label_density", "encoder", "marginal", "decoder"}


def test_unknown_functional_and_empty_objective() -> None:
    with pytest.raises(ConfigError, match=r"objective\.minimise\.Q: no such functional; there are B, C, D"):
        Objective({"Q": 1})
    with pytest.raises(ConfigError, match="is empty"):
        Objective({})
