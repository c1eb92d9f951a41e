"""The command: what it writes, what it says, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ib_cli.report.page.page import page
from ib_cli.report.panels.contents import contents
from ib_cli.report.read.runs import Reader
from tests.report.conftest import Ended
from tests.report.synthetic import write_run, write_study

Command = Callable[..., Ended]


def test_writes_everything_into_the_studys_folder(ib_report: Command, study: Path) -> None:
    write_run(study / "broken", status="failed", seed=9)
    end = ib_report(study)
    assert end.code == 0, end.err
    for name in ("results.csv", "results.parquet", "trajectory.parquet", "frontier.csv", "report.html"):
        assert (study / name).stat().st_size > 0
    figures = {file.name for file in (study / "figures").iterdir()}
    names = ("frontier_R_C", "information_plane", "measures", "trajectories", "first_law")
    assert figures == {f"{name}.{kind}" for name in names for kind in ("png", "pdf")}
    assert "15 done, 1 failed" in end.out
    assert "C became nan in epoch 3" in end.out
    text = (study / "report.html").read_text()
    assert "C became nan in epoch 3" in text
    assert "http-equiv" not in text
    assert len(Reader().read([study])) == 16  # what it wrote is no run


@pytest.mark.usefixtures("without_figures")
def test_one_run_only(ib_report: Command, study: Path) -> None:
    folder = study / "vib000s0"
    assert ib_report(folder).code == 0
    assert (folder / "report" / "report.html").exists()


def test_several_studies_with_mixed_objectives(ib_report: Command, study: Path) -> None:
    other = write_study(study.parent / "other", "beta_vae", seeds=1)
    end = ib_report(study, other, "--units", "bits", "--metric", "R,J", "--split", "train")
    assert end.code == 0, end.err
    assert (study.parent / "report" / "figures" / "frontier_R_D.png").exists()


@pytest.mark.usefixtures("without_figures")
def test_only_unfinished_runs_make_a_page_that_lists_them(ib_report: Command, tmp_path: Path) -> None:
    write_run(tmp_path / "study" / "run", status="unfinished", epochs=1)
    end = ib_report(tmp_path / "study")
    assert end.code == 0
    assert "no frontier" in end.out
    assert "at epoch 1 of 1" in (tmp_path / "study" / "report.html").read_text()


def test_names_from_configs_cannot_break_the_page(tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script>"
    write_study(tmp_path / "s", seeds=1, more={"name": evil})
    write_study(tmp_path / "t", seeds=1, more={"name": "x", "key_1": evil})
    assert evil not in page(contents(Reader().read([tmp_path])), evil, [evil])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "DIR"),
        (("nowhere",), "no such folder"),
        (("empty",), "is empty"),
        (("other",), "no run of ib-train"),
        (("study", "empty"), "empty is empty"),
        (("study", "--units", "hartley"), "--units"),
        (("study", "--metric", "Q"), "--metric Q: not measured"),
        (("study", "--split", "validation"), "there are train, test"),
        (("study", "--group-by", "nonsense"), "--group-by nonsense"),
        (("study", "--watch", "0"), "--watch"),
        (("study", "--nonsense"), "--nonsense"),
        (("study", "--output", "other/config.yaml/x"), "cannot write"),
    ],
)
def test_bad_input_is_one_line_and_code_2(
    ib_report: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_study(tmp_path / "study", seeds=1)
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.yaml").write_text("server: {port: 80}")
    end = ib_report(*arguments)
    assert end.code == 2
    assert end.err.startswith("ib-report: ")
    assert end.err.count("\n") == 1
    assert words in end.err


def test_watch_follows_a_study_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    study = write_study(tmp_path / "study", multipliers=[1e-3, 1e-1], seeds=1)
    command = [sys.executable, "-m", "ib_cli.report.main", str(study), "--watch", "0.2", "--metric", "R"]
    written = study / "report.html"
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        _wait(lambda: written.exists(), process)
        assert 'http-equiv="refresh"' in written.read_text()
        write_run(study / "late", multiplier=1e-2, seed=9)
        _wait(lambda: "late" in written.read_text(), process)
        time.sleep(0.5)
        process.send_signal(2)
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130
    assert err == ""
    assert "3 done" in out
    assert 'http-equiv="refresh"' not in written.read_text()


def _wait(happened: Callable[[], bool], process: subprocess.Popen, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.usefixtures("without_figures")
def test_what_a_reader_must_know_is_said(ib_report: Command, study: Path) -> None:
    for file in study.glob("*/result.json"):
        result = json.loads(file.read_text())
        result.pop("test")
        file.write_text(json.dumps(result))
    assert "no run has measures of the test split: those of the train split are shown" in ib_report(study).out


@pytest.mark.usefixtures("without_figures")
def test_what_is_counted_is_named_in_its_number(ib_report: Command, study: Path) -> None:
    folder = study / "vib000s0"
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 6, "sp')
    (folder / "result.json").unlink()
    alone = ib_report(folder).out
    assert "read        1 run (" in alone and "1 line of records could not be read" in alone
    assert "minimise C + γ R; γ = 0.001; seed 0; 1 run<" in (folder / "report" / "report.html").read_text()
    assert "read        15 runs (" in ib_report(study).out


def test_figures_of_an_earlier_report_do_not_stay(
    ib_report: Command, study: Path, only_figures: Callable[..., None]
) -> None:
    only_figures("frontier")
    figures = study / "figures"
    figures.mkdir()
    (figures / "frontier_R_D.png").write_bytes(b"old")
    (figures / "mine.png").write_bytes(b"mine")
    ib_report(study)
    assert not (figures / "frontier_R_D.png").exists() and (figures / "mine.png").exists()


@pytest.mark.parametrize("key", ["gamma", "seed"])
def test_points_are_not_parted_by_what_makes_them(ib_report: Command, study: Path, key: str) -> None:
    ended = ib_report(study, "--group-by", key)
    assert ended.code == 2 and f"--group-by {key}" in ended.err
