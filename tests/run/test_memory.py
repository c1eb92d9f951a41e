"""How much memory may be used, and what is told where there is none left."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from ib_cli.engine import train
from ib_cli.run.memory import SHARE, available
from tests.conftest import SMALL


@pytest.mark.parametrize("fraction, left", [(1.0, 40), (0.7, 36), (0.6, 30)])  # of 80 GiB, 50 GiB held and 20 in use
def test_memory_of_a_gpu_is_what_torch_may_still_use(
    monkeypatch: pytest.MonkeyPatch, fraction: float, left: int
) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (10 * 2**30, 80 * 2**30))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 50 * 2**30)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 20 * 2**30)
    monkeypatch.setattr(torch.cuda, "get_per_process_memory_fraction", lambda index: fraction)
    assert available(torch.device("cuda")) == pytest.approx(SHARE * left * 2**30, rel=1e-6)


def test_a_step_that_does_not_fit_names_the_keys(ib_train: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise torch.OutOfMemoryError(
            "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 139.81 GiB of which 3 MiB "
            "is free. See documentation for Memory Management"
        )

    monkeypatch.setattr(train.Epoch, "_step", full)
    ended = ib_train(*SMALL)
    assert ended.code == 1
    told = " ".join((ended.out + ended.err).split())
    assert (
        "OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB: a smaller batch_size (50), samples (1), "
        in told
    )
    assert "GPU 0" not in told
