"""The lines on studies at the top of a page, and the order of the table of runs."""

from __future__ import annotations

from pathlib import Path

from ib_cli.report.page.page import _runs_table
from ib_cli.report.page.study_lines import study_lines
from tests.report.reporting import contents_of
from tests.report.synthetic import write_study


def test_a_study_is_one_line(tmp_path: Path) -> None:
    few = write_study(tmp_path / "few", multipliers=[0.1, 0.01], seeds=2)
    many = write_study(tmp_path / "many", "beta_vae", multipliers=[float(i) for i in range(1, 12)], seeds=1)
    lines = study_lines(contents_of(few, many).runs)
    assert [line["study"] for line in lines] == ["few", "many"]
    assert "γ = 0.01, 0.1; seeds 0, 1; 4 runs" in lines[0]["text"] and "γ R" in lines[0]["text"]
    assert "β = 1 … 11 (11 values); seed 0; 11 runs" in lines[1]["text"]


def test_rows_are_in_the_order_of_what_differs_and_written_as_one_writes_it(tmp_path: Path) -> None:
    made = contents_of(write_study(tmp_path / "s", multipliers=[10.0, 0.3, 0.02], seeds=2))
    table = _runs_table(made, made.results)
    at = {name: i for i, name in enumerate(table["columns"])}
    shown = [(row["cells"][at["γ"]]["text"], row["cells"][at["seed"]]["text"]) for row in table["rows"]]
    assert shown == [(gamma, seed) for gamma in ("0.02", "0.3", "10") for seed in ("0", "1")]
    for row in table["rows"]:
        assert made.runs[row["run"]].id == row["cells"][at["id"]]["text"]
