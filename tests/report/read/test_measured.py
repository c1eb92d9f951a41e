"""Measures that runs made of other runs stand in the rows of these."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
import yaml

from tests.report.reporting import contents_of
from tests.report.synthetic import write_run, write_study


def write_probe(study: Path, name: str, run: str, error: float, seed: int = 0, **more: Any) -> Path:
    """A measurement of a run of the study, done, beside it; `more`: config keys."""
    procedure = {"_target_": "nuisance_probe", "run": f"outputs/{study.name}/{run}", "digest": name}
    folder = write_run(study / name, seed=seed, **{"name": study.name, "procedure": procedure, **more})
    config = yaml.safe_load((folder / "config.yaml").read_text())
    del config["gamma"]
    config["objective"] = {"name": "ce", "minimise": {"C": 1}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    result = json.loads((folder / "result.json").read_text())
    measures = {split: {"nuisance_error": error} for split in ("train", "test")}
    result |= {"multipliers": {}, "objective": "ce", "lagrangian": "minimise C"}
    result |= {split: {"C": 1.0, "error": error} for split in ("train", "test")}
    result["measured"] = {"run": run, "measures": measures}
    (folder / "result.json").write_text(json.dumps(result))
    return folder


@pytest.fixture
def probed(tmp_path: Path) -> Path:
    """Three values of γ, one seed each, and two probes of two of the runs."""
    study = write_study(tmp_path / "probed", seeds=1)
    for run, errors in {"vib000s0": (0.2, 0.3), "vib002s0": (0.8, 0.84)}.items():
        for seed, error in enumerate(errors):
            write_probe(study, f"{run}_probe{seed}", run, error, seed)
    return study


def test_probes_are_columns_of_the_runs_that_they_probed(probed: Path) -> None:
    report, alone = contents_of(probed), contents_of(probed / "vib001s0")
    table = report.results.set_index("id")
    assert list(table.index) == ["vib000s0", "vib001s0", "vib002s0"]
    assert table.loc["vib000s0", "test/nuisance_error"] == fmean((0.2, 0.3))
    assert table.loc["vib002s0", "train/nuisance_error"] == fmean((0.8, 0.84))
    assert table["test/nuisance_error"].isna()["vib001s0"]
    assert "nuisance_error" in report.metrics and "nuisance_error" in report.swept_metrics
    # No other column, curve or point comes of them.
    assert set(table.columns) - set(alone.results.columns) == {"train/nuisance_error", "test/nuisance_error"}
    assert len(report.points.table) == 3 and report.points.curves == ["VIB"]


def test_an_unusual_probe_has_a_column_of_its_own_and_the_others_keep_their_name(probed: Path) -> None:
    write_probe(probed, "longer", "vib000s0", 0.1, epochs=7)
    write_probe(probed, "other", "vib000s0", 0.15, epochs=7, batch_size=3)
    write_probe(probed, "other_data", "vib001s0", 0.5, dataset={"_target_": "mnist", "seed": 1})  # its run's, of course
    table = contents_of(probed).results.set_index("id")
    assert table.loc["vib000s0", "test/nuisance_error"] == fmean((0.2, 0.3))
    assert table.loc["vib000s0", "test/nuisance_error (epochs=7)"] == 0.1
    assert table.loc["vib000s0", "test/nuisance_error (epochs=7, batch_size=3)"] == 0.15
    assert table.loc["vib001s0", "test/nuisance_error"] == 0.5
    names = [name for name in table.columns if name.startswith("test/nuisance_error")]
    assert len(names) == 3


def test_many_seeds_on_one_run_do_not_make_a_setting_usual(probed: Path) -> None:
    for seed in range(5):
        write_probe(probed, f"longer{seed}", "vib000s0", 0.1, seed, epochs=7)
    table = contents_of(probed).results.set_index("id")
    assert table.loc["vib000s0", "test/nuisance_error (epochs=7)"] == pytest.approx(0.1)
    assert table.loc["vib002s0", "test/nuisance_error"] == fmean((0.8, 0.84))


def test_of_two_settings_with_as_many_runs_both_are_told(probed: Path) -> None:
    for run, error in {"vib000s0": 0.1, "vib002s0": 0.7}.items():
        write_probe(probed, f"{run}_longer", run, error, epochs=7)
    table = contents_of(probed).results.set_index("id")
    assert "test/nuisance_error" not in table
    assert list(table.loc[["vib000s0", "vib002s0"], "test/nuisance_error (epochs=7)"]) == [0.1, 0.7]
    assert table.loc["vib002s0", "test/nuisance_error (epochs=5)"] == fmean((0.8, 0.84))


def test_what_cannot_be_joined_is_told(probed: Path, ib_report: Callable, without_figures: None) -> None:
    write_probe(probed, "orphan", "elsewhere", 0.5)
    write_run(probed / "begun", status="unfinished", name="probed", procedure={"run": "outputs/probed/vib000s0"})
    ended = ib_report(probed)
    assert ended.code == 0, ended.err
    assert "4 runs that measured others: in the rows of those, not in their own" in ended.out
    assert "nothing is shown of 1 run that measured runs which are not done, or not in this report" in ended.out
    assert "unfinished  probed/begun: at epoch 5 of 5" in ended.out
    assert len(contents_of(probed).results) == 3


def test_measurements_alone_are_runs_like_others(probed: Path) -> None:
    table = contents_of(probed / "vib000s0_probe0", probed / "vib000s0_probe1").results
    assert list(table["test/error"]) == [0.2, 0.3]


@pytest.mark.parametrize("found", [{}, {"run": 3}, {"run": "a", "measures": {"test": {"e": "low"}}}, "a", None])
def test_a_measurement_without_proper_measures_is_damaged(probed: Path, found: Any) -> None:
    file = probed / "vib000s0_probe0" / "result.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "measured": found}))
    (damaged,) = (run for run in contents_of(probed).runs if run.status == "damaged")
    assert damaged.problem == "result.json has no proper measured"
