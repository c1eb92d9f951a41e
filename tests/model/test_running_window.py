"""The window of earlier batches: its value and gradient against those of all samples together, in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from ib_cli.contracts.noise import Tape, draw
from ib_cli.contracts.passes import Pass, Spec
from ib_cli.engine.loss import plan
from ib_cli.functionals import functionals
from ib_cli.model.blocks.densities import diagonal_gaussian
from ib_cli.model.windows.running import Running
from ib_cli.procedures.fit.fit import Fit

K, CLASSES = 3, 4
SPEC = Spec((2,), CLASSES, 100, None, None)


def a_pass(mean: Tensor, y: Tensor) -> Pass:
    q = diagonal_gaussian(mean, torch.full_like(mean, 0.3))
    return Pass(torch.zeros(len(y), 1), y, mean.unsqueeze(0), encoder=q, classes=CLASSES)


def nats(symbol: str, p: Pass) -> Tensor:
    return functionals()[symbol].nats(p)


@pytest.fixture
def samples() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randn(40, K).double() * 2 + 5, torch.randint(CLASSES, (40,))


def test_a_long_window_has_the_value_and_the_gradient_of_all_samples(samples: tuple[Tensor, Tensor]) -> None:
    mean, y = samples
    window = Running(K, SPEC, batches=1e15)
    for first in range(0, 30, 10):
        batch = a_pass(mean[first : first + 10], y[first : first + 10])
        window(batch)
    last = mean[30:].clone().requires_grad_()
    p = a_pass(last, y[30:])
    found = nats("log_Var_window[Z|Y]", replace(p, earlier=window(p)))
    everything = mean.clone().requires_grad_()
    whole = nats("log_Var[Z|Y]", a_pass(everything, y))
    torch.testing.assert_close(found, whole)
    found.backward()
    whole.backward()
    torch.testing.assert_close(last.grad, everything.grad[30:] * 40 / 10)  # as if the batch stood for all


def test_a_window_of_one_batch_is_the_batch(samples: tuple[Tensor, Tensor]) -> None:
    window = Running(K, SPEC, batches=1)
    window(a_pass(samples[0] * 100, samples[1]))
    p = a_pass(*samples)
    torch.testing.assert_close(nats("log_Var_window[Z|Y]", replace(p, earlier=window(p))), nats("log_Var[Z|Y]", p))


def test_older_batches_count_exponentially_less(samples: tuple[Tensor, Tensor]) -> None:
    window = Running(K, SPEC, batches=4)
    p = a_pass(*samples)
    once = window(p) + window.sums  # 0 before, and what is remembered
    assert torch.equal(window.sums, once)
    window(p)
    torch.testing.assert_close(window(p), 0.75 * once * (1 + 0.75))


def test_a_class_that_a_batch_has_once_has_the_variance_of_the_window(samples: tuple[Tensor, Tensor]) -> None:
    mean, y = samples
    window = Running(K, SPEC, batches=1e15)
    window(a_pass(mean, y))
    p = a_pass(mean[:1], y[:1])
    found = nats("log_Var_window[Z|Y]", replace(p, earlier=window(p)))
    assert found.item() == pytest.approx(nats("log_Var[Z|Y]", a_pass(mean[[*range(40), 0]], y[[*range(40), 0]])).item())


def test_evaluations_know_no_window(experiment: Callable) -> None:
    made = experiment("objective=surrogate_logvar_window", "batch_size=20", "epochs=2", "estimators=none")
    measures = Fit(patience=None, watch="J").run(made, None).measures
    steps = 2 * math.ceil(len(made.data.splits["train"]) / 20)
    assert made.model.window.sums[:, 0].sum() == pytest.approx(20 * sum(0.9**t for t in range(steps)), rel=0.1)
    for split in ("train", "test"):
        batch = made.data.batch(split, torch.arange(len(made.data.splits[split])))
        made.model.eval()
        numbers = draw(plan(made.model, batch, 1, "fp32"), torch.Generator().manual_seed(0))
        p = made.model(batch, Tape(numbers), 1)
        expected = nats("log_Var[Z|Y]", p).item()
        assert measures[split]["log_Var_window[Z|Y]"] == pytest.approx(expected, abs=1e-4)
