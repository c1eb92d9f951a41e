"""Learning rates against time."""

from __future__ import annotations

import math

import pytest

from ib_cli.engine.schedules import Constant, Cosine, Exponential, Plateau, Step


def test_shapes() -> None:
    assert [Constant(warmup=0).factor(t) for t in (0, 7.5)] == [1, 1]
    step = Step(warmup=0, milestones=[2, 4], rate=0.1)
    assert [step.factor(t) for t in (0, 1.99, 2, 4)] == pytest.approx([1, 1, 0.1, 0.01])
    stairs = Exponential(warmup=0, rate=0.97, every=2, staircase=True)
    assert [stairs.factor(t) for t in (0, 1.9, 2, 5)] == pytest.approx([1, 1, 0.97, 0.97**2])
    assert Exponential(warmup=0, rate=0.97, every=2, staircase=False).factor(3) == pytest.approx(0.97**1.5)
    cosine = Cosine(warmup=0, epochs=10, floor=0.2)
    assert [cosine.factor(t) for t in (0, 5, 10)] == pytest.approx([1, 0.6, 0.2])


def test_warmup_rises_linearly_before_every_shape() -> None:
    assert Constant(warmup=4).factor(1) == 0.25
    cosine = Cosine(warmup=2, epochs=10, floor=0)
    assert [cosine.factor(t) for t in (0, 1, 2, 6)] == pytest.approx([0, 0.5, 1, 0.5 * (1 + math.cos(math.pi / 2))])


def test_plateau_drops_after_more_than_patience_flat_epochs_and_survives_a_checkpoint() -> None:
    plateau = Plateau(warmup=0, rate=0.8, patience=3)
    for J in (5, 4, 4, 4, 4):
        plateau.observe(J)
    assert plateau.factor(5) == 1
    again = Plateau(warmup=0, rate=0.8, patience=3)
    again.load(plateau.state())
    again.observe(4.5)
    assert again.factor(6) == 0.8
    again.observe(3)
    assert again.state() == {"best": 3, "flat": 0, "drops": 1}
