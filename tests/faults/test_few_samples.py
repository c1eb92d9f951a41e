"""Few samples, one class, few labels, for what measures a run, walks from task to task or learns from few labels."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ib_cli.contracts.errors import ConfigError
from ib_cli.datasets.few_labels import FewLabels
from ib_cli.procedures.novelty_scores import Scale
from ib_cli.study.job_outcomes import Outcome
from ib_cli.study.study_table import written_alike
from tests.conftest import Ended
from tests.faults.test_numbers import TINY, told, trained

ONE_SAMPLE = ("dataset.train_size=1", "dataset.test_size=1")
QUICK = ("epochs=1", "figures=false", "device=cpu")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def made(ib_train: Callable[..., Ended], *words: str) -> str:
    """The folder of a tiny run."""
    before = set(Path().glob("outputs/*/*/result.json"))
    assert ib_train(*TINY, *words).code == 0
    (new,) = set(Path().glob("outputs/*/*/result.json")) - before
    return str(new.parent)


def measured(run: str) -> dict[str, Any]:
    """The result of the last measurement of a run."""
    files = sorted(Path(run).parent.glob("*/result.json"), key=lambda file: file.stat().st_mtime_ns)
    return json.loads(files[-1].read_text())


def finite(result: dict[str, Any]) -> bool:
    return all(value is not None and math.isfinite(value) for of in ("train", "test") for value in result[of].values())


def test_a_distance_needs_two_samples_and_features_that_vary(ib_train: Callable[..., Ended]) -> None:
    judge = made(ib_train, "objective=ce", "name=judges")
    for size, split in ((("dataset.test_size=1",), "test"), (("dataset.train_size=1",), "train")):
        run = made(ib_train, "objective=vae", *size)
        words = ("procedure=sample_distance", f"procedure.run={run}", f"procedure.classifier={judge}")
        ended = ib_train(*words, "procedure.samples=20")
        assert ended.code == 2 and f"its {split} split has 1 sample, and a distance needs 2 or more" in told(ended)
    run = made(ib_train, "objective=vae", "dataset.train_size=2", "dataset.test_size=2")
    dead = made(ib_train, "objective=ce", "optimizer.lr=1e12", "name=judges")
    words = ("procedure=sample_distance", f"procedure.run={run}", f"procedure.classifier={dead}")
    ended = ib_train(*words, "procedure.samples=20")
    assert ended.code == 0 and finite(measured(run))
    assert f"procedure.classifier={dead}: its features are the same for all of the data" in told(ended)


def test_novelty_of_a_run_of_one_sample_says_what_its_sum_is(ib_train: Callable[..., Ended]) -> None:
    run = made(ib_train, "objective=vae", "dataset.classes=[3]", *ONE_SAMPLE)
    ended = ib_train("procedure=novelty", f"procedure.run={run}")
    assert ended.code == 0 and finite(measured(run))
    assert "D and R do not vary over the training samples: the sum has no deviation to divide by" in told(ended)


def test_a_class_that_was_left_out_and_not_tested_is_not_said_to_be_seen(ib_train: Callable[..., Ended]) -> None:
    x = np.random.default_rng(0).normal(size=(40, 5)).astype("f4")
    np.savez("odd.npz", x=x, y=np.arange(40) % 3, x_test=x[:4], y_test=np.array([0, 0, 1, 1]))
    sizes = ("dataset.train_size=null", "dataset.test_size=null")
    words = ("dataset=npz", "dataset.path=odd.npz", *sizes, "dataset.likelihood=gaussian", "dataset.classes=[0,1]")
    run = made(ib_train, "objective=vae", *words)
    ended = ib_train("procedure=novelty", f"procedure.run={run}")
    assert ended.code == 2 and "its test split has no sample of the classes that it has not seen: name" in told(ended)


def test_a_deviation_of_rounding_is_no_scale() -> None:
    rounded = np.array([44.660001, 44.660002, 44.660001])
    scale = Scale.of({"D": rounded, "R": np.array([0.1, 0.2, 0.3])})
    assert scale.deviation["D"] == 1 and scale.deviation["R"] == pytest.approx(0.0816, rel=1e-2)
    assert len(scale.doubts) == 1 and scale.doubts[0].startswith("D does not vary") and not Scale({}, {}).doubts
    assert np.abs(scale.with_sum({"D": rounded + 1, "R": np.full(3, 0.2)})["sum"]).max() < 1.1


@pytest.mark.parametrize("size", [1, 2])
def test_a_probe_of_few_samples(ib_train: Callable[..., Ended], size: int) -> None:
    run = made(ib_train, "objective=vib", f"dataset.train_size={size}", f"dataset.test_size={size}")
    ended = ib_train("procedure=nuisance_probe", "procedure.label=y", f"procedure.run={run}", *QUICK)
    assert ended.code == 0 and finite(measured(run))


def test_few_labels_at_their_ends(caplog: pytest.LogCaptureFixture) -> None:
    words = ("objective=semi_supervised_vae", "dataset.labelled=1")
    assert finite(trained(*words, "dataset.labelled_share=1e-12"))
    assert "dataset.labelled=1: no label of 9 of the 10 classes is known" in caplog.messages
    with pytest.raises(ConfigError, match="must be less than the 1 training sample; null"):
        trained(*words, "dataset.train_size=1")
    with pytest.raises(ConfigError, match=r"of a batch of 1 leaves no room"):
        trained(*words, "batch_size=1")
    assert FewLabels(torch.empty(0), torch.arange(1), 1e-300).labelled_of(1000) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "words, keys",
    [
        (("procedure=iso_classification", "dataset.classes=[3]"), "dataset.classes"),
        (("procedure=transfer",), "dataset.source and dataset.target"),
        (("procedure=geodesic_transfer",), "dataset.source and dataset.target"),
    ],
)
def test_a_path_needs_a_second_label(words: tuple[str, ...], keys: str) -> None:
    data = (
        "dataset=transfer",
        "dataset.of=digits",
        "dataset.source=[1]",
        "dataset.target=[2]",
        "dataset.labels=mapped",
    )
    with pytest.raises(ConfigError, match=f"all samples have one label, so C is 0 .* by {keys}"):
        trained("objective=free_energy", *words, *(data if "dataset.classes=[3]" not in words else ()))


def test_training_on_needs_no_second_label() -> None:
    data = (
        "dataset=transfer",
        "dataset.of=digits",
        "dataset.source=[1]",
        "dataset.target=[2]",
        "dataset.labels=mapped",
    )
    keys = ("procedure=direct_transfer", "procedure.steps=1", "procedure.equilibration=3", "epochs=60")
    result = trained("objective=free_energy", *data, *keys)
    assert finite(result) and result["train"]["C_drift"] == 0 == result["train"]["C_0"]


def test_one_sample_by_choice_is_told_by_its_key(ib_train: Callable[..., Ended]) -> None:
    words = ("estimators=information_plane", "estimators.use=[kraskov]", "estimators.samples=1")
    ended = ib_train(*TINY, *words)
    assert ended.code == 0 and "kraskov could not estimate: estimators.samples=1 takes 1 sample" in told(ended)


def test_an_error_spells_a_number_as_its_study_does() -> None:
    error = "J became inf in epoch 1, step 1: gamma=3e+38 may be too large, as gamma=3e+39 is"
    outcomes = [
        Outcome("failed", ("gamma=3e+38",), error=error),
        Outcome("failed", ("gamma=0.01568123456",), error="gamma=0.0156812 may be too large, not tau_gamma=0.0156812"),
        Outcome("done", ("gamma=1e-4",)),
    ]
    first, second, third = written_alike(outcomes)
    assert first.error == error.replace("3e+38", "3e38") and first.overrides == ("gamma=3e38",)
    assert second.error == "gamma=1.568123456e-2 may be too large, not tau_gamma=0.0156812"
    assert third.overrides == ("gamma=1e-4",)
