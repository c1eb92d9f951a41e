"""Every YAML takes steps and an evaluation on the other device: nothing mixes, and no epoch waits for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ib_cli.config.catalogue import choices
from ib_cli.experiment.experiment import Experiment
from tests.families import family
from tests.other_device.conftest import Other
from tests.test_configs import OPTIONS, PROCEDURES, images, one_epoch, suited, suited_to  # noqa: F401


@pytest.mark.slow
@pytest.mark.parametrize("group, option", OPTIONS, ids=lambda value: value)
def test_an_option_trains(tiny: Callable[..., Experiment], other: Other, group: str, option: str) -> None:
    one_epoch(tiny(*suited(group, option), "epochs=1", "batch_size=30"))
    assert not other.waits


@pytest.mark.parametrize("option", family(choices("procedure"), quick=["fit", "zeroth_law"]))
def test_a_procedure_runs(tiny: Callable[..., Experiment], other: Other, option: str) -> None:
    one_epoch(tiny(*suited_to(option)), PROCEDURES[option][0])
    assert not other.waits


def test_few_labels_wait_for_nothing(tiny: Callable[..., Experiment], other: Other) -> None:
    one_epoch(tiny("objective=semi_supervised_vae", "dataset.labelled=20", "epochs=1", "batch_size=30"))
    assert not other.waits
