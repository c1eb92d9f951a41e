"""Names and texts of records act on no terminal, no spreadsheet and no page."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from ib_cli.contracts.errors import ConfigError
from ib_cli.report.latex import escaped
from ib_cli.report.main import main as report
from ib_cli.report.page.page import _json
from ib_cli.report.read.tables import _of_one_type, write_csv
from ib_cli.run.log_file import LOGGER, log_file
from ib_cli.study.job_outcomes import Outcome
from ib_cli.study.study_log import StudyLog
from ib_cli.study.study_screen import StudyScreen
from ib_cli.system.command_line import exit_codes
from ib_cli.system.plain_tables import plain_cells
from ib_cli.system.plain_text import cell, printable
from ib_cli.system.secrets import told_line
from ib_cli.watch.screen import show_finished
from tests.conftest import SMALL

ACTING = "\x1b[2J\x1b]0;title\x07\u202eevil\r\n\t\x00\x9b"
MARKUP = "[red]x[/red]<script>alert(1)</script>"
FORMULAS = ('=HYPERLINK("http://a")', "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1")


def acts(text: str) -> list[str]:
    return [letter for letter in text if letter != "\n" and not letter.isprintable()]


def test_a_text_is_one_line_of_letters() -> None:
    assert printable(ACTING) == "\\x1b[2J\\x1b]0;title\\x07\\u202eevil\\x0d\\x0a\\x09\\x00\\x9b"
    assert printable("γ = −0.5, H[Ẑ] é") == "γ = −0.5, H[Ẑ] é"
    assert printable("\udce9\U000e0001") == "\\udce9\\U000e0001"


@pytest.mark.parametrize("text", FORMULAS)
def test_a_spreadsheet_calculates_no_text(text: str, tmp_path: Path) -> None:
    assert not cell(text).startswith(("=", "+", "-", "@", "\t", " ", "＝"))
    columns = {"name": [text, "plain"], text: [-0.5, 1.5], "n": pd.array([-1, None], dtype="Int64")}
    write_csv(pd.DataFrame(columns), tmp_path / "a.csv")
    rows = list(csv.reader(StringIO((tmp_path / "a.csv").read_text())))
    assert rows == [["name", cell(text), "n"], [cell(text), "-0.5", "-1"], ["plain", "1.5", ""]]


def test_numbers_stay_numbers_also_among_texts() -> None:
    table = pd.DataFrame({"a": _of_one_type([-1, "auto", "-1", None, -0.5, True])})
    assert plain_cells(table)["a"].fillna("").tolist() == ["-1", "auto", "'-1", "", "-0.5", "True"]
    assert table["a"].tolist()[2] == "-1"  # the table itself, and a .parquet file, are as they were


def test_a_report_of_what_a_stranger_wrote(ib_train: Callable, capsys: pytest.CaptureFixture) -> None:
    for seed in (0, 1):
        assert ib_train(*SMALL, "epochs=1", f"seed={seed}").code == 0
    study = Path("outputs/runs").rename(f"outputs/{MARKUP.replace('/', '_')}\x1b[2J")
    for number, folder in enumerate(sorted(study.iterdir())):
        config = folder / "config.yaml"
        text = config.read_text().partition("\n")[2]  # without its digest, as another program would write it
        shown = json.dumps(f"{'=1+' if number else ''}{MARKUP}{ACTING}")
        config.write_text(re.sub(r"(?m)^name: .*$", "", text).replace("_target_: adam", f"_target_: {shown}"))
        (folder / "SHA256SUMS").unlink()
        result = json.loads((folder / "result.json").read_text())
        del result["run"]
        result |= {"doubts": [ACTING + MARKUP]}
        result["test"] |= {f"=Q{MARKUP}": -0.5}
        (folder / "result.json").write_text(json.dumps(result))
    capsys.readouterr()
    report(["outputs", "--latex", "--metric", "J"])
    told = "".join(capsys.readouterr())
    assert "2 done" in told and not acts(told)
    page = Path("outputs/report.html").read_text()
    for match in re.finditer(r"<script>alert|\x1b|\u202e", page):
        raise AssertionError(ascii(page[match.start() - 200 : match.end() + 50]))
    data = page.split('id="data">')[1].split("</script>")[0]
    assert "<" not in data and json.loads(data)
    for name in ("results.csv", "frontier.csv"):
        text = Path("outputs", name).read_text()
        cells = [each for row in csv.reader(StringIO(text)) for each in row]
        assert not acts(text) and not [each for each in cells if each.startswith(("=", "@", "+"))]
    results = pd.read_csv("outputs/results.csv")
    assert results[f"'test/=Q{MARKUP}" if f"'test/=Q{MARKUP}" in results else f"test/=Q{MARKUP}"].tolist() == [-0.5] * 2
    assert "\x1b" not in Path("outputs/points.tex").read_text()


def test_a_result_on_the_screen(tmp_path: Path) -> None:
    shown = Console(file=StringIO(), force_terminal=False, width=200)
    estimate = {"value": 1.0, "lower": None, "upper": None, "saturated": True, "reason": ACTING}
    result = {
        "status": "done",
        "lagrangian": ACTING + MARKUP,
        "test": {MARKUP + ACTING: -0.5, "J": 1.0},
        "seconds": 1.0,
        "estimates": {MARKUP + ACTING: {ACTING + MARKUP: estimate}},
        "origin": {"version": ACTING + MARKUP, "host": ACTING},
    }
    show_finished(result, tmp_path, shown)
    text = shown.file.getvalue()
    assert not acts(text) and "[red]x[/red]" in text and "-0.5000" in text


def test_a_study_on_the_screen_and_in_its_log(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    shown = Console(file=StringIO(), force_terminal=False, width=200)
    screen = StudyScreen(MARKUP, StudyLog(tmp_path / "study.log", "3fa2"), console=shown)
    jobs = [
        Outcome(status, (f"a.{ACTING}b={ACTING}{n}", "seed=1"), f"{MARKUP}{ACTING}", {"J": -1.0}, error=ACTING + MARKUP)
        for n, status in enumerate(("done", "failed", "wrong"))
    ]
    screen.update(jobs)
    screen.table(jobs)
    told = shown.file.getvalue() + "".join(capsys.readouterr())
    assert not acts(told) and "[red]x[/red]" in told
    log = (tmp_path / "study.log").read_text()
    assert not acts(log) and len(re.findall(r"(?m)^\d{4}-", log)) == len(log.splitlines()) == 4


def test_a_log_has_a_line_for_a_message(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with log_file(tmp_path):
        LOGGER.warning("%s", "first" + ACTING)
        try:
            raise ValueError(ACTING)
        except ValueError:
            LOGGER.exception("the run failed")
    text = (tmp_path / "run.log").read_text()
    assert not acts(text) and not acts(capsys.readouterr().err)
    assert text.splitlines()[0].endswith("\\x9b") and "Traceback (most recent call last):\n" in text


def test_errors_of_the_commands_beside(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit), exit_codes("ib-report"):
        raise ConfigError(f"{ACTING}: no such folder")
    with pytest.raises(SystemExit):
        report([f"{ACTING}"])
    told = capsys.readouterr().err
    assert not acts(told) and told.count("\n") == 2


def test_tables_for_a_paper_and_the_page() -> None:
    assert escaped("a\\input{x}$%\x1b") == r"a\textbackslash{}input\{x\}\$\%\textbackslash{}x1b"
    assert json.loads(_json({"a": "</script><!--"})) == {"a": "</script><!--"} and "<" not in _json("</script>")


def test_a_very_long_word_does_not_fill_the_terminal() -> None:
    told = told_line(f"dataset.path={'x' * 5000}: is not a file")
    assert len(told) < 250 and "letters)" in told and told.endswith(": is not a file")
    command = "ib-train " + " ".join(f"key_{n}={n}" for n in range(500))
    assert told_line(command) == command  # of many words none is cut
