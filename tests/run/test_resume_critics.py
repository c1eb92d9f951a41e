"""A run with critics that is killed or interrupted ends as if nothing had happened."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from ib_cli.engine import train
from ib_cli.experiment.experiment import Experiment
from ib_cli.system.signals import Interrupted, catch_signals
from tests.processes import Forked, signal_at
from tests.run.test_resume import QUICK, STATEFUL, Stopper, complete, records, saved, the_run

CRITICS = (
    *("objective=bib_ae", "critic_z.widths=[8]", "critic_x.widths=[8]", "critic_z.turns=2", "critic_x.decay=0.5"),
    *("critic_x.divergence=wasserstein", "decoder.widths=[8]", "decoder.batch_norm=true"),
)


@pytest.mark.slow
def test_sigkill_in_the_middle_of_an_epoch(tmp_path: Path) -> None:
    words = (*QUICK, *CRITICS)
    complete(tmp_path / "whole", *words)
    # 10 steps of the model after the first epoch's checkpoint; each is three optimisers' steps, of which one is twice
    code, output = Forked(tmp_path / "run", *words, before=partial(signal_at, 30 * 4 + 2, signal.SIGKILL)).end()
    assert code == -signal.SIGKILL and saved(tmp_path / "run") == (1, 0), output
    assert not (the_run(tmp_path / "run") / "result.json").exists()
    assert "goes on at epoch" in complete(tmp_path / "run", *words)
    assert records(tmp_path / "run") == records(tmp_path / "whole")


def test_an_interruption_within_an_epoch_goes_on_bit_for_bit(
    experiment: Callable[..., Experiment], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "SECONDS_BETWEEN_REPORTS", -1)
    words = (*STATEFUL, *CRITICS, "epochs=3")
    whole = experiment(*words)
    expected = whole.procedure.run(whole, None)
    part = experiment(*words, folder="part", observers=(Stopper(1, 2),))
    with catch_signals() as stop, pytest.raises(Interrupted):
        part.procedure.run(replace(part, stop=stop), None)
    checkpoint = part.records.load_checkpoint(torch.device("cpu"))
    assert (checkpoint["epoch"], checkpoint["step_in_epoch"]) == (1, 2)
    assert set(checkpoint["rivals"]) == {"critic_z", "critic_x"}
    part.records.close()
    rest = experiment(*words, folder="part")
    ended = rest.procedure.run(rest, rest.records.load_checkpoint(torch.device("cpu")))
    assert ended.measures == expected.measures
    assert all(torch.equal(ended.params[name], p) for name, p in expected.params.items())
    assert rest.records.metrics.read() == whole.records.metrics.read()
