"""Random streams that go on where they were saved, also on another kind of device."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from ib_cli.engine.seeds import continued, generator
from ib_cli.experiment.experiment import Experiment
from ib_cli.procedures.fit.fit import Fit
from ib_cli.procedures.fit.fit_together import fit_together

OF_A_GPU = torch.arange(16, dtype=torch.uint8)  # the state of a generator on CUDA: seed and offset


def test_a_stream_goes_on_where_it_was(caplog: pytest.LogCaptureFixture) -> None:
    stream = generator("cpu", 3, "noise", 1)
    first = torch.rand(5, generator=stream)
    saved = stream.get_state()
    rest = torch.rand(5, generator=stream)
    at_start, later = continued("cpu", {3: None, 4: None}, "noise", 1)[0], continued("cpu", {3: saved}, "noise", 1)[0]
    assert torch.equal(torch.rand(5, generator=at_start), first)
    assert torch.equal(torch.rand(5, generator=later), rest)
    assert not caplog.records


def test_a_state_of_another_device_is_a_new_stream_and_told(caplog: pytest.LogCaptureFixture) -> None:
    streams = continued("cpu", {3: OF_A_GPU, 4: OF_A_GPU}, "noise", 1)
    drawn = [torch.rand(5, generator=stream) for stream in (*streams, generator("cpu", 3, "noise", 1))]
    assert len({tuple(each.tolist()) for each in drawn}) == 3
    again = continued("cpu", {3: OF_A_GPU}, "noise", 1)[0]
    assert torch.equal(torch.rand(5, generator=again), drawn[0])  # the seed decides
    assert [record.getMessage() for record in caplog.records[:1]] == [
        "saved on another kind of device within an epoch: the rest of it draws anew, and may repeat samples"
    ]
    assert len(caplog.records) == 2  # one for each call, not for each stream


@pytest.mark.parametrize("together", [False, True])
def test_a_checkpoint_of_a_gpu_within_an_epoch_goes_on(
    experiment: Callable[..., Experiment], caplog: pytest.LogCaptureFixture, together: bool
) -> None:
    words = ("epochs=2", "architecture.dropout=0.2")
    part = experiment(*words)
    Fit(patience=None, watch="J").run(part, None)
    checkpoint = part.records.load_checkpoint(torch.device("cpu"))
    checkpoint |= {"epoch": 1, "step": 6, "step_in_epoch": 2, "noise": OF_A_GPU, "history": [torch.ones(2, 4)]}
    rest = experiment(*words, folder="rest")
    if together:
        ends = dict(fit_together([rest], [checkpoint], patience=None, watch="J"))
        ended = ends[0]
    else:
        ended = Fit(patience=None, watch="J").run(rest, checkpoint)
    assert ended.epochs == 2 and ended.measures["test"]["J"] > 0
    assert rest.records.load_checkpoint(torch.device("cpu"))["step"] == 8  # two of the epoch's four were left
    assert "another kind of device" in caplog.text
