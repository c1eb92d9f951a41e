"""Copies trained at once, without records: they are what each would be alone."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from ib_cli.contracts.errors import RunFailedError
from ib_cli.engine.copies import Samples
from ib_cli.experiment.evaluation import Evaluation
from ib_cli.experiment.experiment import Experiment
from ib_cli.procedures.fit.fit import Fit
from ib_cli.procedures.fit.train_copies import starting_state, train_copies
from ib_cli.run.library import varied
from ib_cli.system.signals import Interrupted

WORDS = ("epochs=3", "estimators=none", "architecture.dropout=0.1")


def test_copies_are_the_runs_that_they_would_be_alone(experiment: Callable[..., Experiment]) -> None:
    base = experiment(*WORDS)
    own = [replace(varied(base, {"gamma": gamma}), records=base.records) for gamma in (0.01, 1.0)]
    alone = [Fit(patience=None, watch="J").run(each, None) for each in own]
    last = [line for line in base.records.metrics.read() if line["split"] == "train" and line["epoch"] == 3]
    stack, averages = train_copies([varied(base, {"gamma": gamma}) for gamma in (0.01, 1.0)], epochs=3)
    for i, finished in enumerate(alone):
        for name, value in finished.params.items():
            torch.testing.assert_close(stack.params[name][i].detach(), value.detach(), atol=1e-5, rtol=1e-4)
        assert averages[i]["J"] == pytest.approx(last[i]["J"], rel=1e-5)


def test_they_go_on_from_given_states_and_leave_the_experiment_alone(experiment: Callable[..., Experiment]) -> None:
    base = experiment(*WORDS)
    before = {name: p.detach().clone() for name, p in base.model.named_parameters()}
    whole, _ = train_copies([varied(base, {}), varied(base, {}, seed=1)], epochs=2)
    copies = [varied(base, {}), varied(base, {}, seed=1)]
    first, _ = train_copies(copies, epochs=1)
    second, _ = train_copies(copies, epochs=1, states=first.states)
    for name, value in whole.params.items():
        assert torch.equal(value, second.params[name])
    assert all(torch.equal(p, before[name]) for name, p in base.model.named_parameters())
    assert not (base.records.folder / "metrics.jsonl").exists()


def test_samples_and_stacks_are_evaluated_alike(experiment: Callable[..., Experiment]) -> None:
    base = experiment(*WORDS)
    copies = [varied(base, {"gamma": gamma}) for gamma in (0.01, 1.0)]
    stack, _ = train_copies(copies, epochs=1)
    as_samples = Samples.of(base.model, {name: value.detach() for name, value in stack.params.items()})
    evaluation = Evaluation(base)
    found = evaluation.of_copies(stack, "test", copies)
    assert found == evaluation.of_copies(as_samples, "test", copies)
    one = evaluation.of({name: value[1] for name, value in stack.params.items()}, "test", copies[1])
    assert found[1] == pytest.approx(one, rel=1e-4)


def test_a_broken_copy_and_a_signal_are_told(experiment: Callable[..., Experiment]) -> None:
    base = experiment(*WORDS)
    broken = varied(base, {})
    with torch.no_grad():
        next(broken.model.parameters()).fill_(float("nan"))
    with pytest.raises(RunFailedError, match="in epoch 1, step 1"):
        train_copies([varied(base, {}), broken], epochs=1)
    with pytest.raises(Interrupted):
        train_copies([replace(varied(base, {}), stop=lambda: signal.SIGINT)], epochs=1)
    assert starting_state(base).step == 0
