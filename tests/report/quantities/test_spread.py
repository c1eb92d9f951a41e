"""Bars of few runs are their range, and their words say so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ib_cli.report.quantities.spread import bar_words, ends, error_words
from tests.report.reporting import contents_of, plots_of
from tests.report.synthetic import write_study


def test_few_values_have_their_range_and_many_their_quartiles() -> None:
    assert ends(np.array([3.0])) == (3.0, 3.0)
    assert ends(np.array([4.0, 1.0])) == (1.0, 4.0)
    assert ends(np.arange(4.0)) == (0.0, 3.0)
    assert ends(np.arange(5.0)) == (1.0, 3.0)


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ([1, 1], ""),
        ([2, 2, 1], "n = 2: median, bar = range"),
        ([3, 4], "n = 3–4: median, bar = range"),
        ([5, 9], "n = 5–9: median, bar = quartiles"),
        ([2, 6], "n = 2–6: median, bar = range up to n = 4, else quartiles"),
    ],
)
def test_the_words_tell_the_number_of_runs_and_what_the_bar_is(counts: list[int], words: str) -> None:
    assert bar_words(counts) == words
    assert error_words(counts) == (words.partition(":")[0] + ": mean, bar = standard error" if words else "")


@pytest.mark.parametrize("seeds", [1, 2, 6])
def test_bars_of_a_study_are_those_of_its_runs(tmp_path: Path, seeds: int) -> None:
    report = contents_of(write_study(tmp_path / "study", seeds=seeds, noise=0.1))
    low, high = report.bar_ends(report.points.table, "R")
    for point, row in report.points.table.iterrows():
        values = report.results.loc[report.points.of_run == point, "test/R"].to_numpy(dtype=float)
        assert (low[point], high[point]) == pytest.approx(ends(values))
        assert low[point] <= row["R"] <= high[point]


def test_single_runs_stand_beside_their_median_on_the_page(tmp_path: Path) -> None:
    report = contents_of(write_study(tmp_path / "study", seeds=2, noise=0.1))
    plot = plots_of(report)["measure-R"]
    medians, runs = plot["traces"]
    assert "n = 2: median, bar = range" in plot["note"]
    assert min(runs["x"]) > medians["x"][0] and len(runs["x"]) == 2 * len(medians["x"])
    assert all(up > 0 for up in medians["error_y"]["array"])
