"""Residuals of the laws along paths, and their standard errors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.path_laws import LAWS, far_out, hessian_errors, residuals
from ib_cli.report.panels.paths import ShownPath, together, transfers, walks
from ib_cli.report.read.paths import RecordedPath
from tests.report.path_records import slopes, write_path, write_transfer
from tests.report.reporting import contents_of, plots_of

MAXWELL, BALANCE, HESSIAN = LAWS


def all_paths(report: Contents) -> list[ShownPath]:
    return together(walks(report), transfers(report))


def test_residuals_of_a_path_and_their_errors(tmp_path: Path) -> None:
    write_path(tmp_path / "s" / "run", steps=30, stderr=0.02)
    report = contents_of(tmp_path)
    (maxwell,) = residuals(report, all_paths(report), MAXWELL)
    assert len(maxwell.steps) == 31 and maxwell.errors == pytest.approx(np.full(31, 0.02 * 2**0.5))
    assert 0.6 < np.std(maxwell.values / maxwell.errors) < 1.5
    (balance,) = residuals(report, all_paths(report), BALANCE)
    assert balance.steps[0] == 1 and np.isnan(balance.errors).all()
    assert np.abs(balance.values).max() < 0.02
    (hessian,) = residuals(report, all_paths(report), HESSIAN)
    assert np.isfinite(hessian.errors).all() and (hessian.values < 0.1).all()


def test_laws_are_in_the_units_of_the_report(tmp_path: Path) -> None:
    write_path(tmp_path / "s" / "run")
    nats, bits = contents_of(tmp_path), contents_of(tmp_path, units="bits")
    for law, k in ((MAXWELL, np.log(2)), (BALANCE, 1), (HESSIAN, np.log(2))):
        (a,), (b,) = (residuals(report, all_paths(report), law) for report in (nats, bits))
        assert a.values == pytest.approx(b.values * k) and a.errors == pytest.approx(b.errors * k, nan_ok=True)
    titles = {name: plot["layout"]["yaxis"]["title"]["text"] for name, plot in plots_of(bits).items()}
    assert titles["path-law-maxwell"].endswith("(bits)") and titles["path-law-rate_balance"].endswith("|ΔR|")


def test_the_balance_of_rate_is_no_law_of_a_transfer(tmp_path: Path) -> None:
    report = contents_of(write_transfer(tmp_path / "study"))
    (found,) = residuals(report, all_paths(report), MAXWELL)  # direct training is on no surface
    assert found.path.name == "geodesic transfer"
    assert residuals(report, [found.path], BALANCE) == []


def test_the_error_of_an_eigenvalue_is_its_spread() -> None:
    rng, of = np.random.default_rng(0), slopes((0.5, 8.0))
    errors = {"dD/dlambda": 0.4, "dD/dgamma": 0.003, "dC/dlambda": 0.004, "dC/dgamma": 0.001}
    draws = {name: value + errors[name] * rng.normal(size=20_000) for name, value in of.items()}
    mixed = (draws["dD/dgamma"] + draws["dC/dlambda"]) / 2
    matrices = np.moveaxis(np.array([[draws["dD/dlambda"], mixed], [mixed, draws["dC/dgamma"]]]), 2, 0)
    spread = np.linalg.eigvalsh(matrices)[:, 1].std()
    columns = {name: np.array([value]) for name, value in of.items()}
    columns |= {f"{name}_stderr": np.array([value]) for name, value in errors.items()}
    (found,) = hessian_errors(RecordedPath(np.zeros(1), np.zeros(1), columns))
    assert found == pytest.approx(spread, rel=0.05)


def test_a_step_that_hardly_changes_the_rate_is_far_out(tmp_path: Path) -> None:
    write_path(tmp_path / "s" / "run", steps=3)
    report = contents_of(tmp_path)
    assert not far_out(BALANCE, residuals(report, walks(report), BALANCE))
    file = tmp_path / "s" / "run" / "metrics.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    lines[-2]["rate_balance"] = -60.0
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    report = contents_of(tmp_path)
    assert far_out(BALANCE, residuals(report, walks(report), BALANCE))
    plot = plots_of(report)["path-law-rate_balance"]
    assert plot["layout"]["yaxis"]["range"] == [-1.1, 1.1] and "beyond ±1" in plot["note"]
    assert min(plot["traces"][1]["y"]) == -60.0
