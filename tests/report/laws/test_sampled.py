"""Laws of runs that sample the weights: their J has no σ S/N in it, their F has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ib_cli.report.panels.contents import contents
from ib_cli.report.read.runs import Reader
from tests.conftest import Ended
from tests.report.laws.lawful import write_grid

SIGMAS = [0.2, 0.25, 0.32, 0.4, 0.5]


def test_the_objective_of_sampled_weights_is_f(tmp_path: Path) -> None:
    """Records of a lawful frontier as Langevin dynamics writes them."""

    def as_sampled(measures: dict[str, float], multipliers: dict[str, float], seed: int) -> None:
        measures["F"] = measures["J"]
        measures["J"] -= multipliers["sigma"] * measures["S/N"]

    study = write_grid(tmp_path / "study", {"sigma": SIGMAS}, disturb=as_sampled)
    found = contents(Reader().read([study]), thermodynamics=True).thermodynamics
    assert found is not None
    by_name = {relation.statement: relation for relation in found.relations}
    assert np.nanmax(by_name["∂J/∂σ = S/N"].relative) < 0.01
    assert np.nanmax(by_name["ρ dR = −γ dC − δ dD − σ dS/N along σ"].relative) < 0.02
    assert np.nanmax(by_name["J is concave in σ"].value) == 0


@pytest.mark.slow
def test_a_sweep_of_temperatures_has_laws_to_report(ib_train: Callable[..., Ended], tmp_path: Path) -> None:
    """C + β S/N of a regression with 3 parameters; 64 chains and as many annealed ones at each β."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 2)).astype("float32")
    np.savez("line.npz", x=x, y=(x[:, 0] + 0.5 * rng.normal(size=50)).astype("float32"))
    for beta in (1, 2, 4):
        ended = ib_train(
            "dataset=npz", "dataset.path=line.npz", "objective=weight_ib", f"beta={beta}", "weights=point",
            "architecture.widths=[]", "classifier=gaussian", "bottleneck=deterministic", "batch_size=40",
            "procedure=langevin", "procedure.corrected=true", "procedure.chains=64", "procedure.step_size=0.02",
            "procedure.steps=20", "epochs=14", "procedure.burn_in=6", "procedure.anneal=100", "figures=false",
            "estimators=none", "device=cpu",
        )  # fmt: skip
        assert ended.code == 0, ended.err
    runs = Reader().read([tmp_path / "outputs"])
    for run in runs:
        train = run.result["train"]
        beta = run.multipliers["beta"]
        assert train["F"] == pytest.approx(train["J"] + beta * train["S/N"], rel=1e-9)
        assert train["S/N"] == pytest.approx(train["S"] / 40, rel=1e-9) and train["S/N_stderr"] > 0
    found = contents(runs, thermodynamics=True).thermodynamics
    assert found is not None
    (envelope,) = (each for each in found.relations if each.statement == "∂J/∂β = S/N")
    assert np.nanmax(envelope.relative) < 0.15
