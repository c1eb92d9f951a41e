"""Training on the other device beyond the options: keys, groups, the screen, checkpoints, and a whole study."""

from __future__ import annotations

import json
import math
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import ib_cli
from ib_cli.config.catalogue import choices
from ib_cli.contracts.errors import RunFailedError
from ib_cli.engine import train
from ib_cli.engine.train import Reporter
from ib_cli.experiment.experiment import Experiment
from ib_cli.procedures.fit.train_copies import train_copies
from ib_cli.run.library import varied
from ib_cli.run.memory import bytes_of
from ib_cli.system.signals import Interrupted
from ib_cli.watch.observer import Observer
from tests.conftest import SMALL
from tests.families import family
from tests.other_device.conftest import Other
from tests.other_device.device import DEVICE, NAME
from tests.other_device.waits import WAITS
from tests.procedures.fit.test_fit_together import assert_equal
from tests.run.test_resume import STATEFUL
from tests.test_configs import DISCRETE, OWN, REGRESSION, images, one_epoch  # noqa: F401

KEYS = {
    "all that has a state": STATEFUL,
    "early stopping": ("dataset.validation_size=20", "procedure.patience=1"),
    "crops and mirrors": (*OWN, "dataset.crop=2", "dataset.flip=true", "architecture=cnn"),
    "masks of the layers": ("objective=ce", "bottleneck=zero_entropy_noise", "architecture.dropout=0.2",
                            "architecture.monte_carlo=true"),
    "masks of the bottleneck": ("objective=ce", "bottleneck=dropout", "samples=2"),
    "drawn weights": ("objective=weight_ib", "weights=gaussian", "weights.local=none"),
    "means of drawn weights": ("objective=weight_ib", "weights=gaussian", "weights.local=all",
                               "weights.evaluate=mean", *OWN, "architecture=cnn"),
    "Gaussian pixels": ("objective=vae", "decoder.likelihood=gaussian"),
    "pixels of grey levels": ("objective=vae", "decoder.likelihood=categorical"),
    "the optimal decoder of the split": ("objective=decoder_ce", "classifier=optimal", "classifier.trained=split"),
    "samples of a table": (*DISCRETE, "dataset.infinite=false"),
    "a law of x and y": ("dataset=gaussian", "dataset.samples=60", "dataset.test_size=30"),
    "numbers to predict": (*REGRESSION, "objective=vib", "classifier=gaussian", "estimators=information_plane",
                           "estimators.use=[kraskov,gaussian,copula]"),
    "momentum and a warm-up": ("optimizer=sgd", "optimizer.momentum=0.9", "schedule=cosine", "schedule.warmup=0.5"),
}  # fmt: skip
SECOND_LAW = (*DISCRETE, "procedure=second_law", "batch_size=2000", "weights=point", "sigma=1", "procedure.points=9",
              "procedure.prior=0.1", "epochs=1", "procedure.steps=1", "procedure.step_size=0.01",
              "procedure.chains=8")  # fmt: skip


@pytest.mark.parametrize("words", family(KEYS, every=3))
def test_keys_train_without_a_wait(tiny: Callable[..., Experiment], other: Other, words: tuple[str, ...]) -> None:
    one_epoch(tiny(*words, "epochs=1", "batch_size=30"))
    assert not other.waits


@pytest.mark.slow
def test_coupled_models_that_learn_their_steps_wait_for_nothing(tiny: Callable[..., Experiment], other: Other) -> None:
    words = ("weights=point", "sigma=1", "epochs=6", "procedure.burn_in=1", "procedure.chains=2", "procedure.steps=2")
    made = tiny(*DISCRETE, "procedure=zeroth_law", "batch_size=2000", *words)
    made.procedure.run(made, None)
    assert not other.waits


def test_more_temperatures_are_no_more_waits(tiny: Callable[..., Experiment], other: Other) -> None:
    counts = []
    for temperatures in (2, 6):
        made = tiny(*SECOND_LAW, f"procedure.anneal={temperatures}", folder=f"{temperatures}")
        with WAITS.watched() as waits:
            made.procedure.run(made, None)
        counts.append(len(waits))
    assert counts[0] == counts[1]


def test_a_report_of_progress_waits_once(
    tiny: Callable[..., Experiment], other: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "SECONDS_BETWEEN_REPORTS", -1.0)  # after every step
    seen: list[int] = []

    class Screen(Observer):
        def progress(self, epoch: int, step: int, steps: int, averages: Any) -> None:
            assert math.isfinite(averages["J"])
            seen.append(step)

    made = tiny("epochs=1", "batch_size=10")
    one_epoch(replace(made, observers=(Screen(),)))
    assert seen == list(range(1, 7)) and len(other.waits) == len(seen), other.waits


def test_reports_are_half_a_second_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(train.time, "monotonic", lambda: now)
    reporter = Reporter(())
    due = []
    for _ in range(20):
        now += 0.1
        due.append(reporter.due)
        if reporter.due:
            reporter.report(0, 1, 1, {})
    assert sum(due) == 3 and not any(due[:5])


