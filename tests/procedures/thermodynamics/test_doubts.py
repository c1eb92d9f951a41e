"""Chains whose averages are not to be trusted say so: on the screen, in the records, and in the report."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ib_cli.experiment.experiment import Experiment
from ib_cli.procedures.thermodynamics import doubts
from ib_cli.procedures.thermodynamics.langevin import Langevin
from ib_cli.procedures.thermodynamics.second_law import SecondLaw
from ib_cli.procedures.thermodynamics.zeroth_law import ZerothLaw
from ib_cli.sampling.averages import Average
from tests.conftest import Ended
from tests.families import family
from tests.procedures.thermodynamics import test_langevin, test_second_law, test_zeroth_law

LINE = ("architecture.widths=[]", "dataset.path=line.npz", "classifier=gaussian")  # all 4 parameters are determined
SHARP = test_langevin.KEYS | {"temperature": 0.02, "prior": 0.7, "burn_in": 9, "steps": 10}
ROUGH = SHARP | {"corrected": False}

# Keys and overrides → a word of the doubt.
DOUBTFUL: dict[str, tuple[dict[str, Any], tuple[str, ...], str]] = {
    "large step": (ROUGH | {"step_size": 1e-3}, (), "not at σ = 0.02"),
    "minibatches": (ROUGH | {"step_size": 3e-5, "steps": 40}, ("batch_size=10",), "a larger batch_size"),
    "refused": (SHARP | {"step_size": 10.0, "adapt": False}, (), "hardly move ("),
    "no burn-in": (SHARP | {"burn_in": 0, "step_size": 1e-6, "adapt": False}, (), "not all seen the same (R̂ ="),
    "one chain": (SHARP | {"chains": 1}, (), "R̂ is no number"),
    "three chains": (SHARP | {"chains": 3}, (), "no standard error of J"),
    "one epoch": (SHARP | {"burn_in": 15}, (), "1 epoch after burn-in: too few"),
    "few records": (SHARP | {"chains": 6}, (), "independent records"),
    "apart": (SHARP | {"ladder": [1e-7]}, (), "replicas hardly change places"),
    "annealing": (SHARP | {"anneal": 2}, (), "annealed chains, and is probably too high"),
}


@pytest.mark.parametrize("case", family(list(DOUBTFUL), quick=["one chain", "refused"]))
def test_doubtful_chains_are_told(small: Callable[..., Experiment], case: str) -> None:
    keys, overrides, word = DOUBTFUL[case]
    made = small("epochs=16", *LINE, *overrides)
    finished = Langevin(**keys).run(made, None)
    assert any(word in doubt for doubt in finished.doubts), finished.doubts
    assert all("\n" not in doubt for doubt in finished.doubts)


@pytest.mark.slow
def test_sound_chains_raise_no_doubt(small: Callable[..., Experiment]) -> None:
    for seed in range(2):
        made = small("epochs=40", f"seed={seed}", *LINE, folder=str(seed))
        finished = Langevin(**SHARP | {"burn_in": 15}).run(made, None)
        assert finished.doubts == []
        assert finished.measures["train"]["effective"] > 200


def test_doubts_are_on_the_screen_in_the_records_and_in_the_report(
    ib_train: Callable[..., Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ib_cli.report.laws.recorded_laws import recorded_laws, summary_lines
    from ib_cli.report.panels.contents import contents
    from ib_cli.report.read.runs import Reader

    toy = (*test_langevin.TOY, "figures=false", "device=cpu", "procedure.corrected=true", "procedure.chains=2")
    ended = ib_train(*toy, "sigma=5", "epochs=2", "procedure.burn_in=1", "procedure.steps=3", "procedure.anneal=3")
    (file,) = tmp_path.glob("outputs/runs/*/result.json")
    result = json.loads(file.read_text())
    assert ended.code == 0 and len(result["doubts"]) >= 3
    assert ended.err.splitlines() == [f"ib-train: {doubt}" for doubt in result["doubts"]]
    assert result["train"]["J"] is not None and result["train"]["spread"] is None  # what can be given is given
    runs = Reader().read([tmp_path / "outputs"])
    assert runs[0].doubts == tuple(result["doubts"])
    table = recorded_laws(runs)
    assert "too few" in table["doubt"].iloc[0] and "not to be trusted" in summary_lines(table)[0]
    made = contents(runs, thermodynamics=True)
    assert made.thermodynamics is not None
    assert any("1 of 1 runs say" in remark for remark in made.thermodynamics.remarks)
    assert made.results["doubts"].iloc[0].startswith(result["doubts"][0])


def test_the_zeroth_law_doubts_every_stage(small: Callable[..., Experiment]) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(50, 8)).astype("float32")
    np.savez("eight.npz", x=x, y=(x.sum(1) / 3 + 0.5 * rng.normal(size=50)).astype("float32"))
    made = small("epochs=12", "architecture.widths=[]", "dataset.path=eight.npz", "classifier=gaussian")
    keys = test_zeroth_law.KEYS | {"burn_in": 0, "steps": 4, "step_size": 10.0}
    finished = ZerothLaw(**keys).run(made, None)
    for stage in ("of A apart", "of B apart", "coupled", "of A apart again", "of B apart again"):
        assert any(stage in doubt and "R̂" in doubt for doubt in finished.doubts), (stage, finished.doubts)
    assert any("hardly move" in doubt for doubt in finished.doubts)
    lines = [json.loads(line) for line in (made.records.folder / "thermodynamics.jsonl").read_text().splitlines()]
    assert all(line["doubt"] for line in lines)
    assert "of B" not in lines[0]["doubt"] and "apart again" in lines[-1]["doubt"]


def test_a_law_that_stands_still_does_not_hold(small: Callable[..., Experiment]) -> None:
    made = small("epochs=3", "architecture.widths=[2]")
    keys = test_second_law.KEYS | {"temperature": 0.01, "step_size": 0.5, "chains": 64, "prior": 2.0}
    finished = SecondLaw(**keys).run(made, None)
    assert any("hardly move" in doubt for doubt in finished.doubts)
    lines = [json.loads(line) for line in (made.records.folder / "thermodynamics.jsonl").read_text().splitlines()]
    never = next(line for line in lines if "never rises" in line["law"])
    assert never["measured"] == 0 and "hardly move" in never["doubt"]
    assert all("hardly move" in line["doubt"] for line in lines if "KL" in line["law"])
    assert finished.measures["train"]["acceptance"] < 0.1


def test_chains_that_do_not_move_are_said_not_to() -> None:
    frozen = Average(1.0, 0.1, math.inf, 100.0)
    (said,) = doubts.of_mixing({"J": frozen}, 20, 8)
    assert "do not move" in said and "burn_in" not in said
    lost = Average(math.nan, math.nan, math.nan, math.nan)
    assert doubts.of_errors({"J": lost}) == ["J came out as no number: try another procedure.step_size"]
