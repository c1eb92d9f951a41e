"""benchmarks/on_a_gpu.sh, tried on a CPU: what it writes, and that no row stops the others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
import yaml

from benchmarks import carried, gpu, gpu_verdict
from benchmarks.__main__ import main
from benchmarks.gpu_floors import Floors, products_in
from benchmarks.gpu_scale import FULL, TINY
from benchmarks.measure import Figure, NotRun, Options, Ratio, Row, record

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "on_a_gpu.sh"


@pytest.mark.slow
def test_the_whole_script_in_a_dry_run(tmp_path: Path) -> None:
    environment = {**os.environ, "OUT": str(tmp_path / "out"), "PYTHON": sys.executable, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run([SCRIPT, "--dry-run"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr
    found = json.loads((tmp_path / "out" / "gpu.json").read_text())
    rows = found["sections"]["gpu"]
    cases = "\n".join(row["case"] for row in rows)
    assert all(row["measured"] and row["values"] and row["met"] is None for row in rows)
    for name in ("floor: matrix products in bf16", "floor: copies", "one at a time", "ResNet18", "toy", "KSG", "Ross"):
        assert name in cases
    assert "passed" in found["tests"] and "failed" not in found["tests"]
    assert found["machine"]["torch"] == torch.__version__ and found["machine"]["gpu"] == {}
    table = (tmp_path / "out" / "gpu.md").read_text()
    assert all(row["case"] in table for row in rows) and "no GPU" in table
    assert f"{len(rows)} of {len(rows)} rows measured" in ended.stdout


@pytest.mark.slow
def test_without_a_gpu_the_script_says_so(tmp_path: Path) -> None:
    hidden = {"CUDA_VISIBLE_DEVICES": "", "PYTHON": sys.executable, "OUT": str(tmp_path)}
    ended = subprocess.run([SCRIPT], env={**os.environ, **hidden}, capture_output=True, text=True)
    assert ended.returncode == 2 and ended.stderr == "on_a_gpu: torch sees no CUDA device here\n"


def rows_of(monkeypatch: pytest.MonkeyPatch, cases: list[gpu.Case], seconds: float | None = None) -> list[Row]:
    floors = Floors({"fp32": [1e12]}, [1e9])
    monkeypatch.setattr(gpu, "measured", lambda scale: floors)
    monkeypatch.setattr(gpu, "CASES", cases)
    return list(gpu.rows(Options(Path(), 1, seconds, tiny=True)))[2:]  # after the floors


def good(*_: object) -> list[Row]:
    return [Figure("good", [1.0])]


def bad(*_: object) -> list[Row]:
    raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 1 GiB")


def slow(*_: object) -> list[Row]:
    time.sleep(30)
    return good()


def test_a_row_that_fails_or_hangs_is_told_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [gpu.Case(each.__name__, "≤ 1", 1, each) for each in (bad, slow, good)]
    failed, hung, fine = rows_of(monkeypatch, cases)
    assert failed == NotRun("bad", "≤ 1", "failed: OutOfMemoryError: CUDA out of memory. Tried to allocate 1 GiB")
    assert hung == NotRun("slow", "≤ 1", "failed: TimeoutError: took more than 1 s")
    assert fine.case == "good"
    assert record(failed)["measured"] is False and record(failed)["met"] is None and record(fine)["values"] == [1.0]
    assert record(Ratio("two", [(1.0, 3.0)], least=2)) == {
        "case": "two", "ours": "1.00 s", "other": "3.00 s", "ratio": "3.00×", "spread": "3.00–3.00", "target": "≥ 2×",
        "met": True, "values": [(1.0, 3.0)], "measured": True,
    }  # fmt: skip


def test_no_row_begins_when_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    found = rows_of(monkeypatch, [gpu.Case("late", "", 60, good)], seconds=0.5)
    assert found == [NotRun("late", "", "no time left")]


def test_without_a_gpu_no_row_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    found = list(gpu.rows(Options(Path(), 1)))
    assert {row.cells().ours for row in found} == {"not run here"} and len(found) == len(gpu.CASES)


def test_the_rows_so_far_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(options: Options) -> Iterator[Row]:
        yield Figure("first", [2.0])
        raise KeyboardInterrupt

    monkeypatch.setattr(gpu, "rows", interrupted)
    with pytest.raises(KeyboardInterrupt):
        main(["gpu", "--page", str(tmp_path / "page.md"), "--json", str(tmp_path / "gpu.json")])
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert [row["case"] for row in found["sections"]["gpu"]] == ["first"]
    assert "| first | 2.00 s |" in (tmp_path / "page.md").read_text()


def test_tiny_is_for_the_gpu_section(capsys: pytest.CaptureFixture) -> None:
    assert main(["start-up", "--tiny"]) == 2
    assert capsys.readouterr().err == "benchmarks: --tiny: is for the section gpu alone\n"


def test_floors_are_products_and_then_copies() -> None:
    floors = Floors({"fp32": [1e12, 2e12, 4e12], "bf16": [1e13]}, [1e9])
    assert floors.seconds(2e12, 5e8) == pytest.approx(1.5) and floors.seconds(1e13, 0, "bf16") == pytest.approx(1)
    before = torch.get_float32_matmul_precision()
    with products_in("tf32"):
        assert torch.get_float32_matmul_precision() == "high"
    assert torch.get_float32_matmul_precision() == before
    assert all(
        getattr(TINY, name) <= getattr(FULL, name) for name in ("points", "images", "samples", "matrix", "bytes")
    )


def test_what_a_machine_lacks_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    absent: Callable[[str], object | None] = lambda module: None if module in ("hydra", "pydantic_core") else module  # noqa: E731
    assert carried.missing(carried.PACKAGES, absent) == ["hydra-core", "pydantic-core"]
    assert carried.main("missing") == 0 and capsys.readouterr().out.strip() == ""  # this one lacks nothing
    monkeypatch.setitem(carried.EXPECTED, "a-large-one", "no_such_module")
    assert carried.main("missing") == 1 and "lacks a-large-one, which are not carried" in capsys.readouterr().err


def test_the_verdict_names_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert gpu_verdict.main(tmp_path) == 1 and "no row was measured" in capsys.readouterr().err
    rows = [record(Figure("slow", [3.0], most=2)), record(NotRun("broken", "", "failed: X"))]
    (tmp_path / "gpu.json").write_text(json.dumps({"sections": {"gpu": rows}}))
    (tmp_path / "tests.log").write_text("....\nsomething in 3 parts\n=== 1 failed, 3 passed, 2 skipped in 5.00s ===\n")
    assert gpu_verdict.main(tmp_path) == 1
    out = capsys.readouterr().out
    assert "tests: 1 failed, 3 passed, 2 skipped in 5.00s; 1 of 2 rows measured" in out
    assert "not measured: broken" in out and "target missed: slow" in out


def test_the_sweep_of_resnet18_is_the_recipe_that_it_names(ib_train: Callable) -> None:
    ended = ib_train("sweep=resnet18_cifar10", "--cfg", "job")
    assert ended.code == 0, ended.err
    found = yaml.safe_load(ended.out)
    assert (found["epochs"], found["batch_size"], found["precision"]) == (200, 128, "bf16")
    optimizer, data = found["optimizer"], found["dataset"]
    assert (optimizer["lr"], optimizer["momentum"], optimizer["weight_decay"]) == (0.1, 0.9, 5e-4)
    assert (data["crop"], data["flip"]) == (4, True) and found["architecture"]["stem"] == "cifar"
    assert found["schedule"]["_target_"].endswith("Cosine") and found["objective"]["name"] == "ce"
