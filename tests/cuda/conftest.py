"""The device of these tests, and random numbers that are the same on every device.

They run on a CUDA device, and are skipped without one. IB_TEST_DEVICE=cpu runs them on the CPU instead: that shows that
the tests themselves work, and nothing about a GPU.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode

from ib_cli.engine import seeds
from ib_cli.experiment.experiment import Experiment, Finished
from ib_cli.experiment.records import Records
from ib_cli.run.build import build
from ib_cli.run.validation import validate
from ib_cli.watch.observer import Observer
from tests.conftest import SMALL

WORD = os.environ.get("IB_TEST_DEVICE", "cuda")
SHARES = ("accuracy", "error", "error_single")  # of samples, of which a few may turn on a rounding error


@pytest.fixture(autouse=True)
def device() -> Iterator[torch.device]:
    """The device, without TF32: a comparison with a CPU needs whole float32 products."""
    if WORD == "cuda" and not torch.cuda.is_available():
        pytest.skip("torch sees no CUDA device here (IB_TEST_DEVICE=cpu runs this on the CPU)")
    backends = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [backend.allow_tf32 for backend in backends]
    for backend in backends:
        backend.allow_tf32 = False
    yield torch.device(WORD)
    for backend, allowed in zip(backends, before):
        backend.allow_tf32 = allowed


@pytest.fixture
def gpu(device: torch.device) -> torch.device:
    """The device, where it is a GPU: for tests of what no CPU has."""
    if device.type != "cuda":
        pytest.skip("this needs a GPU")
    return device


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder with data of each kind."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.savez("images.npz", x=rng.integers(0, 256, (30, 1, 16, 16), dtype=np.uint8), y=np.arange(30) % 3)
    np.savez("colours.npz", x=rng.integers(0, 256, (60, 3, 8, 8), dtype=np.uint8), y=np.arange(60) % 3)
    np.savez("numbers.npz", x=rng.normal(size=(30, 4)), y=rng.normal(size=(30, 2)))
    p = rng.random((6, 3))
    np.savez("table.npz", p=p / p.sum())


class _OfCpu(torch.Generator):
    """A CPU's generator that says it is on another device."""

    shown: torch.device

    def __new__(cls, device: torch.device | str = "cpu") -> _OfCpu:
        made = super().__new__(cls, "cpu")
        made.shown = torch.device(device)
        return made

    @property
    def device(self) -> torch.device:
        return self.shown


class _DrawnOnCpu(TorchFunctionMode):
    """Draws from an `_OfCpu` on the CPU and moves the numbers to the device that it shows."""

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        keys = dict(kwargs or {})
        numbers = keys.get("generator")
        if not isinstance(numbers, _OfCpu):
            return func(*args, **keys)
        if "device" in keys:
            keys["device"] = "cpu"
        args = tuple(each.cpu() if isinstance(each, torch.Tensor) else each for each in args)
        return func(*args, **keys).to(numbers.shown)


@contextmanager
def same_numbers() -> Iterator[None]:
    """Within the block, all random numbers of a run are those that a CPU would draw, on whatever device it is."""
    with pytest.MonkeyPatch.context() as patch, _DrawnOnCpu():
        patch.setattr(seeds, "Generator", _OfCpu)
        yield


def assert_close(found: Mapping[str, Any], expected: Mapping[str, Any], tolerance: float = 1e-3) -> None:
    """The same names, and values within the tolerance, relative or in nats."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        slack = 0.05 if name in SHARES else tolerance
        assert found[name] == pytest.approx(value, rel=slack, abs=slack, nan_ok=True), name


def assert_same_lines(found: Sequence[dict], expected: Sequence[dict]) -> None:
    """The same lines of metrics.jsonl."""
    assert [(line["epoch"], line["split"]) for line in found] == [(line["epoch"], line["split"]) for line in expected]
    for ours, theirs in zip(found, expected):
        assert_close(*({name: value for name, value in line.items() if name != "split"} for line in (ours, theirs)))


@pytest.fixture
def made(tmp_path: Path, config: Callable[..., dict[str, Any]]) -> Callable[..., Experiment]:
    """Builds a small experiment of the given words, with records in a folder of its own."""

    def make(*words: str, folder: str = "run", observers: tuple[Observer, ...] = ()) -> Experiment:
        of_law = any(word in words for word in ("dataset=therml_toy", "dataset=gaussian", "dataset=table"))
        other = any(word.startswith("architecture=") for word in words)  # than mlp, which has widths
        dropped = ("architecture.",) * other + ("dataset.",) * of_law + ("device",)
        small = [word for word in SMALL if not word.startswith(dropped)]
        found = build(validate(config(*small, f"device={WORD}", *words)), Records(tmp_path / folder), observers)
        found.records.open("")
        return found

    return make


@pytest.fixture
def on_both(made: Callable[..., Experiment]) -> Callable[..., tuple[Finished, Finished]]:
    """Runs an experiment on the CPU and on the device with the same random numbers; their ends agree."""

    def compare(*words: str) -> tuple[Finished, Finished]:
        ends, lines = [], []
        for word in ("cpu", WORD):
            with same_numbers():
                run = made(*words, f"device={word}", folder=f"on {len(ends)} {word}")
                ends.append(run.procedure.run(run, None))
            lines.append(run.records.metrics.read())
        on_cpu, ours = ends
        for split, measures in on_cpu.measures.items():
            assert_close(ours.measures[split], measures)
        assert_same_lines(lines[1], lines[0])
        return on_cpu, ours

    return compare