@pytest.mark.parametrize(
    "changed",
    family(
        [
            ([], ["seed=1"], ["seed=1", "gamma=1"]),
            (["optimizer.lr=0.1"], ["optimizer.lr=0.01", "optimizer.weight_decay=0.1"]),
            (["optimizer=adamw", "optimizer.lr=0.1"], ["optimizer=adamw", "optimizer.weight_decay=0.1"]),
        ],
        every=3,
        whole=True,
    ),
    ids=["seeds and multipliers", "rates", "decay apart from the gradient"],
)
def test_copies_train_as_on_a_cpu(
    experiment: Callable[..., Experiment], other: Other, changed: tuple[list[str], ...]
) -> None:
    found = []
    for place in (NAME, "cpu"):
        other.device = torch.device(place)
        made = [experiment(*STATEFUL, *words, folder=f"{place}{i}") for i, words in enumerate(changed)]
        stack, means = train_copies(made, epochs=3)
        assert {p.device.type for p in stack.params.values()} == {place}
        found.append(({name: p.detach().cpu() for name, p in stack.params.items()}, means))
    (params, means), (expected, of_cpu) = found
    assert not other.waits
    assert means == [pytest.approx(each, rel=1e-4, abs=1e-4) for each in of_cpu]
    torch.testing.assert_close(params, expected, rtol=1e-4, atol=1e-5)


def test_a_group_without_a_number_fails_alone(experiment: Callable[..., Experiment], other: Other) -> None:
    base = experiment("batch_size=100")
    broken = varied(base, {})
    with torch.no_grad():
        next(broken.model.parameters()).fill_(float("nan"))
    with pytest.raises(RunFailedError, match="in epoch 1, step 1"):
        train_copies([varied(base, {}), broken], epochs=1)
    assert bytes_of(base) > 10_000


def ended(made: Experiment, checkpoint: dict[str, Any] | None, calls: int | None = None) -> dict[str, float] | None:
    """The measures of the run's end; None where it is stopped at the question with this number."""
    asked = iter(range(10_000))
    stop = (lambda: signal.SIGINT if next(asked) >= calls else None) if calls is not None else lambda: None
    try:
        return made.procedure.run(replace(made, stop=stop), checkpoint).measures["test"]
    except Interrupted:
        return None


@pytest.mark.parametrize(
    "places",
    [(NAME, NAME), *(pytest.param(places, marks=pytest.mark.slow) for places in ((NAME, "cpu"), ("cpu", NAME)))],
    ids=" to ".join,
)
@pytest.mark.parametrize("calls", family({"after an epoch": 4, "within one": 2}, quick=["within one"]))
def test_a_checkpoint_goes_on(
    experiment: Callable[..., Experiment], other: Other, places: tuple[str, str], calls: int
) -> None:
    words = ("batch_size=50", "epochs=3", *STATEFUL)
    other.device = torch.device(places[1])
    expected = ended(experiment(*words, folder="whole"), None)
    other.device = torch.device(places[0])
    assert ended(experiment(*words), None, calls) is None
    other.device = torch.device(places[1])
    made = experiment(*words)
    checkpoint = made.records.load_checkpoint(made.device)
    assert checkpoint is not None and all(p.device.type == places[1] for p in checkpoint["params"].values())
    found = ended(made, checkpoint)
    if calls == 2 and places[0] != places[1]:  # the rest of the epoch draws other numbers
        assert found is not None and all(map(math.isfinite, found.values()))
    else:
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-5)


@pytest.mark.slow
def test_a_study_on_the_device_is_that_of_a_cpu(ib_train: Callable, other: Other) -> None:
    words = ("-m", *SMALL, *STATEFUL, "gamma=0.1,1", "objective=free_energy", "hydra/launcher=vectorized")
    there = ib_train(*words, "figures=true", "name=there")
    other.device = torch.device("cpu")
    here = ib_train(*words, "name=here")
    assert there.code == here.code == 0, there.out + there.err
    assert not other.waits
    assert_equal(Path("outputs/there"), Path("outputs/here"))
    other.device = torch.device(NAME)
    folder = next(Path("outputs/there").glob("*/result.json")).parent
    assert (folder / "figures/samples.png").exists()
    run = ib_cli.load_run(folder)
    x = run.data.splits["test"].x[:3]
    assert x.device == DEVICE == run.represent(x.cpu()).device == run.encode(x).mean.device
    measured = json.loads((folder / "result.json").read_text())["test"]
    assert run.evaluate("test") == pytest.approx({name: measured[name] for name in run.evaluate("test")}, rel=1e-4)
    assert len(run.evaluate_samples("test")) == 100


@pytest.mark.slow
@pytest.mark.parametrize("option", [name for name in choices("dataset") if name.endswith(("mnist", "cifar10"))])
def test_real_images_train(tiny: Callable[..., Experiment], other: Other, real_data: str, option: str) -> None:
    one_epoch(tiny(f"dataset={option}", f"dataset.root={real_data}", "epochs=1", "batch_size=30"))
    assert not other.waits
