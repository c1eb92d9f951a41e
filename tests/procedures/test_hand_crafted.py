"""TherML's hand-crafted optimum as a run: what it measures, draws and refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ib_cli.datasets.toy_table import toy_table
from ib_cli.exact.table import Table
from ib_cli.exact.tabular import solve
from ib_cli.experiment.experiment import Experiment
from ib_cli.procedures import hand_crafted

WORDS = ("procedure=hand_crafted", "dataset=therml_toy", "device=cpu", "objective=therml")
TOY = ("architecture=therml_toy", "eval_samples=2")


def test_the_optimum_spends_the_information_of_the_label_and_no_more(ib_train: Callable) -> None:
    ended = ib_train(*WORDS, *TOY, "rho=0.5", "delta=0", "gamma=1")
    assert ended.code == 0, ended.err
    (folder,) = Path("outputs/runs").iterdir()
    done = json.loads((folder / "result.json").read_text())
    assert done["status"] == "done" and done["epochs"] == 0
    test, exact = done["test"], solve(Table(toy_table()), 0.5, 0, 1)
    # z is a draw of the label given x, so I(X;Z) = I(X;Y); the frontier gives C at least J* − ρ R for so much rate.
    assert test["R"] == pytest.approx(0.5, abs=0.01)
    assert exact.J - 0.5 * test["R"] - 1e-6 <= test["C"] < exact.J - 0.5 * test["R"] + 0.02
    assert test["D"] == pytest.approx(Table(toy_table()).x_entropy - test["R"], abs=0.05)
    assert done["train"]["J"] == pytest.approx(test["J"], abs=1e-4)
    assert (folder / "figures" / "distributions.png").stat().st_size > 20_000


def test_killed_as_it_begins_anew_it_still_begins_anew(
    experiment: Callable[..., Experiment], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lines are deleted only after the checkpoint that counts them."""
    first = experiment(*WORDS, *TOY)
    first.procedure.run(first, None)
    lines = first.records.metrics.read()
    first.records.close()
    with monkeypatch.context() as patch:
        patch.setattr(hand_crafted, "craft", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        second = experiment(*WORDS, *TOY)
        with pytest.raises(KeyboardInterrupt):
            second.procedure.run(second, second.records.load_checkpoint(torch.device("cpu")))
        second.records.close()
    third = experiment(*WORDS, *TOY)
    third.procedure.run(third, third.records.load_checkpoint(torch.device("cpu")))
    assert third.records.metrics.read() == lines and len(lines) == 2


@pytest.mark.parametrize(
    "words",
    [
        ("marginal=standard_normal",),
        (*TOY, "decoder=mlp"),
        (*TOY, "dataset.bins=5", "classifier=linear"),
        (
            "architecture=mlp",
            "architecture.widths=[1]",
            *(f"{part}=therml_toy" for part in ("bottleneck", "decoder", "classifier")),
            "marginal=categorical",
        ),
    ],
)
def test_another_model_is_refused_in_one_line(ib_train: Callable, words: tuple[str, ...]) -> None:
    ended = ib_train(*WORDS, *words)
    lines = ended.err.strip().splitlines()
    assert ended.code == 2 and len(lines) == 1, ended.out + ended.err
    assert "procedure=hand_crafted sets all parts of one model" in lines[0], ended.err
    assert not Path("outputs").exists()
