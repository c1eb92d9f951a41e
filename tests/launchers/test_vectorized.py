"""hydra/launcher=vectorized: groups that fit the limit of open files, and folders that cannot be written."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ib_cli.system import open_files
from tests.conftest import SMALL

TOGETHER = ("-m", *SMALL, "epochs=1", "hydra/launcher=vectorized")
# Folders that stand where a run writes a file.
BAD = ("run.log", "metrics.jsonl", "estimates.jsonl", "checkpoint.pt", ".checkpoint.pt.part", ".lock",
       ".config.yaml.part", "result.json")  # fmt: skip


# The smallest runs: TherML's toy model for an epoch.
TINY = ("-m", "dataset=therml_toy", "epochs=1", "estimators=none", "figures=false", "device=cpu",
        "hydra/launcher=vectorized")  # fmt: skip


@pytest.fixture
def few_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A limit under which this process may open 12 files more, besides some that it opens for a moment."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    monkeypatch.setattr(open_files, "SPARE", 10)
    soft = len(list(open_files.OPEN.iterdir())) + open_files.SPARE + 12
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    monkeypatch.setattr(open_files.resource, "getrlimit", lambda which: (soft, soft))  # as `ulimit -n` sets both
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_study_is_split_where_its_files_are_too_many(ib_train: Callable, few_files: None) -> None:
    ended = ib_train(*TINY, "seed=range(4)")
    assert ended.code == 0 and "4 done in" in ended.out, ended.out[-500:] + ended.err


@pytest.mark.slow
def test_1200_runs_under_256_files(tmp_path: Path) -> None:
    words = ["ib-train", *TINY, "seed=range(1200)"]
    code = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
from ib_cli.main import main
sys.argv = {words!r}
main()
"""
    ended = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0 and "1200 done in" in ended.stdout, ended.stdout[-500:] + ended.stderr[-500:]


def test_the_soft_limit_is_raised_where_that_is_enough() -> None:
    code = """
import resource
from ib_cli.system.open_files import room
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 300))
assert room(10) == 10 and resource.getrlimit(resource.RLIMIT_NOFILE) == (100, 300)
assert room(150) == 150 and 150 < resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 300
assert 200 < room(1000) < 300
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_one_bad_folder_of_a_group_stops_no_other(ib_train: Callable) -> None:
    count = len(BAD) + 2
    study = [*TOGETHER, f"seed=range({count})"]
    assert ib_train(*study).code == 0
    folders = sorted(Path("outputs/runs").glob("*/result.json"), key=lambda file: json.loads(file.read_text())["seed"])
    for folder, name in zip([file.parent for file in folders], [*BAD, "", None]):
        for file in sorted(folder.rglob("*"), reverse=True):
            file.rmdir() if file.is_dir() else file.unlink()
        if name:
            (folder / name).mkdir()
        elif name == "":
            folder.rmdir()
            folder.write_text("a file where the run's folder should be")
    ended = ib_train(*study)
    assert ended.code == 1 and "1 done" in ended.out, ended.out + ended.err
    assert "Traceback" not in ended.err
    told = ended.out + ended.err
    for seed, name in enumerate(BAD):
        (line,) = [line for line in told.splitlines() if f"seed={seed}:" in line]
        assert name.removeprefix(".").removesuffix(".part") in line, line
