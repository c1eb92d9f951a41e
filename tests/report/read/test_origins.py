"""The report says when, where and by what its runs were made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import ib_cli
from ib_cli.report.page.page import page
from ib_cli.report.panels.contents import contents
from ib_cli.report.read.origins import COLUMNS, origins
from ib_cli.report.read.runs import Reader
from ib_cli.report.read.tables import results
from tests.conftest import SMALL


def test_tables_and_page_name_the_program_and_the_machine(ib_train) -> None:
    assert ib_train("-m", *SMALL, "seed=0,1").code == 0
    new, other = Reader().read([Path("outputs")])
    old = replace(other, result={key: value for key, value in other.result.items() if key != "origin"})
    table, origin = results([new, old]), new.result["origin"]
    assert table["version"][0] == ib_cli.__version__ and table["version"].isna()[1]
    assert table["host"][0] == origin["host"] and table["end"][0] == origin["end"]
    assert table["start"][0] == origin["start"] and table["command"][0] == origin["command"]
    assert table["torch"][0] == origin["libraries"]["torch"] and table["on"][0] == "cpu"
    assert not set(COLUMNS) & set(results([old]))
    told = dict(origins([new, old]))
    assert told["device"] == "cpu (1)" and told["not said"] == "by 1 of an earlier version"
    assert told["time"] == f"{origin['start']} to {origin['end']}"
    assert origins([old]) == []
    assert '<table id="origins">' in page(contents([new, old]), "t")
    assert '<table id="origins">' not in page(contents([old]), "t")


@pytest.mark.parametrize("origin", [None, 3, [], {"version": 1, "libraries": 2, "commit": {}}])
def test_an_origin_that_cannot_be_right_says_nothing(ib_train, origin) -> None:
    assert ib_train(*SMALL).code == 0
    (run,) = Reader().read([Path("outputs")])
    run = replace(run, result={**run.result, "origin": origin})
    assert origins([run]) == [] and not set(COLUMNS) & set(results([run]))
