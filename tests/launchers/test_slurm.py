"""hydra/launcher=slurm on a real Slurm of one node: equal results, also after preemptions; what is lost is told."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import SMALL
from tests.launchers import slurm
from tests.launchers.test_launchers import LONG, ROOT, records, wait_for_lines

pytestmark = pytest.mark.slow
SLURM = "hydra/launcher=slurm"
OWN = """
from pathlib import Path

from ib_cli.model.architectures.mlp import Mlp

Path({canary!r}).mkdir(exist_ok=True)


class Net(Mlp):
    pass
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of commands that use the Slurm."""
    if lacking := slurm.missing():
        pytest.skip(f"not installed: {lacking}; as root: python tests/launchers/slurm.py install")
    pytest.importorskip("submitit", reason="pip install 'ib-train[slurm]'")
    folder = tmp_path_factory.mktemp("slurm")
    environment = slurm.start(folder)
    try:
        yield os.environ | environment | {"PATH": slurm.search_path(), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    finally:
        slurm.stop(folder)


def start(folder: Path, environment: dict[str, str], *arguments: str) -> subprocess.Popen:
    folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "ib_cli", *arguments], cwd=folder, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def run(folder: Path, environment: dict[str, str], *arguments: str, code: int = 0) -> str:
    process = start(folder, environment, *arguments)
    output = process.communicate(timeout=300)[0]
    assert process.returncode == code, output
    return output


def tasks(environment: dict[str, str]) -> list[str]:
    """The ids of the running jobs."""
    command = ["squeue", "--noheader", "--array", "--format=%i", "--states=RUNNING", "--sort=i"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()


@pytest.fixture(scope="module")
def undisturbed(cluster: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, dict]]:
    """The records of the long study through the sequential launcher."""
    folder = tmp_path_factory.mktemp("undisturbed")
    run(folder, cluster, *LONG)
    return records(folder)


def launchers() -> list[str]:
    """All that are compared with `sequential`."""
    return ["local", "slurm", *(["ray"] if find_spec("ray") else [])]


def test_every_launcher_gives_the_same_folders_and_results(cluster: dict[str, str], tmp_path: Path) -> None:
    study = ("-m", *SMALL, "epochs=3", "gamma=1e-3,1e-2,1e-1", "seed=0,1", "name=study")
    for launcher in ("sequential", *launchers()):
        assert "6 done" in run(tmp_path / launcher, cluster, *study, f"hydra/launcher={launcher}")
    expected = records(tmp_path / "sequential")
    assert len(expected) == 6
    for launcher in launchers():
        assert records(tmp_path / launcher) == expected, launcher


def test_every_launcher_runs_the_same_search(cluster: dict[str, str], tmp_path: Path) -> None:
    search = ("-m", *SMALL, "hydra/sweeper=optuna", "gamma=tag(log,interval(1e-4,1))", "hydra.sweeper.n_trials=5",
              "optimizer.lr=choice(1e-3,1e-2)", "name=search")  # fmt: skip
    for launcher in ("sequential", *launchers()):
        started = time.monotonic()
        assert "5 done" in run(tmp_path / launcher, cluster, *search, f"hydra/launcher={launcher}")
        print(f"{launcher}: {time.monotonic() - started:.0f} s")
    expected = records(tmp_path / "sequential")
    best = (tmp_path / "sequential" / "outputs" / "search" / "optuna.yaml").read_text()
    assert len(expected) == 5 and best.count("overrides") == 1
    for launcher in launchers():
        assert records(tmp_path / launcher) == expected, launcher
        assert (tmp_path / launcher / "outputs" / "search" / "optuna.yaml").read_text() == best, launcher


def test_every_launcher_runs_own_code_where_it_is_trusted(cluster: dict[str, str], tmp_path: Path) -> None:
    own, conf = tmp_path / "own", tmp_path / "conf" / "architecture"
    own.mkdir()
    conf.mkdir(parents=True)
    (own / "their_net.py").write_text(OWN.format(canary=str(tmp_path / "canary")))
    (conf / "theirs.yaml").write_text("defaults: [mlp]\n_target_: their_net.Net\n")
    environment = cluster | {"PYTHONPATH": os.pathsep.join([cluster["PYTHONPATH"], str(own)])}
    study = ("-m", "--config-dir", str(conf.parent), "architecture=theirs", *SMALL, "gamma=0.1,0.2", "name=study")
    for launcher in ("sequential", *launchers()):
        words = (*study, f"hydra/launcher={launcher}")
        refused = run(tmp_path / launcher, environment, *words, code=2)
        assert refused.count("\n") == 1 and "if you trust that package, add trust=their_net" in refused, refused
        assert not (tmp_path / "canary").exists()
        assert "2 done" in run(tmp_path / launcher, environment, *words, "trust=their_net"), launcher
        (tmp_path / "canary").rmdir()  # its own process imported it
    expected = records(tmp_path / "sequential")
    assert len(expected) == 2
    for launcher in launchers():
        assert records(tmp_path / launcher) == expected, launcher


def test_preempted_runs_are_requeued_and_go_on(
    cluster: dict[str, str], tmp_path: Path, undisturbed: dict[str, tuple[str, dict]]
) -> None:
    process = start(tmp_path, cluster, *LONG, SLURM)
    wait_for_lines(tmp_path, 4)
    first, second = tasks(cluster)
    subprocess.run(["scontrol", "requeue", first], env=cluster, check=True)  # as a preemption with PreemptMode=REQUEUE
    subprocess.run(["scancel", "--signal=USR2", second], env=cluster, check=True)  # as one that tells the job before
    output = process.communicate(timeout=300)[0]
    assert process.returncode == 0 and "3 done" in output, output
    logs = "".join(file.read_text() for file in tmp_path.glob("outputs/study/.slurm/*/*_log.*"))
    assert logs.count("Starting with JobEnvironment") == 5 and "Requeued job" in logs, logs
    assert records(tmp_path) == undisturbed


def test_a_run_that_is_longer_than_its_time_goes_on_after_it(cluster: dict[str, str], tmp_path: Path) -> None:
    long = [*(word for word in LONG if not word.startswith(("epochs=", "gamma="))), "epochs=1000", "gamma=1e-2"]
    process = start(tmp_path, cluster, *long, SLURM, "hydra.launcher.timeout_min=1", "hydra.launcher.signal_delay_s=30",
                    "hydra.launcher.max_num_timeout=1")  # fmt: skip
    output = process.communicate(timeout=500)[0]
    assert process.returncode == 1 and "timed-out too many times" in output, output
    assert "1 failed" in output and list(tmp_path.glob("outputs/study/*/checkpoint.pt"))
    (lines,) = tmp_path.glob("outputs/study/*/metrics.jsonl")
    epochs = [line.split('"epoch": ')[1].split(",")[0] for line in lines.read_text().splitlines() if '"train"' in line]
    assert epochs == [str(epoch) for epoch in range(1, len(epochs) + 1)] and len(epochs) > 10


def test_a_cancelled_job_is_told_and_the_others_go_on(cluster: dict[str, str], tmp_path: Path) -> None:
    process = start(tmp_path, cluster, *LONG, SLURM)
    wait_for_lines(tmp_path, 2)
    subprocess.run(["scancel", tasks(cluster)[0]], env=cluster, check=True)
    output = process.communicate(timeout=300)[0]
    assert process.returncode == 1 and "2 done, 1 failed" in output, output
    assert "gamma=0.001: Slurm ended it: CANCELLED" in output, output
    assert "1 done" in run(tmp_path, cluster, *LONG) and len(records(tmp_path)) == 3


def test_sigterm_cancels_the_jobs_which_save_and_the_same_line_goes_on(
    cluster: dict[str, str], tmp_path: Path, undisturbed: dict[str, tuple[str, dict]]
) -> None:
    process = start(tmp_path, cluster, *LONG, SLURM)
    wait_for_lines(tmp_path, 2)
    process.terminate()
    assert process.communicate(timeout=60)[0] and process.returncode == 143
    deadline = time.monotonic() + 60
    while tasks(cluster) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert "3 done" in run(tmp_path, cluster, *LONG, SLURM)
    assert records(tmp_path) == undisturbed


@pytest.mark.parametrize(
    "words, expected",
    [
        (["hydra.launcher.partition=nowhere"], "invalid partition specified: nowhere"),
        (["hydra.launcher.mem_gb=1e6"], "Memory specification can not be satisfied"),
        (["hydra.launcher.mem_gb=0"], "hydra.launcher.mem_gb=0: must be greater than 0"),
    ],
)
def test_what_slurm_refuses_is_one_clear_line(
    cluster: dict[str, str], tmp_path: Path, words: list[str], expected: str
) -> None:
    output = run(tmp_path, cluster, "-m", *SMALL, "gamma=1e-2,1e-1", SLURM, *words, code=2)
    assert len(output.splitlines()) == 1 and expected in output, output


def test_where_there_is_no_slurm(cluster: dict[str, str], tmp_path: Path) -> None:
    environment = cluster | {"PATH": str(tmp_path)}
    output = run(tmp_path / "run", environment, "-m", *SMALL, "gamma=1e-2,1e-1", SLURM, code=2)
    assert len(output.splitlines()) == 1 and "hydra/launcher=slurm: " in output and "srun" in output, output
