"""J on its way to −σ ln Z: the law on the grid, the chains beside it, and what is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from ib_cli.experiment.experiment import Experiment
from ib_cli.procedures.thermodynamics.relaxing_law import ParameterPlane
from ib_cli.procedures.thermodynamics.second_law import SecondLaw
from ib_cli.sampling.density import nearest_log_density, plane_bias, plane_variance
from tests.conftest import Ended
from tests.families import family

KEYS: dict[str, Any] = {
    "temperature": 2.0, "prior": 1.0, "points": 31, "width": 4.0, "chains": 512, "steps": 3, "step_size": 0.03,
    "anneal": 60,
}  # fmt: skip


def test_what_chains_measure_is_what_the_grid_predicts(small: Callable[..., Experiment]) -> None:
    made = small("epochs=10", "architecture.widths=[2]")
    finished = SecondLaw(**KEYS).run(made, None)
    lines = [json.loads(line) for line in (made.records.folder / "thermodynamics.jsonl").read_text().splitlines()]
    start, least, rise, *above = lines
    assert rise["measured"] == 0 and len(above) == 11
    for line in (start, least, *above):
        assert abs(line["measured"] - line["predicted"]) < 3 * line["stderr"], line
    assert least["stderr"] < 0.02 < start["predicted"] - least["predicted"]
    assert above[0]["predicted"] > 10 * above[-1]["predicted"] > 0 and above[0]["measured"] > 10 * above[0]["stderr"]
    train = finished.measures["train"]
    assert train["F"] == least["measured"] and train["sigma"] == 2.0
    records = [line for line in made.records.metrics.read() if line["split"] == "train"]
    assert all(a["J"] > b["J"] for a, b in pairwise(records))


def test_the_divergence_on_the_grid_is_the_excess_of_j(small: Callable[..., Experiment]) -> None:
    """TherML eqs. 35, 36 and 39 at every step, to rounding, where π reaches below what a number can hold."""
    descent = ParameterPlane(small("epochs=1"), sigma=0.05, prior=1.5, step=0.01)
    law = descent.law(21, 4.0)
    assert (law.transitions >= 0).all() and torch.allclose(law.transitions.sum(1), torch.ones(441).double(), atol=1e-13)
    pi = law.table.equilibrium
    assert pi.min() == 0 and torch.allclose(pi @ law.transitions, pi, atol=1e-14)
    before = math.inf
    for _ in range(30):
        found = law.measures()
        assert found["KL"] == pytest.approx(descent.beta * (found["J"] - law.least), rel=1e-9)
        assert found["J"] < before
        before = found["J"]
        law.advance()


def curved(normal: Tensor) -> Tensor:
    """A law as bent as a valley of J, with the density of the normal samples."""
    return torch.stack([normal[:, 0], normal[:, 1] + 1.5 * normal[:, 0].square()], dim=1)


@pytest.mark.parametrize("law, M, allowed", family([
    (lambda normal: 2 * normal, 64, 0.01),
    (lambda normal: 2 * normal, 512, 0.005),
    (lambda normal: normal * torch.tensor([20.0, 0.2]), 512, 0.005),
    (lambda normal: 2 * curved(normal), 512, 0.03),
], every=2), ids=["few", "round", "long", "curved"])  # fmt: skip
def test_the_entropy_of_samples_has_no_bias(law: Callable[[Tensor], Tensor], M: int, allowed: float) -> None:
    """And its error is what it says it is. Every law here takes 4 times the area of the normal one."""
    stream, away, errors, repeats = Generator().manual_seed(0), [], [], 60_000 // M // 2
    for _ in range(repeats):
        normal = torch.randn(M, 2, generator=stream, dtype=torch.float64)
        exact = torch.distributions.Normal(0.0, 1.0).log_prob(normal).sum(1) - math.log(4)
        terms = nearest_log_density(law(normal)) - exact
        away.append(terms.mean() - plane_bias(M))
        errors.append(plane_variance(terms) ** 0.5)
    found, said = torch.stack(away), torch.tensor(errors)
    assert abs(found.mean()) < allowed + 3 * found.std() / repeats**0.5
    assert 0.8 < found.std() / said.mean() < 1.25


TOY = ("dataset=therml_toy", "architecture=therml_toy", "weights=point", "objective=therml", "procedure=second_law")


@pytest.mark.parametrize("overrides, told", family([
    ((*TOY, "sigma=0"), "sigma=0: Langevin dynamics needs a temperature above 0"),
    ((*TOY, "sigma=1", "procedure.temperature=-2"), "procedure.temperature=-2: must be greater than 0"),
    ((*TOY, "sigma=1", "procedure.points=50"), "procedure.points=50: choose an odd number up to 101"),
    ((*TOY, "sigma=1", "procedure.points=25"), "procedure.points=25: places 0.1 apart"),
    ((*TOY, "sigma=1", "procedure.points=151"), "procedure.points=151: choose an odd number up to 101"),
    ((*TOY, "sigma=1", "weights=lognormal"), "weights: procedure=second_law draws the weights by itself"),
    (("procedure=second_law", "procedure.temperature=1", "batch_size=2000"), "procedure=second_law needs a loss"),
], every=2), ids=["sigma", "negative", "even", "coarse", "large", "weights", "noise"])  # fmt: skip
def test_what_cannot_be_followed_is_one_line(
    ib_train: Callable[..., Ended], tmp_path: Path, overrides: tuple[str, ...], told: str
) -> None:
    ended = ib_train(*overrides, "device=cpu")
    assert ended.code == 2 and told in ended.err and ended.err.count("\n") == 1, ended.err
    assert not (tmp_path / "outputs").exists()
