"""A compiled step is the step that it was made from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ib_cli.engine.backward import Backward
from ib_cli.engine.loss import make_loss
from ib_cli.experiment.experiment import Experiment
from tests.conftest import SMALL
from tests.engine.test_loss import one_step
from tests.procedures.fit.test_fit_together import assert_equal


@pytest.mark.slow
@pytest.mark.parametrize(
    "compile, objective",
    [
        (True, "vib"),
        *(
            ("step", name)
            for name in (
                "vib",
                "surrogate_l2",
                "surrogate_logvar",
                "surrogate_logvar_window",
                "decoder_uncertainty",
                "decoder_ce",
            )
        ),
    ],
)
def test_compiled_gradients_are_those_of_the_loss(
    experiment: Callable[..., Experiment], compile: bool | str, objective: str
) -> None:
    made = experiment(f"objective={objective}", "architecture.batch_norm=true", "architecture.dropout=0.2")
    loss = make_loss(made.model, made.objective, 2, "fp32")
    params, buffers, *rest = one_step(made, 0)
    found = {}
    for how in (False, compile):
        own = {name: p.clone().requires_grad_() for name, p in params.items()}
        state = {name: b.clone() for name, b in buffers.items()}
        backward = Backward(loss, how, made.device)
        parts = backward(own, state, *rest)
        assert (backward.unread() > 0) == bool(how) and backward.unread() == 0
        found[how] = parts, {name: p.grad for name, p in own.items()}, state
    for a, b in zip(found[False], found[compile]):
        for name, value in a.items():
            assert torch.allclose(b[name].float(), value.float(), atol=1e-4), name


@pytest.mark.slow
@pytest.mark.parametrize("compile", ["step", True])
def test_models_of_the_same_shapes_do_not_share_what_is_compiled(
    experiment: Callable[..., Experiment], compile: bool | str
) -> None:
    for offset in (-5.0, -2.0):
        made = experiment(
            "architecture.widths=[4]", "bottleneck.size=2", f"bottleneck.offset={offset}", folder=str(offset)
        )
        loss = make_loss(made.model, made.objective, 2, "fp32")
        params, *rest = one_step(made, 0)
        own = {name: p.requires_grad_() for name, p in params.items()}
        found = [float(Backward(loss, how, made.device)(own, *rest)["R"]) for how in (False, compile)]
        assert found[0] == pytest.approx(found[1], rel=1e-4), offset


@pytest.mark.slow
@pytest.mark.parametrize("compile", ["true", "step"])
@pytest.mark.parametrize("launcher", ["sequential", "vectorized"])
def test_compiled_runs_equal_the_others(ib_train: Callable, compile: str, launcher: str) -> None:
    study = ("-m", *SMALL, "gamma=1e-2,1", "clip=1", "averaging=0.9")
    ib_train(*study, "name=eager")
    ended = ib_train(*study, "name=compiled", f"compile={compile}", f"hydra/launcher={launcher}")
    assert ended.code == 0, ended.out + ended.err
    assert_equal(Path("outputs/compiled"), Path("outputs/eager"))
    for file in Path("outputs/compiled").glob("*/result.json"):
        assert json.loads(file.read_text())["compile_seconds"] > 0


def test_without_a_compiler_the_key_is_named(ib_train: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    ended = ib_train(*SMALL, "compile=step")
    assert ended.code == 2 and "compile=step: needs a C++ compiler" in ended.err
