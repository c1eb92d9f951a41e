"""Every YAML takes a step and an evaluation on the device, and agrees with the CPU."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import ib_cli
from ib_cli.config.catalogue import choices
from tests.cuda.conftest import WORD, assert_close
from tests.test_configs import OPTIONS, PROCEDURES, suited

pytestmark = pytest.mark.cuda
WHOLE = ("dataset.train_size=null", "dataset.test_size=null")  # of a small file
DATA = {
    "digits": (),
    "npz": ("dataset.path=colours.npz", "dataset.crop=1", "dataset.flip=true", *WHOLE),
    "gaussian": ("dataset.samples=100", "dataset.test_size=100"),
    "table": ("dataset.path=table.npz", "architecture=tables", "objective=therml", "dataset.passes=5"),
    "therml_toy": ("dataset.passes=5", "architecture=therml_toy", "objective=therml"),
}
REAL = [name for name in choices("dataset") if name not in (*DATA, "measured_run")]  # this one has a test of its own


@pytest.mark.parametrize("group, option", OPTIONS, ids=lambda value: value)
def test_an_option_takes_a_step_as_on_a_cpu(on_both: Callable, group: str, option: str) -> None:
    on_both(*suited(group, option), "epochs=1", "batch_size=100")


@pytest.mark.parametrize("option", PROCEDURES)
def test_a_procedure_runs_as_on_a_cpu(on_both: Callable, option: str) -> None:
    words = PROCEDURES[option][1]
    size = 2000 if "weights=point" in words or option == "hand_crafted" else 100
    on_both(f"procedure={option}", "epochs=1", f"batch_size={size}", *words)


@pytest.mark.parametrize("option", DATA)
def test_a_data_set_makes_the_batches_of_a_cpu(on_both: Callable, option: str) -> None:
    on_both(f"dataset={option}", *DATA[option], "epochs=1", "batch_size=25")


@pytest.mark.parametrize("option", REAL)
def test_real_images_are_those_of_a_cpu(on_both: Callable, real_data: str, option: str) -> None:
    on_both(f"dataset={option}", f"dataset.root={real_data}", "dataset.download=false", "epochs=1", "batch_size=100")


@pytest.mark.parametrize("option", choices("estimators"))
def test_estimates_of_a_run_are_those_of_a_cpu(on_both: Callable, option: str) -> None:
    words = () if option == "none" else ("estimators.use=[mixture,pairwise,kraskov,gaussian,copula,binned]",)
    on_cpu, ours = on_both(f"estimators={option}", *words, "epochs=1", "batch_size=100")
    assert len(ours.estimates) == len(on_cpu.estimates) and bool(words) == bool(ours.estimates)
    for a, b in zip(ours.estimates, on_cpu.estimates):
        names = (a["quantity"], a["estimator"])
        assert names == (b["quantity"], b["estimator"]) and (a["value"] is None) == (b["value"] is None)
        if a["value"] is not None:
            assert_close({names: a["value"]}, {names: b["value"]})


def test_a_whole_run_draws_is_loaded_and_evaluated(ib_train: Callable) -> None:
    words = ("objective=vae", "marginal=vampprior", "dataset.train_size=100", "dataset.test_size=50", "epochs=2")
    ended = ib_train(*words, "estimators=information_plane", f"device={WORD}")
    assert ended.code == 0, ended.err
    (folder,) = Path("outputs/runs").iterdir()
    drawn = {file.name for file in (folder / "figures").iterdir()}
    assert {"training.png", "reconstructions.png", "samples.png", "i_diagram.png"} <= drawn
    assert "WARNING" not in (folder / "run.log").read_text()
    run = ib_cli.load_run(folder, device=WORD)
    assert run.data.device.type == WORD and next(run.model.parameters()).device.type == WORD
    assert_close(run.evaluate(), {name: run.result["test"][name] for name in run.evaluate()}, 1e-5)
    assert run.represent(run.data.splits["test"].x, samples=3).shape[:2] == (3, 50)
    assert len(run.evaluate_samples()) == 50
    elsewhere = ib_cli.load_run(folder, device="cpu")  # a model of a GPU on a machine without one
    assert elsewhere.evaluate()["D"] == pytest.approx(run.evaluate()["D"], rel=0.05)


@pytest.mark.parametrize("words", [(), ("noise=gaussian", "objective=ce")], ids=["plain", "noise"])
def test_a_finished_run_is_measured(ib_train: Callable, words: tuple[str, ...]) -> None:
    small = ("dataset.train_size=100", "dataset.test_size=50", "epochs=2", "estimators=none", f"device={WORD}")
    assert ib_train(*small, *words).code == 0
    (folder,) = Path("outputs/runs").iterdir()
    probe = ("procedure=nuisance_probe", f"procedure.run={folder}", "procedure.label=y", "epochs=2", f"device={WORD}")
    ended = ib_train(*probe)
    assert ended.code == 0, ended.err


def test_the_recipe_of_resnet18_trains(ib_train: Callable, real_data: str, gpu: torch.device) -> None:
    words = ("dataset.train_size=640", "dataset.test_size=100", "epochs=2", "schedule.epochs=200", "figures=false")
    ended = ib_train("sweep=resnet18_cifar10", f"dataset.root={real_data}", "dataset.download=false", *words)
    assert ended.code == 0, ended.err
