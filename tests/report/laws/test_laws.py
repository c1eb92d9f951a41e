"""The laws on records that obey them exactly, and on such that do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ib_cli.contracts.errors import ConfigError
from ib_cli.report.laws.relation import Relation
from ib_cli.report.laws.thermodynamics import Thermodynamics, measure_laws
from ib_cli.report.read.points import gather
from ib_cli.report.read.runs import Reader
from ib_cli.report.read.tables import results
from tests.report.laws.lawful import FIXED, write_grid

STEPS = 1.25 ** np.arange(7)
GRID = {"gamma": (1.5 * STEPS).tolist(), "sigma": (0.5 * STEPS).tolist()}
LINE = {"gamma": (1.5 * STEPS).tolist()}


def measured(
    folder: Path, grid: Mapping[str, Sequence[float]] = GRID, split: str = "train", **how: Any
) -> Thermodynamics:
    runs = Reader().read([write_grid(folder / "study", grid, **how)])
    table = results(runs)
    return measure_laws(gather(runs, table, split), runs, table, split)


def relation(found: Thermodynamics, statement: str) -> Relation:
    return next(one for one in found.relations if one.statement == statement)


@pytest.fixture(scope="module")
def lawful(tmp_path_factory: pytest.TempPathFactory) -> Thermodynamics:
    return measured(tmp_path_factory.mktemp("lawful"))


@pytest.mark.parametrize(
    ("statement", "bound"),
    [
        ("ρ dR = −γ dC − δ dD − σ dS/N along γ", 1e-3),
        ("ρ dR = −γ dC − δ dD − σ dS/N along σ", 1e-3),
        ("∂J/∂γ = C", 1e-3),
        ("∂J/∂σ = S/N", 1e-3),
        ("(∂C/∂σ)_γ = (∂(S/N)/∂γ)_σ", 1e-3),
        ("(∂(S/N)/∂C)_σ = −(∂γ/∂σ)_C", 0.02),
        ("(∂C/∂(S/N))_γ = −(∂σ/∂γ)_S/N", 0.02),
        ("(∂σ/∂C)_S/N = (∂γ/∂(S/N))_C", 0.03),
        ("(∂R/∂σ)_γ", 1e-3),
        ("(∂R/∂σ)_C", 0.02),
        ("(∂R/∂γ)_S/N", 0.02),
    ],
)
def test_records_that_obey_the_laws_are_found_to(lawful: Thermodynamics, statement: str, bound: float) -> None:
    one = relation(lawful, statement)
    relative = one.relative[np.isfinite(one.relative)]
    assert len(relative) >= 5
    assert np.median(relative) < bound
    assert one.sure.sum() >= 5 and np.nanmax(one.relative[one.sure]) < 0.05


def test_the_susceptibility_is_that_of_the_model(tmp_path: Path) -> None:
    """At σ and δ that do nothing, J = a ln(1 + b γ): R = J − γ C, ∂R/∂γ = a b² γ/(1 + b γ)² of the only term."""

    def one_term(measures: dict[str, float], multipliers: Mapping[str, float], seed: int) -> None:
        g = multipliers["gamma"]
        measures.update({"C": 2 / (1 + g), "D": 1.0, "S/N": 1.0, "R": 2 * np.log(1 + g) - 2 * g / (1 + g)})

    one = relation(measured(tmp_path, LINE, disturb=one_term), "(∂R/∂γ)")
    gamma = one.grid.at["gamma"]
    assert one.value[1:-1] == pytest.approx((2 * gamma / (1 + gamma) ** 2)[1:-1], rel=1e-3)


def test_exact_records_violate_no_convexity(lawful: Thermodynamics) -> None:
    names = {one.statement for one in lawful.of("convexity")}
    assert names >= {"R(C, D, S/N) is convex", "J is concave in γ", "J is least by a point's own weights"}
    assert max(np.nanmax(one.difference) for one in lawful.of("convexity")) < 1e-12


def test_the_free_rate_is_of_each_point(lawful: Thermodynamics) -> None:
    free = relation(lawful, "R − σ S/N")
    values = free.grid.values
    assert free.value == pytest.approx(values["R"][0] - free.grid.at["sigma"] * values["S/N"][0])
    assert np.isnan(free.prediction).all()


def test_a_classification_error_that_is_too_large_breaks_the_laws_that_it_is_in(tmp_path: Path) -> None:
    def wrong(measures: dict[str, float], multipliers: Mapping[str, float], seed: int) -> None:
        measures["C"] *= 1.1

    found = measured(tmp_path, disturb=wrong)
    assert np.nanmedian(relation(found, "∂J/∂γ = C").relative) == pytest.approx(0.1 / 1.1, rel=0.02)
    assert np.nanmedian(relation(found, "∂J/∂σ = S/N").relative) < 1e-3
    assert np.nanmedian(relation(found, "ρ dR = −γ dC − δ dD − σ dS/N along γ").relative) > 0.05
    assert np.nanmedian(relation(found, "(∂C/∂σ)_γ = (∂(S/N)/∂γ)_σ").relative) == pytest.approx(0.1 / 1.1, rel=0.02)


def test_a_point_above_the_frontier_violates_convexity_there(tmp_path: Path) -> None:
    worse = [GRID["gamma"][3], GRID["sigma"][2]]

    def wrong(measures: dict[str, float], multipliers: Mapping[str, float], seed: int) -> None:
        if [multipliers["gamma"], multipliers["sigma"]] == worse:
            measures["R"] += 0.5
            measures["J"] += 0.5

    found = measured(tmp_path, disturb=wrong)
    for statement in ("R(C, D, S/N) is convex", "J is least by a point's own weights"):
        difference = relation(found, statement).difference
        assert difference[3, 2] == pytest.approx(0.5, rel=0.05)
        assert np.delete(difference.reshape(-1), 3 * 7 + 2).max() < 1e-12
    concave = relation(found, "J is concave in γ").difference
    assert {(2, 2), (4, 2)} == set(zip(*np.nonzero(np.nan_to_num(concave) > 1e-3)))


def test_errors_come_from_seeds_and_what_these_share_is_none(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)

    def apart(measures: dict[str, float], multipliers: Mapping[str, float], seed: int) -> None:
        measures["J"] += 0.01 * rng.standard_normal()

    def together(measures: dict[str, float], multipliers: Mapping[str, float], seed: int) -> None:
        measures["J"] += 0.5 * seed

    noisy = relation(measured(tmp_path / "a", LINE, seeds=4, disturb=apart), "∂J/∂γ = C")
    shared = relation(measured(tmp_path / "b", LINE, seeds=4, disturb=together), "∂J/∂γ = C")
    inside = noisy.shown
    assert (np.abs(noisy.difference) < 4 * noisy.error)[inside].all() and noisy.seed_error[inside].min() > 1e-3
    assert shared.seed_error[inside].max() < 1e-12


def test_what_is_a_function_of_the_other_is_said_to_be(tmp_path: Path) -> None:
    """As on tables, D = H − R: J = δ H + (1 − δ) g(γ/(1 − δ)), so that τ = γ/(1 − δ) alone decides."""

    def table(measures: dict[str, float], multipliers: Mapping[str, float], seed: int) -> None:
        left = 1 - multipliers["delta"]
        beta = multipliers["gamma"] / left
        C, R = 1 / (1 + beta), np.log(1 + beta) - beta / (1 + beta)
        measures.update({"C": C, "R": R, "D": 3 - R, "J": 3 * multipliers["delta"] + left * np.log(1 + beta)})

    minimise = {"R": "rho", "C": "gamma", "D": "delta", "S/N": "sigma"}
    grid = {"gamma": LINE["gamma"], "delta": (0.1 * STEPS).tolist()}
    found = measured(tmp_path, grid, disturb=table, minimise=minimise, fixed={**FIXED, "sigma": 0.0})
    statements = {one.statement for one in found.relations}
    assert "(∂δ/∂C)_D = (∂γ/∂D)_C" not in statements and "(∂R/∂γ)_D" not in statements
    remarks = " ".join(found.remarks)
    assert "C and D are functions of each other" in remarks and "(∂R/∂γ)_D is 0" in remarks
    mixed = relation(found, "(∂D/∂C)_δ = −(∂γ/∂δ)_C")
    truth = mixed.grid.at["gamma"] / (1 - mixed.grid.at["delta"])
    for side in (mixed.value, mixed.prediction):
        assert np.nanmax(np.abs(side / truth - 1)) < 0.02


def test_a_transition_is_a_peak_and_not_sure(tmp_path: Path) -> None:
    """Above γ = 3 a second term comes in, and C has a kink."""

    def transition(measures: dict[str, float], multipliers: Mapping[str, float], seed: int) -> None:
        more = max(multipliers["gamma"] - 3, 0)
        measures["C"] -= 0.2 * more
        measures["R"] += 0.1 * (multipliers["gamma"] ** 2 - 9) * (more > 0)
        measures["J"] -= 0.1 * more**2

    grid = {"gamma": (1.1 ** np.arange(-6, 7) * 3.05).tolist()}
    found = measured(tmp_path, grid, disturb=transition)
    one = relation(found, "∂J/∂γ = C")
    assert np.nanmax(one.relative) < 0.02
    answers = relation(found, "(∂R/∂γ)")
    assert not answers.sure[5:7].any() and answers.sure[2:4].all() and answers.sure[9:11].all()


def test_what_the_study_lacks_is_said(tmp_path: Path) -> None:
    def without(measures: dict[str, float], multipliers: Mapping[str, float], seed: int) -> None:
        del measures["J"], measures["S/N"]

    found = measured(tmp_path, LINE, disturb=without, fixed={**FIXED, "sigma": 0.0})
    remarks = "\n".join(found.remarks)
    for words in (
        "no derivatives by ρ, δ",
        "no Maxwell",
        "no σ, or it is 0",
        "no J recorded",
        "one seed",
        "no run wrote",
    ):
        assert words in remarks
    assert np.nanmedian(relation(found, "∂J/∂γ = C").relative) < 1e-3


def test_scattered_points_have_no_derivatives_but_a_hull(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    folder = tmp_path / "study"
    for i, (gamma, sigma) in enumerate(rng.uniform(1, 3, (6, 2))):
        write_grid(folder / f"part{i}", {"gamma": [float(gamma)], "sigma": [float(sigma)]})
    runs = Reader().read([folder])
    runs = [type(run)(**{**run.__dict__, "study": "s", "config": {**run.config, "name": "s"}}) for run in runs]
    table = results(runs)
    found = measure_laws(gather(runs, table, "train"), runs, table, "train")
    assert {one.law for one in found.relations} == {"convexity", "free rate"}
    assert any("form no grid" in remark for remark in found.remarks)


def test_a_missing_run_costs_its_neighbourhood_alone(tmp_path: Path) -> None:
    folder = write_grid(tmp_path / "study", GRID)
    (folder / "run0024" / "result.json").unlink()
    runs = Reader().read([folder])
    table = results(runs)
    found = measure_laws(gather(runs, table, "train"), runs, table, "train")
    law = relation(found, "∂J/∂γ = C")
    assert law.shown.sum() == 5 * 7 - 3 and np.nanmax(law.relative) < 1e-3


def test_nothing_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no law can be measured"):
        measured(tmp_path, LINE, minimise={"R": "later_kind"})


def test_lines_of_the_runs_own_stand_beside(tmp_path: Path) -> None:
    laws = [
        {"quantity": "σ", "predicted": 0.1, "measured": 0.11, "stderr": 0.02},
        {"law": "second law", "measured": None},
    ]
    found = measured(tmp_path, LINE, laws=laws)
    assert found.recorded[["law", "measured", "error"]].to_numpy().tolist() == [["σ", 0.11, 0.02]]
    assert "σ" in found.everything["law"].tolist()
