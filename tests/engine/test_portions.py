"""Evaluations go on with less at a time where memory runs out; a model that pretends to be too large."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ib_cli.engine import passes
from ib_cli.engine.portions import Portions, out_of_memory
from ib_cli.engine.seeds import generator
from ib_cli.engine.stack import Stack
from ib_cli.experiment import evaluation
from ib_cli.experiment.estimates import represented
from ib_cli.experiment.evaluation import Evaluation
from ib_cli.experiment.experiment import Experiment
from ib_cli.procedures.fit.latent_scaling import latent_moments
from ib_cli.procedures.fit.train_copies import starting_state

HERE = ("dataset.test_size=100", "eval_samples=2")


@pytest.mark.parametrize(
    "error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("ALLOC_FAILED")]
)
def test_whatever_says_that_memory_ran_out_halves_the_batch(error: Exception) -> None:
    ours, sizes = Portions(100), []

    def work() -> int:
        sizes.append(ours.samples)
        if ours.samples > 30:
            raise error
        return ours.samples

    assert ours.fitted(work, 100) == 25 and sizes == [100, 50, 25]


@pytest.fixture
def holds(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[int]]:
    """Lets a pass of the model hold so many samples and no more; returns the list of the passes' sizes."""

    def limit(most: int) -> list[int]:
        sizes: list[int] = []
        for module in (passes, evaluation):
            real = module.forward

            def forward(model: Any, params: Any, buffers: Any, batch: Any, *rest: Any, real: Any = real) -> Any:
                sizes.append(len(batch.x))
                if len(batch.x) > most:
                    raise torch.OutOfMemoryError(f"CUDA out of memory. Tried to hold {len(batch.x)} samples")
                return real(model, params, buffers, batch, *rest)

            monkeypatch.setattr(module, "forward", forward)
        return sizes

    return limit


def test_the_batch_is_halved_until_it_fits_and_stays_so(
    experiment: Callable[..., Experiment], holds: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    expected = Evaluation(experiment(*HERE, "eval_batch_size=25", folder="small"))
    made = experiment(*HERE)
    made.model.train()
    params = dict(made.model.named_parameters())
    expected = expected.of(params, "test")
    sizes = holds(30)
    ours = Evaluation(made)
    assert ours.of(params, "test") == expected  # to the bit: what that eval_batch_size would have given
    assert sizes == [100, 50, 25, 25, 25, 25]
    assert [record.getMessage() for record in caplog.records] == [
        "memory ran out: evaluations take 50 samples at a time from here on, not 100, as with eval_batch_size=50",
        "memory ran out: evaluations take 25 samples at a time from here on, not 50, as with eval_batch_size=25",
    ]
    assert made.model.training  # as before the evaluation
    sizes.clear()
    assert ours.of(params, "test") == expected and sizes == [25] * 4  # it is remembered, and told once


def test_every_way_to_evaluate_goes_on(experiment: Callable[..., Experiment], holds: Callable) -> None:
    words = (*HERE, "objective=ce", "bottleneck=zero_entropy_noise")
    made = experiment(*words)
    params, buffers = dict(made.model.named_parameters()), dict(made.model.named_buffers())
    keys = (made.model, made.data, made.settings, params, buffers, "test", 60)
    small = experiment(*words, "eval_batch_size=15", folder="small")  # of 60 and of 30
    z, y, *_ = represented(small.model, small.data, small.settings, *keys[3:])
    moments = latent_moments(
        experiment(*words, "eval_batch_size=25", folder="moments"), params, buffers, generator("cpu", 0, "test")
    )  # of 200, 100 and 50
    rows = Evaluation(experiment(*words, "eval_batch_size=25", folder="rows")).of_samples(params, "test")
    holds(30 - 1)
    ours = represented(*keys)
    assert torch.equal(ours[0], z) and torch.equal(ours[1], y)
    for a, b in zip(latent_moments(made, params, buffers, generator("cpu", 0, "test")), moments):
        assert torch.allclose(a, b, rtol=1e-12)
    found = Evaluation(made).of_samples(params, "test")
    assert all(torch.equal(found[name], value) for name, value in rows.items())


def test_a_group_takes_fewer_runs_first_and_keeps_its_numbers(
    experiment: Callable[..., Experiment], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made = [experiment(*HERE, f"seed={seed}", folder=f"run{seed}") for seed in range(5)]
    stack = Stack([starting_state(each) for each in made], made[0].optimizer)
    expected = Evaluation(made[0]).of_copies(stack, "test", made)
    real, chunks = evaluation.vmap, []

    def vmap(function: Any, chunk_size: int | None = None, **keys: Any) -> Any:
        def mapped(*arguments: Any) -> Any:
            chunks.append(chunk_size)
            if chunk_size > 1:
                raise RuntimeError("CUDA error: out of memory")
            return real(function, chunk_size=chunk_size, **keys)(*arguments)

        return mapped

    monkeypatch.setattr(evaluation, "vmap", vmap)
    found = Evaluation(made[0]).of_copies(stack, "test", made)
    assert chunks == [5, 2, 1]
    assert [list(measures) for measures in found] == [list(measures) for measures in expected]
    for ours, theirs in zip(found, expected):
        assert ours == pytest.approx(theirs, rel=1e-5)
    assert "evaluations take 2 runs at a time from here on, not 5" in caplog.text and caplog.text.count("ran out") == 2


def test_other_errors_pass_and_what_fits_nowhere_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    assert out_of_memory(torch.OutOfMemoryError("")) and out_of_memory(MemoryError())
    for text in (
        "CUDA error: out of memory",
        "DefaultCPUAllocator: can't allocate memory",
        "CUBLAS_STATUS_ALLOC_FAILED",
    ):
        assert out_of_memory(RuntimeError(text))
    calls: list[int] = []

    def work(error: Exception) -> None:
        calls.append(portions.samples)
        raise error

    portions = Portions(8)
    with pytest.raises(RuntimeError, match="shape"):
        portions.fitted(lambda: work(RuntimeError("shape")), rows=100)
    assert calls == [8] and not caplog.records
    with pytest.raises(torch.OutOfMemoryError):
        portions.fitted(lambda: work(torch.OutOfMemoryError("full")), rows=100)
    assert calls == [8, 8, 4, 2, 1] and len(caplog.records) == 3


def test_a_run_and_a_group_are_told_and_end_well(ib_train: Callable, holds: Callable) -> None:
    words = (
        "dataset.train_size=60", "dataset.test_size=40", "architecture.widths=[4]", "bottleneck.size=2", "epochs=2",
        "batch_size=30", "figures=false", "estimators.samples=50", "estimators.use=[mixture]", "device=cpu",
    )  # fmt: skip
    holds(30)
    ended = ib_train(*words)
    assert ended.code == 0, ended.err
    assert ended.err.count("memory ran out") == 3  # of the evaluation, of the estimate, of active units
    ended = ib_train("-m", *words, "seed=5,6", "hydra/launcher=vectorized", "name=group")
    assert ended.code == 0 and "2 done" in ended.out, ended.err
    assert "ib-train: memory ran out: evaluations take 1 run at a time from here on, not 2" in ended.err
    logs = [file.read_text() for file in Path("outputs/group").glob("*/run.log")]
    assert len(logs) == 2
    for log in logs:
        assert "eval_batch_size=20 (of the 2 runs trained together)" in log
