"""No command about finished runs replaces what is kept: records, and the files that are read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import ib_cli
from ib_cli.contracts.errors import ConfigError
from ib_cli.experiment.damage import FILES
from ib_cli.report import main as report
from ib_cli.run import encode, evaluate
from ib_cli.run.loaded_run import Run
from ib_cli.study.kept_files import OF_STUDY, check_output
from tests.conftest import SMALL


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    root = tmp_path_factory.mktemp("kept")
    made = ib_cli.train(ib_cli.build(ib_cli.compose([*SMALL, "estimators=none", f"output={root}"])))
    (root / "link").symlink_to(made.folder)
    (root / "rows.csv").symlink_to(made.folder / "config.yaml")
    return made


@pytest.mark.parametrize(
    ("command", "output", "told"),
    [
        (evaluate.main, "RUN/metrics.jsonl", "is a record of the run in"),
        (evaluate.main, "RUN/estimates.jsonl", "is a record of the run in"),  # which it has not, and would have
        (evaluate.main, "RUN/figures/../metrics.jsonl", "is a record of the run in"),
        (evaluate.main, "ROOT/link/thermodynamics.jsonl", "is a record of the run in"),
        (evaluate.main, "ROOT/rows.csv", "is a record of the run in"),
        (encode.main, "RUN/tables.npz", "is a record of the run in"),
        (encode.main, "RUN/novelty.npz", "is a record of the run in"),
        (encode.main, "ROOT/link/noise_layers.npz", "is a record of the run in"),
        (report.main, "RUN", "is the folder of a run"),
        (report.main, "ROOT/link", "is the folder of a run"),
    ],
)
def test_a_record_is_not_replaced(
    run: Run, capsys: pytest.CaptureFixture, command: Callable[[list[str]], None], output: str, told: str
) -> None:
    root = run.folder.parents[1]
    (run.folder / "figures").mkdir(exist_ok=True)
    before = {file: file.read_bytes() for file in root.rglob("*") if file.is_file()}
    named = output.replace("RUN", str(run.folder)).replace("ROOT", str(root))
    with pytest.raises(SystemExit) as end:
        command([str(run.folder), "--output", named])
    error = capsys.readouterr().err
    assert end.value.code == 2 and told in error and error.count("\n") == 1 and f"--output {named}: " in error
    assert before == {file: file.read_bytes() for file in root.rglob("*") if file.is_file()}


def test_every_record_is_kept_and_other_files_are_not(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    for name in FILES:
        (tmp_path / "run" / name).touch()
    for name in (*OF_STUDY, "config.yaml"):
        (tmp_path / name).touch()
    for file in (*(tmp_path / "run" / name for name in FILES), *(tmp_path / name for name in OF_STUDY)):
        with pytest.raises(ConfigError, match="which would be lost"):
            check_output(file, {})
    check_output(tmp_path / "run" / "z.npz", {})
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "metrics.jsonl").touch()  # a table of a person's own, as of the last command
    check_output(tmp_path / "own" / "metrics.jsonl", {})


def test_what_is_read_is_not_replaced(run: Run, capsys: pytest.CaptureFixture) -> None:
    root = run.folder.parents[1]
    np.savez(root / "in.npz", x=run.data.splits["test"].x[:7].numpy())
    (root / "same.npz").symlink_to(root / "in.npz")
    for output in ("in.npz", "same.npz"):
        with pytest.raises(SystemExit):
            encode.main([str(run.folder), "--data", str(root / "in.npz"), "--output", str(root / output)])
        assert "is the file of --data" in capsys.readouterr().err
    with pytest.raises(ConfigError, match=r"is the file of dataset\.path"):  # as evaluate asks for a table's run
        check_output(root / "table.csv", {"--data": None, "dataset.path": str(root / "." / "table.csv")})
    encode.main([str(run.folder), "--output", str(run.folder / "z.npz")])
    assert (run.folder / "z.npz").exists()
