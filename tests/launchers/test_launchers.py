"""Launchers and sweepers: the same study through each of them; what is missing, wrong or dies is told in a line."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from hydra_plugins.ib_train import _launcher, _shares
from hydra_plugins.ib_train._worker import ended
from ib_cli.config.catalogue import choices, directory
from ib_cli.contracts.errors import ConfigError
from ib_cli.study.job_outcomes import Outcome
from ib_cli.study.search_measure import measured_value
from tests.conftest import SMALL
from tests.families import family

ROOT = Path(__file__).parents[2]


def records(folder: Path) -> dict[str, tuple[str, dict]]:
    """Of every run what must be equal: the metrics to the letter, the result but for its time."""
    found = {}
    for file in folder.glob("outputs/*/*/result.json"):
        result = json.loads(file.read_text())
        result = {key: value for key, value in result.items() if not key.endswith("seconds") and key != "origin"}
        found[file.parent.name] = (file.with_name("metrics.jsonl").read_text(), result)
    return found


@pytest.mark.parametrize(
    "jobs, n_jobs, threads, cores, gpus, threads_each, gpu_each",
    [
        (100, None, None, 8, [], "1", [None] * 8),  # one worker a core
        (100, 2, None, 8, [], "4", [None] * 2),  # two, which share the cores
        (100, 3, None, 8, [], "2", [None] * 3),
        (2, None, None, 8, [], "4", [None] * 2),  # no more workers than jobs
        (100, 2, 3, 8, [], "3", [None] * 2),  # as asked for
        (100, 5, None, 2, [], "1", [None] * 5),
        (100, None, None, 16, ["0", "1", "2", "3"], "4", ["0", "1", "2", "3"]),  # a GPU each
        (100, 4, None, 16, ["0", "2"], "4", ["0", "2", "0", "2"]),  # shared in turn
        (1, None, None, 16, ["0", "2"], "16", ["0"]),
        (100, 1, None, 16, ["GPU-5f", "GPU-77"], "16", ["GPU-5f"]),
    ],
)
def test_workers_share_cores_and_gpus(
    jobs: int, n_jobs: int | None, threads: int | None, cores: int, gpus: list[str], threads_each: str, gpu_each: list
) -> None:
    environments = _shares.environments(jobs, n_jobs, threads, cores, gpus)
    assert [environment.get("CUDA_VISIBLE_DEVICES") for environment in environments] == gpu_each
    assert {environment["OMP_NUM_THREADS"] for environment in environments} == {threads_each}


def test_gpus_are_those_that_are_visible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _shares.gpus({"CUDA_VISIBLE_DEVICES": "2, 5"}) == ["2", "5"]
    assert _shares.gpus({"CUDA_VISIBLE_DEVICES": "GPU-5f"}) == ["GPU-5f"]
    assert _shares.gpus({"CUDA_VISIBLE_DEVICES": ""}) == _shares.gpus({"CUDA_VISIBLE_DEVICES": "-1"}) == []
    monkeypatch.setenv("PATH", str(tmp_path))
    assert _shares.gpus({}) == []
    program = tmp_path / "nvidia-smi"
    program.write_text(
        "#!/bin/sh\necho 'GPU 0: H200 (UUID: GPU-1)'\necho '  MIG 1g'\necho 'GPU 1: H200 (UUID: GPU-2)'\n"
    )
    program.chmod(0o755)
    assert _shares.gpus({}) == ["0", "1"]


def test_cores_stay_within_a_containers_quota(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quota = tmp_path / "cpu.max"
    monkeypatch.setattr(_shares, "QUOTA", quota)
    allowed = _shares.cores()
    assert allowed >= 1
    quota.write_text("max 100000\n")
    assert _shares.cores() == allowed
    quota.write_text("50000 100000\n")
    assert _shares.cores() == 1


def test_an_exit_code_in_words() -> None:
    assert "SIGKILL" in ended(-9) and "memory" in ended(-9)
    assert ended(-11) == "its process was killed by SIGSEGV" and ended(3) == "its process ended with code 3"


@pytest.mark.slow
def test_local_gives_the_same_folders_and_results(ib_train: Callable, tmp_path: Path) -> None:
    study = ("-m", *SMALL, "gamma=1e-2,1e-1,1")
    assert ib_train(*study, "output=basic/outputs").code == 0
    ended = ib_train(*study, "output=local/outputs", "hydra/launcher=local", "hydra.launcher.n_jobs=2")
    assert ended.code == 0 and "3 done" in ended.out, ended.out + ended.err
    assert len(records(tmp_path / "basic")) == 3
    assert records(tmp_path / "local") == records(tmp_path / "basic")
    assert not list(tmp_path.glob("*/outputs/*/.jobs/*"))


def test_a_process_that_dies_takes_only_its_own_run_with_it(ib_train: Callable) -> None:
    targets = "architecture._target_=tests.launchers.dying.Dying,ib_cli.model.architectures.mlp.Mlp"
    ended = ib_train("-m", *SMALL, "trust=tests", targets, "hydra/launcher=local", "hydra.launcher.n_jobs=1")
    assert ended.code == 1 and "1 done, 1 failed" in ended.out, ended.out + ended.err
    assert "Dying: its process was killed by SIGKILL, as a machine does that is out of memory" in ended.out
    assert (
        "to run just the failed ones again:\n  ib-train -m hydra/launcher=local hydra.launcher.n_jobs=1 " in ended.out
    )
    assert len(records(Path())) == 1
    log = Path("outputs/runs/study.log").read_text()
    assert 0 < log.index("1/2 failed") < log.index("2/2 done")  # told at once


@pytest.mark.parametrize(
    "group, name",
    family([("launcher", "local"), ("launcher", "slurm"), ("launcher", "ray"), ("sweeper", "optuna")], every=2),
)
def test_a_missing_extra_is_named(ib_train: Callable, monkeypatch: pytest.MonkeyPatch, group: str, name: str) -> None:
    monkeypatch.setattr(_launcher, "find_spec", lambda module: None)
    ended = ib_train("-m", *SMALL, "gamma=1e-2,1e-1", f"hydra/{group}={name}")
    assert ended.code == 2 and ended.out == ""
    assert ended.err == f"ib-train: hydra/{group}={name} needs an extra: pip install 'ib-train[{name}]'\n"


@pytest.mark.parametrize(
    "arguments, expected",
    family(
        [
            (["hydra/launcher=lokal"], "hydra/launcher=lokal: no such hydra/launcher; did you mean local?"),
            (["hydra/launcher=local", "hydra.launcher.n_jobs=0"], "hydra.launcher.n_jobs=0: must be greater than 0"),
            (["hydra/launcher=local", "hydra.launcher.threads=all"], "hydra.launcher.threads=all: must be an integer"),
            (["hydra/launcher=local", "hydra.launcher.njobs=2"], "hydra.launcher.njobs"),
            (["hydra/sweeper=optuna"], "hydra/sweeper=optuna: nothing to search"),
            (["hydra/sweeper=optuna", "hydra.sweeper.n_trials=0"], "hydra.sweeper.n_trials=0: must be greater than 0"),
            (["hydra/sweeper=optuna", "hydra.sweeper.direction=down"], "hydra.sweeper.direction"),
            (
                ["hydra/sweeper=optuna", "hydra.sweeper.measure=[R,C]"],
                "hydra.sweeper.direction: needs one entry for each",
            ),
            (["hydra/sweeper=optuna", "gamma=tag(log,interval(0,1))"], "gamma=tag(log,interval(0,1)): "),
            (
                ["hydra/sweeper=optuna", "gamma=interval(0,1)", "hydra.sweeper.measure=validation/error"],
                "hydra.sweeper.measure=validation/error: not measured; there are ",
            ),
        ],
        every=2,
    ),
)
def test_wrong_input_is_one_clear_line(ib_train: Callable, arguments: list[str], expected: str) -> None:
    ended = ib_train("-m", *SMALL, *arguments)
    lines = [line for line in ended.err.splitlines() if line.startswith("ib-train: ")]
    assert ended.code == 2, ended.out + ended.err
    assert len(lines) == 1 and expected in lines[0] and "Traceback" not in ended.err, ended.err


def test_a_measure_of_a_job(tmp_path: Path) -> None:
    result = {"test": {"J": 1.0, "R": 2.0}, "validation": {"J": 3.0, "R": 4.0}, "multipliers": {"gamma": 1.0}}
    (tmp_path / "result.json").write_text(json.dumps(result))
    done = Outcome("skipped", folder=str(tmp_path))
    assert measured_value(done, "R") == 2.0 and measured_value(done, "validation/J") == 3.0
    assert measured_value(done, ["R", "validation/R"]) == [2.0, 4.0]
    assert measured_value(Outcome("failed", folder=str(tmp_path)), "R") is None
    with pytest.raises(ConfigError, match=r"measure=validation/gamma: not measured; there are J, R, of test, validat"):
        measured_value(done, "validation/gamma")


def test_optuna_searches_and_goes_on_where_it_stopped(ib_train: Callable) -> None:
    search = ("-m", *SMALL, "hydra/sweeper=optuna", "dataset.validation_size=0.2", "hydra.sweeper.n_jobs=2",
              "hydra.sweeper.measure=validation/C", "gamma=tag(log,interval(1e-4,1))",
              "optimizer.lr=choice(1e-3,1e-2)", "epochs=range(1,4)")  # fmt: skip
    ended = ib_train(*search, "hydra.sweeper.n_trials=3")
    assert ended.code == 0 and "3 done" in ended.out, ended.out + ended.err
    assert set(re.findall(r"^(\d/\d) done  ", ended.out, re.MULTILINE)) == {"1/3", "2/3", "3/3"}
    ended = ib_train(*search, "hydra.sweeper.n_trials=5")
    assert ended.code == 0 and "3 skipped" in ended.out and "2 done" in ended.out, ended.out + ended.err
    results = [json.loads(file.read_text()) for file in Path("outputs").glob("*/*/result.json")]
    report = yaml.safe_load(Path("outputs/runs/optuna.yaml").read_text())
    assert len(results) == report["trials"] == 5
    assert all(1e-4 <= result["multipliers"]["gamma"] <= 1 for result in results)
    assert {result["epochs"] for result in results} <= {1, 2, 3}
    assert report["best"][0]["validation/C"] == min(result["validation"]["C"] for result in results)


def test_optuna_searches_for_a_frontier_of_two_measures(ib_train: Callable) -> None:
    measures = ("hydra.sweeper.measure=[R,C]", "hydra.sweeper.direction=[minimize,minimize]")
    ended = ib_train("-m", *SMALL, "hydra/sweeper=optuna", "hydra.sweeper.n_trials=4", *measures, "gamma=interval(0,1)")
    assert ended.code == 0, ended.out + ended.err
    best = yaml.safe_load(Path("outputs/runs/optuna.yaml").read_text())["best"]
    assert best and all(set(point) == {"R", "C", "overrides"} for point in best)


def test_a_failed_trial_leaves_the_search(ib_train: Callable) -> None:
    rates = ("optimizer=sgd", "optimizer.lr=choice(1e-2,1e24)")
    ended = ib_train("-m", *SMALL, "hydra/sweeper=optuna", "hydra.sweeper.n_trials=3", "hydra.sweeper.n_jobs=1", *rates)
    assert ended.code == 1 and "failed" in ended.out and "in epoch 1" in ended.out, ended.out + ended.err
    assert yaml.safe_load(Path("outputs/runs/optuna.yaml").read_text())["trials"] == 3


def test_wandb_sweeps_are_no_studies_and_their_agents_run_ib_train(
    ib_train: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    utils = pytest.importorskip("wandb.sdk.launch.sweeps.utils")
    files = list((directory("sweeps") / "wandb").glob("*.yaml"))
    assert files and not {file.stem for file in files} - {"vib"} and "wandb" not in choices("sweep")
    for file in files:
        sweep = yaml.safe_load(file.read_text())
        flags = utils.create_sweep_command_args({"args": {key: {"value": 0.01} for key in sweep["parameters"]}})
        command = utils.create_sweep_command(sweep["command"])
        at = command.index("${args_no_hyphens}")
        words = [*command[:at], *flags["args_no_hyphens"], *command[at + 1 :]]
        assert words[0] == "ib-train" and "gamma=0.01" in words
        quick = [*SMALL, "tracker.mode=offline"]
        ended = ib_train(*words[1:], *quick)
        assert ended.code == 0, ended.err
        (result,) = Path("outputs/wandb_vib").glob("*/result.json")
        split, _, name = sweep["metric"]["name"].partition("/")
        assert name in json.loads(result.read_text())[split]


LONG = ("-m", "dataset.train_size=1200", "batch_size=4", "epochs=4", "figures=false", "device=cpu",
        "architecture.dropout=0.2", "averaging=0.9", "gamma=1e-3,1e-2,1e-1", "name=study")  # fmt: skip


def start(folder: Path, *arguments: str) -> subprocess.Popen:
    folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "ib_cli", *arguments], cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip


def wait_for_lines(folder: Path, count: int) -> None:
    """Until two runs of the study have written so many lines of metrics."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        files = list(folder.glob("outputs/*/*/metrics.jsonl"))
        if sum(file.read_text().count("\n") >= count for file in files) >= 2:
            return
        time.sleep(0.05)
    raise AssertionError("the runs did not get that far")


