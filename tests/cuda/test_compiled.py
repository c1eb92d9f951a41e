"""Compiled steps, which are CUDA graphs on a GPU, and 16 bits, against the plain float32 step."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch._dynamo.utils import counters

from ib_cli.experiment.experiment import Experiment
from tests import conftest
from tests.cuda.conftest import WORD
from tests.procedures.fit.test_fit_together import assert_equal

pytestmark = pytest.mark.cuda
SMALL = tuple(word for word in conftest.SMALL if not word.startswith("device"))
# 200 samples in batches of 60: every epoch has batches of two sizes, and so two graphs.
NORM = ("architecture.batch_norm=true", "architecture.dropout=0.2")
STUDY = ("-m", *SMALL, f"device={WORD}", "batch_size=60", "epochs=3", "gamma=1e-2,1", "clip=1", "averaging=0.9")


@pytest.mark.parametrize("launcher", ["sequential", "vectorized"])
@pytest.mark.parametrize("compile", ["true", "step"])
@pytest.mark.parametrize(
    "words", [(), ("architecture.batch_norm=true", "architecture.dropout=0.2")], ids=["mlp", "norm"]
)
def test_compiled_runs_are_the_plain_ones(
    ib_train: Callable, words: tuple[str, ...], compile: str, launcher: str
) -> None:
    assert ib_train(*STUDY, *words, "name=plain").code == 0
    ended = ib_train(*STUDY, *words, "name=compiled", f"compile={compile}", f"hydra/launcher={launcher}")
    assert ended.code == 0, ended.out + ended.err
    assert_equal(Path("outputs/compiled"), Path("outputs/plain"), 1e-3)
    for file in Path("outputs/compiled").glob("*/result.json"):
        assert json.loads(file.read_text())["compile_seconds"] > 0


def test_a_compiled_toy_is_the_plain_one(ib_train: Callable) -> None:
    study = (
        "-m", "dataset=therml_toy", "architecture=therml_toy", "objective=therml", "dataset.passes=20", "epochs=2",
        "figures=false", "estimators=none", f"device={WORD}", "gamma=0.5,2", "hydra/launcher=vectorized",
    )  # fmt: skip
    assert ib_train(*study, "name=plain").code == 0
    assert ib_train(*study, "name=compiled", "compile=step").code == 0
    assert_equal(Path("outputs/compiled"), Path("outputs/plain"), 1e-3)


def test_a_compiled_step_is_a_graph(ib_train: Callable, gpu: torch.device) -> None:
    counters.clear()
    assert ib_train(*STUDY, "compile=step", "hydra/launcher=vectorized").code == 0
    assert counters["inductor"]["cudagraph_skips"] == 0, counters["inductor"]


@pytest.mark.parametrize("words", [(), ("architecture=resnet18", "bottleneck.size=4")], ids=["mlp", "resnet18"])
def test_16_bits_train_close_to_float32(made: Callable[..., Experiment], words: tuple[str, ...]) -> None:
    data = ("dataset=npz", "dataset.path=colours.npz", "dataset.train_size=null", "dataset.test_size=null")
    ends = {}
    for precision in ("fp32", "bf16"):
        run = made(*data, *words, "batch_size=24", f"precision={precision}", folder=precision)
        ends[precision] = run.procedure.run(run, None)
        assert {p.dtype for p in run.model.parameters()} == {torch.float32}
    for name, value in ends["fp32"].measures["train"].items():
        if name in ("J", "C"):
            assert ends["bf16"].measures["train"][name] == pytest.approx(value, rel=0.1, abs=0.1)
