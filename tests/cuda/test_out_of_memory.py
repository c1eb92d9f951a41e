"""Memory that runs out: evaluations go on with less at a time, and a step that does not fit is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from ib_cli.engine import passes
from ib_cli.experiment.evaluation import Evaluation
from ib_cli.experiment.experiment import Experiment
from tests.cuda.conftest import assert_close

pytestmark = pytest.mark.cuda


@contextmanager
def most(mebibytes: int) -> Iterator[None]:
    """Within the block, torch may take so much more memory of the GPU, and no more."""
    torch.cuda.empty_cache()
    allowed = torch.cuda.memory_reserved() + mebibytes * 2**20
    torch.cuda.set_per_process_memory_fraction(allowed / torch.cuda.mem_get_info()[1])
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


def test_an_evaluation_takes_half_where_a_pass_does_not_fit(
    made: Callable[..., Experiment], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run, real = made(), passes.forward

    def forward(model: object, params: object, buffers: object, batch: object, *rest: object) -> object:
        if len(batch.x) > 30:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(model, params, buffers, batch, *rest)

    monkeypatch.setattr(passes, "forward", forward)
    found = Evaluation(run).of(dict(run.model.named_parameters()), "test")
    assert "evaluations take 25 samples at a time from here on, not 50, as with eval_batch_size=25" in caplog.text
    small = made("eval_batch_size=25", folder="small")
    assert_close(found, Evaluation(small).of(dict(small.model.named_parameters()), "test"), 1e-6)


def test_an_evaluation_that_fills_a_gpu_goes_on(
    made: Callable[..., Experiment], caplog: pytest.LogCaptureFixture, gpu: torch.device
) -> None:
    rng = np.random.default_rng(0)
    np.savez("many.npz", x=rng.normal(size=(8000, 20)).astype("float32"), y=np.arange(8000) % 3)
    words = (
        "dataset=npz", "dataset.path=many.npz", "dataset.train_size=100", "dataset.test_size=1500",
        "bottleneck.size=64", "eval_batch_size=1500",
    )  # fmt: skip
    run = made(*words, "eval_samples=1000")  # a z of 1,500 samples × 1,000 draws × 64 dimensions: 366 MiB
    params = dict(run.model.named_parameters())
    expected = Evaluation(run).of(params, "test")
    assert "memory ran out" not in caplog.text
    with most(600):
        found = Evaluation(run).of(params, "test")
    assert "memory ran out: evaluations take 750 samples at a time from here on, not 1500" in caplog.text
    assert_close(found, expected, 0.02)


def test_a_step_that_fills_a_gpu_is_told(ib_train: Callable, gpu: torch.device) -> None:
    words = (
        "dataset.train_size=1000",
        "epochs=1",
        "batch_size=1000",
        "samples=2000",
        "bottleneck.size=256",
        "figures=false",
    )
    with most(200):
        ended = ib_train(*words, "figures=false", "device=cuda")
    assert ended.code == 1
    told = " ".join((ended.out + ended.err).split())
    assert "out of memory" in told and "takes less memory" in told