@pytest.mark.slow
@pytest.mark.parametrize(
    "number, group, code",
    [("SIGTERM", False, 143), ("SIGINT", True, 130), ("SIGKILL", False, -9), ("SIGKILL", True, -9)],
)
def test_local_is_stopped_and_goes_on(tmp_path: Path, number: str, group: bool, code: int) -> None:
    output = (process := start(tmp_path / "whole", *LONG)).communicate()[0]
    assert process.returncode == 0, output
    study = (*LONG, "hydra/launcher=local", "hydra.launcher.n_jobs=2")
    process = start(tmp_path / "part", *study)
    wait_for_lines(tmp_path / "part", 2)
    (os.killpg if group else os.kill)(process.pid, signal.Signals[number])
    output = process.communicate(timeout=60)[0]  # which ends when no worker holds its end of it any more
    assert process.returncode == code, output
    assert len(records(tmp_path / "part")) < 3
    if number != "SIGKILL":
        assert f"to go on: ib-train {shlex.join(study[:2])}" in output and "Traceback" not in output, output
        assert "2 stopped, 1 waiting" in output and "failed" not in output, output
    if not group or number != "SIGKILL":  # the workers had time to save in the middle of an epoch
        assert list((tmp_path / "part").glob("outputs/study/*/checkpoint.pt"))
    output = (process := start(tmp_path / "part", *study)).communicate()[0]
    assert process.returncode == 0 and "3 done" in output, output
    assert records(tmp_path / "part") == records(tmp_path / "whole")


@pytest.mark.slow
def test_ray_gives_the_same_folders_and_results(ib_train: Callable, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="pip install 'ib-train[ray]'")
    study = ("-m", *SMALL, "gamma=1e-2,1e-1", "seed=0,1")
    assert ib_train(*study, "output=basic/outputs").code == 0
    ended = ib_train(*study, "output=ray/outputs", "hydra/launcher=ray")
    assert ended.code == 0 and "4 done" in ended.out, ended.out + ended.err
    assert records(tmp_path / "ray") == records(tmp_path / "basic") != {}


@pytest.mark.slow
def test_ray_tells_which_run_died(ib_train: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="pip install 'ib-train[ray]'")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # Ray's workers look for tests.launchers.dying there
    targets = "architecture._target_=tests.launchers.dying.Dying,ib_cli.model.architectures.mlp.Mlp"
    ended = ib_train("-m", *SMALL, "trust=tests", targets, "hydra/launcher=ray", "hydra.launcher.max_retries=0")
    assert ended.code == 1 and "1 done, 1 failed" in ended.out and "Ray lost it" in ended.out, ended.out + ended.err
