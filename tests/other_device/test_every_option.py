"""Every YAML takes steps and an evaluation on the other device: nothing mixes, and no epoch waits for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ib_cli.config.catalogue import choices
from ib_cli.experiment.experiment import Experiment
from tests.test_configs import OPTIONS, PROCEDURES, images, one_epoch, suited, suited_to  # noqa: F401

FEW = ["dataset.train_size=60", "dataset.test_size=30"]  # two steps, and an evaluation of a batch
DISCRETE = ["dataset.passes=2"]  # over a table of 60 cells


def few(words: list[str]) -> list[str]:
    """The words, and what makes an epoch of them a few steps long."""
    if "dataset=therml_toy" in words:
        return [*words, *DISCRETE]
    own = any(word.startswith(("dataset=", "procedure.run=")) for word in words)
    return words if own else [*FEW, *words]


@pytest.mark.parametrize("group, option", OPTIONS, ids=lambda value: value)
def test_an_option_trains(experiment: Callable[..., Experiment], other: list[str], group: str, option: str) -> None:
    one_epoch(experiment(*few(suited(group, option)), "epochs=1", "batch_size=30"))
    assert not other


@pytest.mark.parametrize("option", choices("procedure"))
def test_a_procedure_runs(experiment: Callable[..., Experiment], other: list[str], option: str) -> None:
    one_epoch(experiment(*few(suited_to(option))), PROCEDURES[option][0])
    assert not other
