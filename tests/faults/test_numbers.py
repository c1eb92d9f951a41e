"""Multipliers, rates and sizes at their ends: a right result, or a line that names the key, its value and the epoch."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ib_cli
from ib_cli.config.catalogue import choices, multipliers
from ib_cli.contracts.errors import ConfigError, RunFailedError
from ib_cli.functionals.objective import Objective
from ib_cli.report.main import main as report
from ib_cli.report.read.words import is_missing
from ib_cli.run.describe import doubts
from tests.conftest import SMALL, Ended

TINY = (
    "dataset.train_size=60", "dataset.test_size=20", "architecture.widths=[4]", "bottleneck.size=2", "epochs=1",
    "batch_size=30", "figures=false", "estimators=none", "device=cpu",
)  # fmt: skip
FAST = "optimizer.lr=1e+30 may be too large"


def told(ended: Ended) -> str:
    assert "Traceback" not in ended.out + ended.err
    return " ".join((ended.out + ended.err).split())


def trained(*words: str) -> dict[str, Any]:
    finished = ib_cli.train(ib_cli.build(ib_cli.compose([*TINY, *words])))
    return json.loads((finished.folder / "result.json").read_text())


# Every multiplier of every objective; the fast part has those of three.
MULTIPLIERS = [(objective, name) for objective in choices("objective") for name in multipliers(objective)]
QUICK = ("vib", "beta_vae", "dib_mix")


@pytest.mark.parametrize(
    "objective, name",
    [case if case[0] in QUICK else pytest.param(*case, marks=pytest.mark.slow) for case in MULTIPLIERS],
)
@pytest.mark.parametrize("value", ["0", "1e-12", "1e12", "3e38"])
def test_a_multiplier_at_its_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, objective: str, name: str, value: str
) -> None:
    monkeypatch.chdir(tmp_path)
    drawn = ["weights=gaussian"] if objective == "therml" and name == "sigma" and value != "0" else []
    try:
        result = trained(f"objective={objective}", f"{name}={value}", *drawn)
    except RunFailedError as error:
        assert value == "3e38" and re.search(rf"epoch 1, step 1: .*{name}=3e\+38 may be too large", str(error))
    except ConfigError as error:
        assert value == "0" and str(error).startswith(f"{name}=")
    else:
        assert all(math.isfinite(result[split]["J"]) for split in ("train", "test"))


@pytest.mark.parametrize("objective, likeness", [("dib_mix", "H[Z|Y]"), ("ib_mix", "I[X;Z|Y]")])
def test_a_mix_takes_a_multiplier_below_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, objective: str, likeness: str
) -> None:
    monkeypatch.chdir(tmp_path)
    test = trained(f"objective={objective}", "gamma=-1")["test"]
    assert test["J"] == pytest.approx(2 * test[likeness], abs=1e-4)
    with pytest.raises(ConfigError, match="gamma=-1: a multiplier must be finite and not negative"):
        trained("objective=vib", "gamma=-1")
    with pytest.raises(ConfigError, match=r"at most 3\.4e38"):
        trained(f"objective={objective}", "gamma=-1e39")


@pytest.mark.slow
def test_a_report_shows_multipliers_below_0(ib_train: Callable[..., Ended], capsys: pytest.CaptureFixture) -> None:
    assert ib_train("-m", *TINY, "objective=dib_mix", "gamma=-1,-0.5,0,0.5,1", "hydra/launcher=vectorized").code == 0
    report(["outputs/runs", "--thermodynamics", "--latex"])
    ended = capsys.readouterr()
    assert "5 done" in ended.out and "damaged" not in ended.out and ended.err == ""
    assert Path("outputs/runs/figures/thermodynamics_susceptibilities.png").exists()


def test_an_empty_cell_of_any_kind_is_missing() -> None:
    assert all(map(is_missing, (None, math.nan, np.float64("nan"), pd.NA)))
    assert not any(map(is_missing, (0, "", [1, 2], False, math.inf)))


def test_a_multiplier_may_be_negative_where_it_moves_weight_between_terms() -> None:
    assert Objective({"C": "gamma", "R": "-gamma", "D": "beta"}).signed == {"gamma"}
    assert Objective({"R": 1, "B": "-alpha"}).signed == frozenset()


@pytest.mark.parametrize(
    "words",
    [
        ("optimizer.lr=1e30",),
        ("optimizer.lr=1e30", "epochs=2", "evaluate_train=true"),
        pytest.param(("optimizer=sgd", "optimizer.lr=1e30", "dataset.validation_size=30"), marks=pytest.mark.slow),
        pytest.param(("objective=information_dropout", "optimizer.lr=1e30"), marks=pytest.mark.slow),
    ],
)
def test_a_run_that_diverges_in_its_last_step_fails(ib_train: Callable[..., Ended], words: tuple[str, ...]) -> None:
    ended = ib_train(*TINY, "batch_size=60", *words)
    place = "after the last step of epoch 1" if "epochs=2" not in words else "in epoch 2, step 1"
    assert ended.code == 1 and re.search(rf"failed: C became nan.* {place}: {re.escape(FAST)}", told(ended))
    again = ib_train(*TINY, "batch_size=60", *words)
    assert again.code == 1 and FAST in told(again)


def test_a_group_loses_the_run_that_diverges_alone(ib_train: Callable[..., Ended]) -> None:
    ended = ib_train("-m", *TINY, "batch_size=60", "epochs=1", "optimizer.lr=1e30,1e-3", "hydra/launcher=vectorized")
    assert ended.code == 1 and "1 done, 1 failed" in ended.out
    assert "after the last step of epoch 1: optimizer.lr=1e30 may be too large" in told(ended)  # as it was typed


@pytest.mark.parametrize(
    "words, line",
    [
        pytest.param(
            ("objective=ce", "procedure=langevin", "procedure.temperature=1", "procedure.step_size=1e30",
             "procedure.burn_in=0", "procedure.steps=3", "procedure.chains=2"),
            r"in epoch 1: try less than procedure\.step_size=1e\+30, less than procedure\.prior=1, or procedure",
            marks=pytest.mark.slow,  # its first step takes seconds
        ),
        (
            ("objective=free_energy", "procedure=equilibrate", "procedure.equilibration=1", "procedure.peak=1e30",
             "batch_size=20"),
            r"in epoch \d, step \d: procedure\.peak=1e\+30 may be too large",
        ),
        (
            ("objective=surrogate_l2", "bottleneck=zero_entropy_noise", "procedure=noise_scaling", "bottleneck.size=4"),
            r"in epoch 1, step 1: procedure\.start=200 may be too large for bottleneck\.size=4",
        ),
    ],
    ids=["langevin", "equilibrate", "noise_scaling"],
)  # fmt: skip
def test_a_procedure_that_diverges_names_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunFailedError, match=line):
        trained(*words)


@pytest.mark.parametrize("launcher", ["sequential", "vectorized"])
def test_a_batch_larger_than_the_data_is_said_once(ib_train: Callable[..., Ended], launcher: str) -> None:
    ended = ib_train("-m", *TINY, "batch_size=1000", "gamma=1,2", f"hydra/launcher={launcher}")
    line = "batch_size=1000: there are 60 training samples, so each epoch is one step of all"
    assert ended.code == 0 and told(ended).count(line) == 1
    assert all(line in log.read_text() for log in Path("outputs/runs").glob("*/run.log"))


def test_a_batch_that_fits_is_not_mentioned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plain = [word for word in TINY if not word.startswith(("dataset", "architecture"))]
    table = ("dataset=therml_toy", "architecture=therml_toy", "objective=therml", "sigma=0", "batch_size=100000")
    for words in ([*TINY, "batch_size=60"], [*plain, *table]):
        assert doubts(ib_cli.build(ib_cli.compose(words))) == []


@pytest.mark.parametrize(
    "words, line",
    [
        (("dataset.train_size=1", "objective=dib"), "dataset.train_size: there is 1 training sample: this objective"),
        (("batch_size=1", "objective=dib"), "batch_size=1: this objective has H[Y|Z]"),
        (
            ("dataset.train_size=1", "architecture.batch_norm=true"),
            "dataset.train_size: there is 1 training sample: ba",
        ),
        (("batch_size=1", "architecture.batch_norm=true"), "batch_size=1: batch normalisation needs"),
    ],
)
def test_what_a_single_sample_cannot_do_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=re.escape(line)):
        trained(*words)


@pytest.mark.parametrize("size", [1, pytest.param(2, marks=pytest.mark.slow), 3])
def test_few_samples_train_and_are_estimated_as_far_as_they_can_be(ib_train: Callable[..., Ended], size: int) -> None:
    words = ("estimators=information_plane", "estimators.use=[mixture,pairwise,kraskov,gaussian,copula,binned]")
    ended = ib_train(*TINY, *words, f"dataset.train_size={size}", f"dataset.test_size={size}")
    assert ended.code == 0
    assert size > 1 or "kraskov could not estimate: the train split has 1 sample, and estimates need 2 or more" in told(
        ended
    )


X = np.random.default_rng(0).normal(size=(40, 5)).astype("f4")
Y = np.arange(40) % 3
BYTES = (np.abs(X) * 60).astype("u1")
ODD = {
    "one class": ({"x": X, "y": 0 * Y}, ["the same label: there is nothing to predict"]),
    "one sample a class": ({"x": X[:6], "y": np.arange(6), "x_test": X[6:12], "y_test": np.arange(6)}, []),
    "all alike": ({"x": np.ones_like(X), "y": Y}, ["the same x: there is nothing to learn from it"]),
    "bytes alike": ({"x": np.full((40, 4, 4), 200, "u1"), "y": Y}, ["the same x: there is nothing to learn from it"]),
    "a constant column": ({"x": np.where(np.arange(5) == 2, 7, X), "y": Y}, []),
    "a constant pixel": ({"x": np.repeat(BYTES, 5, 1).reshape(40, 5, 5) * np.tri(5, dtype="u1"), "y": Y}, []),
    "two points": ({"x": np.repeat(X[:2], 20, 0), "y": np.repeat([0, 1], 20)}, []),
    "one test sample": ({"x": X, "y": Y, "x_test": X[:1], "y_test": Y[:1]}, []),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("normalise", ["standard", pytest.param("none", marks=pytest.mark.slow)])
def test_odd_data_train_with_finite_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str, normalise: str
) -> None:
    monkeypatch.chdir(tmp_path)
    arrays, lines = ODD[name]
    np.savez("odd.npz", **arrays)
    words = ("objective=semi_supervised_vae", "dataset=npz", "dataset.path=odd.npz", f"dataset.normalise={normalise}",
             "dataset.train_size=null", "dataset.test_size=null", "estimators=information_plane",
             "estimators.use=[mixture,kraskov,gaussian,binned]", "dataset.likelihood=gaussian")  # fmt: skip
    result = trained(*words)
    assert all(math.isfinite(value) for split in ("train", "test") for value in result[split].values())
    alike = "dataset: all training samples have "
    assert [line.removeprefix(alike) for line in caplog.messages if line.startswith(alike)] == lines
    known = [each for of in result["estimates"].values() for each in of.values()]
    assert all(each["value"] is not None or each["reason"] for each in known)


def test_an_archive_of_one_sample_says_how_many_are_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("one.npz", x=X[:1], y=Y[:1])
    with pytest.raises(ConfigError, match=r"one.npz must hold 2 samples or more, one to train on and one to test with"):
        trained("dataset=npz", "dataset.path=one.npz", "dataset.train_size=null", "dataset.test_size=null")


def test_usual_data_have_no_doubts(experiment: Callable[..., Any]) -> None:
    assert experiment(*SMALL).data.doubts == ()
