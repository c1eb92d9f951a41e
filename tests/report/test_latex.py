"""The LaTeX table of a report's points."""

from __future__ import annotations

import re
from pathlib import Path

from ib_cli.report.latex import escaped, latex
from tests.report.reporting import contents_of
from tests.report.synthetic import write_run, write_study


def rows_of(text: str) -> list[list[str]]:
    body = text.split(r"\midrule")[1].split(r"\bottomrule")[0].strip()
    return [line.removesuffix(r" \\").split(" & ") for line in body.splitlines()]


def test_a_row_per_point_with_medians_and_quartiles(study: Path) -> None:
    made = contents_of(study)
    text = latex(made)
    rows, points = rows_of(text), made.points.table.sort_values("gamma")
    assert [row[0] for row in rows] == ["$0.001$", "$0.01$", "$0.03$", "$0.1$", "$0.3$"]
    assert {row[1] for row in rows} == {"3"}
    head = text.split(r"\toprule")[1].split(r"\\")[0].split(" & ")
    at = next(i for i, name in enumerate(head) if name.strip() == "$R$ (nats)")
    for row, expected in zip(rows, points["R"]):
        assert (
            float(re.match(r"\$?(-?[\d.]+)", row[at])[1]) == round(expected, 3)
            or abs(float(re.match(r"\$?(-?[\d.]+)", row[at])[1]) / expected - 1) < 1e-3
        )
    assert len({len(row) for row in (*rows, head)}) == 1 and text.count("{") == text.count("}")


def test_names_of_curves_are_escaped_and_small_multipliers_have_powers(tmp_path: Path) -> None:
    write_run(tmp_path / "s" / "a", "vib", 1e-7, 0, 2, name="s")
    write_study(tmp_path / "s", "beta_vae", multipliers=[2.0], seeds=1)
    text = latex(contents_of(tmp_path / "s"))
    assert r"$1 \cdot 10^{-7}$" in text and "--" in text
    assert escaped("β_vae & 5 % of {x}^2") == r"$\beta$\_vae \& 5 \% of \{x\}\textasciicircum{}2"
