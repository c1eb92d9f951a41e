"""A network so small that a path over its surface takes seconds."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ib_cli.experiment.experiment import Experiment

TINY = (
    "objective=free_energy", "dataset.likelihood=gaussian", "decoder.scale=0.70710678", "decoder.widths=[16]",
    "architecture.batch_norm=true", "decoder.batch_norm=true", "bottleneck.size=2", "lambda=1", "gamma=8",
    "epochs=100", "schedule=cosine", "batch_size=100", "eval_samples=2", "evaluate_every=50", "checkpoint_every=10",
    "optimizer.lr=1e-2",
)  # fmt: skip


@pytest.fixture
def tiny(experiment: Callable[..., Experiment]) -> Callable[..., Experiment]:
    """Builds it, on 200 digits."""
    return lambda *overrides, folder="run": experiment(*TINY, *overrides, folder=folder)
