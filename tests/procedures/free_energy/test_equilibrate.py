"""Bringing a model to the surface, and to a second place: what is recorded, and that a stopped run goes on."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace

import pytest

from ib_cli.experiment.experiment import Experiment
from ib_cli.system.signals import Interrupted

WORDS = (
    "procedure=equilibrate", "epochs=40", "procedure.equilibration=4", "procedure.peak=2e-3", "evaluate_every=2",
    "procedure.next_lambda=1.02", "procedure.next_gamma=8.32",
)  # fmt: skip


def test_it_records_both_places_and_the_way_and_goes_on_where_it_was_stopped(tiny: Callable[..., Experiment]) -> None:
    made = tiny(*WORDS)
    finished = made.procedure.run(made, None)
    lines = made.records.metrics.read()
    on_train = [line for line in lines if line["split"] == "train" and "F" in line]
    first, way, last = on_train
    assert (first["path_step"], last["path_step"]) == (0, 1) and "path_step" not in way
    assert [line["epoch"] for line in on_train] == [44, 46, 48]
    assert (first["lambda"], first["gamma"]) == (1.0, 8.0) and way["gamma"] == last["gamma"] == 8.32
    assert last["F"] == pytest.approx(last["R"] + 1.02 * last["D_error"] + 8.32 * last["C"])
    train = finished.measures["train"]
    assert train["F_change"] == pytest.approx(last["F"] / first["F"] - 1)
    assert train["gradient_norm_before"] == first["gradient_norm"] > 0 and train["gradient_norm"] > 0
    assert finished.epochs == 48 == made.procedure.epochs(made)

    again = tiny(*WORDS, folder="stopped")

    def stop() -> int | None:
        return signal.SIGINT if any("path_step" in line for line in again.records.metrics.read()) else None

    with pytest.raises(Interrupted):
        again.procedure.run(replace(again, stop=stop), None)
    again.records.close()
    again = tiny(*WORDS, folder="stopped")
    checkpoint = again.records.load_checkpoint(again.device)
    assert checkpoint["epoch"] == 44
    assert again.procedure.run(again, checkpoint).measures == finished.measures
    assert again.records.metrics.read() == lines


def test_without_a_second_place_it_ends_at_the_first(tiny: Callable[..., Experiment]) -> None:
    made = tiny(*WORDS, "procedure.next_lambda=null", "procedure.next_gamma=null")
    finished = made.procedure.run(made, None)
    steps = [line["path_step"] for line in made.records.metrics.read() if "path_step" in line]
    assert steps == [0, 0] and finished.epochs == 44
    assert abs(finished.measures["train"]["F_change"]) <= 0.01
