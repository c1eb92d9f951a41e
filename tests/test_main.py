"""ib-train as its user meets it: results, skipping, multiruns, help and every kind of wrong input."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import yaml
from hydra import compose, initialize_config_dir

import ib_cli
from ib_cli.config.catalogue import choices, directory
from ib_cli.config.guarded_hydra import guarded_hydra
from ib_cli.config.quick_composing import quick_composing
from ib_cli.config.quick_yaml import quick_yaml
from ib_cli.main import store_studies
from tests.conftest import SMALL
from tests.families import family


def results(root: Path = Path("outputs")) -> list[dict]:
    return [json.loads(file.read_text()) for file in sorted(root.glob("*/*/result.json"))]


def test_a_run_leaves_its_records(ib_train: Callable) -> None:
    ended = ib_train(*SMALL, "figures=true")
    assert ended.code == 0, ended.err
    assert "minimise C + 0.01 R" in ended.out
    (folder,) = Path("outputs/runs").iterdir()
    assert {"config.yaml", "metrics.jsonl", "checkpoint.pt", "result.json", "run.log"} <= {
        f.name for f in folder.iterdir()
    }
    assert (folder / "figures" / "training.png").stat().st_size > 10_000
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [(line["epoch"], line["step"], line["split"]) for line in lines] == [
        (1, 4, "train"),
        (1, 4, "test"),
        (2, 8, "train"),
        (2, 8, "test"),
    ]
    result = json.loads((folder / "result.json").read_text())
    assert result["status"] == "done" and result["objective"] == "vib" and result["epochs"] == 2
    assert result["lagrangian"] == "minimise C + 0.01 R" and result["multipliers"] == {"gamma": 0.01}
    assert result["test"]["J"] == pytest.approx(result["test"]["C"] + 0.01 * result["test"]["R"], rel=1e-5)
    assert result["test"]["error"] == pytest.approx(1 - result["test"]["accuracy"])
    assert result["test"]["H_model[Y|X]"] <= result["test"]["C"] == result["test"]["H_model[Y|Z]"]
    assert yaml.safe_load((folder / "config.yaml").read_text())["gamma"] == 0.01


def test_a_finished_run_is_shown_and_repeated_only_when_asked(ib_train: Callable) -> None:
    ib_train(*SMALL)
    (file,) = Path("outputs").glob("*/*/result.json")
    first, written = json.loads(file.read_text()), file.stat().st_mtime_ns
    again = ib_train(*SMALL)
    assert again.code == 0 and "done before" in again.out and file.stat().st_mtime_ns == written
    assert ib_train(*SMALL, "rerun=true").code == 0
    assert file.stat().st_mtime_ns > written
    second = json.loads(file.read_text())
    assert second["test"] == first["test"] and second["train"] == first["train"]  # bit for bit on the CPU


def test_what_cannot_change_the_numbers_does_not_change_the_folder(ib_train: Callable) -> None:
    ib_train(*SMALL)
    assert "done before" in ib_train(*SMALL, "tracker=tensorboard", "figures=true", "checkpoint_every=2").out
    assert "done before" not in ib_train(*SMALL, "seed=1").out


def test_multirun_makes_a_run_a_point_and_rate_falls_with_gamma(ib_train: Callable) -> None:
    ended = ib_train("-m", *SMALL, "epochs=10", "dataset.train_size=400", "gamma=1e-4,1e-2,1", "seed=0,1")
    assert ended.code == 0 and "6 done" in ended.out
    points = sorted((r["seed"], r["multipliers"]["gamma"], r["test"]["R"], r["test"]["C"]) for r in results())
    assert len(points) == 6
    for seed in (0, 1):
        rates = [R for s, _, R, _ in points if s == seed]
        errors = [C for s, _, _, C in points if s == seed]
        assert rates == sorted(rates, reverse=True)
        assert errors[-1] > errors[0]


def test_one_wrong_point_of_a_multirun_leaves_the_others(ib_train: Callable) -> None:
    ended = ib_train("-m", *SMALL, "gamma=1e-2,-1")
    assert ended.code == 1 and "1 done, 1 wrong" in ended.out
    assert ended.err == "ib-train: gamma=-1: a multiplier must be finite and not negative\n"
    assert len(results()) == 1


def test_help_lists_groups_objectives_and_examples(ib_train: Callable) -> None:
    text = ib_train("--help").out
    for word in (
        "architecture",
        "resnet18",
        "vib",
        "minimise C + gamma R",
        "minimise R + lambda D + gamma C",
        "ib-train -m gamma",
    ):
        assert word in text
    assert text.count("  ib-train") >= 5 and "dataset_options" not in text
    assert max(map(len, text.splitlines())) <= 80
    assert "gamma: 0.01" in ib_train("--cfg", "job").out


def test_a_diverging_loss_fails_with_epoch_term_and_hint(ib_train: Callable) -> None:
    ended = ib_train(*SMALL, "optimizer=sgd", "optimizer.lr=1e12")
    assert ended.code == 1
    (result,) = results()
    assert result["status"] == "failed" and "epoch 1" in result["error"] and "optimizer.lr" in result["error"]
    assert result["error"].split()[0] in ("C", "R") and "Traceback" not in ended.err


WITHOUT_RATE = ("categorical", "uniform")  # for a Gaussian q(z|x)


@pytest.mark.parametrize(
    "marginal",
    family([choice for choice in choices("marginal") if choice not in WITHOUT_RATE], quick=["standard_normal"]),
)
def test_a_model_with_a_decoder_draws_reconstructions_and_samples(ib_train: Callable, marginal: str) -> None:
    words = [*(word for word in SMALL if word != "estimators=none"), "estimators.use=[mixture]"]
    ended = ib_train(*words, "figures=true", "objective=vae", f"marginal={marginal}")
    assert ended.code == 0, ended.out
    (folder,) = Path("outputs").glob("*/*/figures")
    of_z = {"latent.png", "prior.png", "interpolations.png"}
    expected = {"training.png", "i_diagram.png", "reconstructions.png", "samples.png", *of_z}
    assert {file.name for file in folder.iterdir()} == expected


def make_npz(**changes: object) -> str:
    rng = np.random.default_rng(0)
    arrays = {"x": rng.random((40, 6)).astype("float32"), "y": np.arange(40) % 4} | changes
    np.savez("my.npz", **{key: value for key, value in arrays.items() if value is not None})
    return "dataset.path=my.npz"


def test_new_arrays_under_an_old_name_make_a_new_run(ib_train: Callable) -> None:
    words = (*SMALL, "dataset.train_size=null", "dataset.test_size=null", "dataset=npz")
    ib_train(*words, make_npz())
    assert "done before" in ib_train(*words, "dataset.path=my.npz").out
    assert "done before" not in ib_train(*words, make_npz(y=np.arange(40) % 2)).out


def test_one_and_one_point_nought_are_the_same_run(ib_train: Callable) -> None:
    ib_train(*SMALL, "gamma=1")
    assert "done before" in ib_train(*SMALL, "gamma=1.0").out


def test_a_weight_of_zero_measures_without_training(ib_train: Callable) -> None:
    ended = ib_train(*SMALL, "objective.minimise.R=0")
    assert ended.code == 0 and "minimise C\n" in ended.out
    assert results()[0]["test"]["R"] > 0


def test_own_arrays(ib_train: Callable) -> None:
    assert ib_train(*SMALL, "dataset.train_size=null", "dataset.test_size=null", "dataset=npz", make_npz()).code == 0


@pytest.mark.parametrize(
    "arguments, expected",
    family(
        [
            (["objective=vob"], "objective=vob: no such objective; did you mean vib? ib-train objective=vib"),
            (
                ["dataset=gaussian", "dataset.covariance=[[1,nan],[nan,1]]"],
                "dataset.covariance.0.1=nan: must be a finite",
            ),
            (["dataset=minst"], "dataset=minst: no such dataset; did you mean mnist?"),
            (["epoch=3"], "epoch: no such key; did you mean epochs?"),
            (["+epoch=3"], "epoch: no such key; did you mean epochs?"),
            (["architecture.width=[3]"], "architecture.width: "),
            (["+architecture.width=[3]"], "architecture.width: no such key; did you mean widths?"),
            (["sigma=1"], "sigma is no multiplier of objective=vib, which has: gamma"),
            (
                ["objective=free_energy", "beta=1"],
                "beta is no multiplier of objective=free_energy, which has: lambda, gamma",
            ),
            (["objective=ce", "+gamma=1"], "gamma is no multiplier of objective=ce, which has: none"),
            (["gamma=abc"], "gamma=abc: a multiplier is a number"),
            (["gamma=-1"], "gamma=-1: a multiplier must be finite and not negative"),
            (["gamma=nan"], "gamma=nan: a multiplier must be finite"),
            (
                ["gamma=1,2"],
                "gamma=1,2: several values need a multirun, which has the flag -m; "
                "a list is written KEY=[a,b]: ib-train",
            ),
            (["epochs=two"], "epochs=two: must be an integer"),
            (["epochs=0"], "epochs=0: must be greater than 0"),
            (["architecture.dropout=1.5"], "architecture.dropout=1.5: must be less than or equal to 0.999"),
            (["architecture.widths=[64,x]"], "architecture.widths.1=x: must be an integer"),
            (["optimizer.lr=fast"], "optimizer.lr=fast: must be a number"),
            (["precision=fp64"], "precision=fp64: must be 'fp32' or 'bf16'"),
            (["bottleneck=deterministic"], "needs a bottleneck with noise"),
            (["architecture=resnet18", "dataset=npz", "dataset.path=my.npz"], "architecture=resnet18 takes images"),
            (["marginal=vampprior", "architecture.batch_norm=true"], "marginal=vampprior"),
            (["procedure.patience=3"], "procedure.patience needs a validation split"),
            (["dataset=npz", "dataset.path=none.npz"], "dataset.path"),
            (["dataset=mnist", "dataset.root=nowhere", "dataset.download=false"], "dataset.root"),
            (["output=/dev/null/here"], "output: cannot write"),
            (["-m", "output=/dev/null/here"], "output: cannot write"),
            (["+objective.minimise.Q=1"], "objective.minimise.Q: no such functional; there are B, C, D"),
            (
                ["objective.minimise.D=1"],
                "objective.minimise.D: not in this objective yet; +objective.minimise.D=… adds it",
            ),
            (["+objective.minimise.D=2*delta"], "delta: objective=vib uses this multiplier"),
            (["architecture._target_=nowhere.Net"], "architecture._target_=nowhere.Net"),
            (["objective.minimise={R:1}"], "terms are changed one by one"),
            (["=3"], "an override is KEY=VALUE"),
            (["~architecture"], "architecture: this group was removed"),
            (["name=../x"], "name=../x: must be a plain word"),
            (["optimizer.lr=inf"], "optimizer.lr=inf: must be a finite number"),
            (["seed=9223372036854775808"], "seed=9223372036854775808: must be less than 9223372036854775808"),
            (["dataset.seed=18446744073709551616"], "dataset.seed=18446744073709551616: must be less than"),
            (["samples=100000000000"], "samples=100000000000: must be less than 2147483648"),
            (["architecture.batch_norm=true", "batch_size=1"], "batch_size=1: batch normalisation needs at least 2"),
            (
                ["+objective.minimise.H_model[Y|X]=1"],
                "H_model[Y|X]=1: Hydra takes no brackets in a key",
            ),
            (
                ["objective=surrogate_logvar", "batch_size=1"],
                "batch_size=1: this objective has log_Var[Z], which is of a",
            ),
            (["objective=ib", "dataset.train_size=1"], "this objective has H[Y|Z], which is of a batch as a whole"),
            (
                ["objective=dib", "bottleneck=gaussian"],
                "bottleneck=gaussian: this objective has H[Y|Z], which is measured",
            ),
            (
                ["objective=ib", "bottleneck=dropout"],
                "bottleneck=dropout: this objective has H[Y|Z], which is measured for",
            ),
            (["objective=surrogate_l2", "bottleneck=categorical"], "bottleneck=categorical: this objective has L2[Z]"),
            (["objective=vib", "bottleneck=dropout"], "bottleneck=dropout: this objective has R"),
            (
                ["objective=vib", "classifier=optimal"],
                "classifier=optimal is made for a discrete z, and this bottleneck's is",
            ),
            (
                ["objective=dib", "dataset=gaussian"],
                "objective=dib has H[Y|Z], which is of labels, but y is continuous",
            ),
            (["objective=surrogate_logvar_given_y", "dataset=gaussian"], "has log_Var[Z|Y], which is of labels"),
            (["dataset.validation_size=abc"], "dataset.validation_size=abc: must be an integer or a number"),
            (["dataset=npz"], "dataset.path: this key needs a value"),
            (["schedule=cosine", "schedule.warmup=50"], "schedule.warmup=50: must be shorter"),
            (["sweep=nothing"], "sweep=nothing: no such sweep"),
        ],
        every=2,
    ),
)
def test_wrong_input_is_one_clear_line(ib_train: Callable, arguments: list[str], expected: str) -> None:
    make_npz()
    ended = ib_train(*arguments)
    lines = ended.err.strip().splitlines()
    assert ended.code == 2, ended.out + ended.err
    assert len(lines) == 1 and lines[0].startswith("ib-train: ") and expected in lines[0], ended.err
    assert not Path("outputs").exists() or not list(Path("outputs").glob("*/*/result.json"))


@pytest.mark.parametrize(
    "changes, key",
    [
        ({"y": np.arange(40) % 4 - 1}, "-1"),
        ({"y": np.arange(30)}, "30"),
        ({"x": np.full((40, 6), np.nan)}, "NaN"),
        ({"y": None}, "y"),
    ],
)
def test_wrong_arrays_are_one_clear_line(ib_train: Callable, changes: dict, key: str) -> None:
    ended = ib_train("dataset=npz", make_npz(**changes))
    assert ended.code == 2 and len(ended.err.strip().splitlines()) == 1 and "dataset.path" in ended.err
    assert key in ended.err and "Traceback" not in ended.err


def test_debug_shows_the_traceback(ib_train: Callable) -> None:
    ended = ib_train("gamma=-1", "debug=true")
    assert ended.code == 2 and "Traceback" in ended.err


def test_cuda_is_refused_where_there_is_none(ib_train: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    ended = ib_train("device=cuda")
    assert ended.code == 2 and "device=cuda" in ended.err


@pytest.mark.parametrize("every", [6, pytest.param(1, marks=pytest.mark.slow)])
def test_every_study_composes(monkeypatch: pytest.MonkeyPatch, every: int) -> None:
    """By what `ib-train sweep=…` composes with; the command itself composes each of them twice."""
    monkeypatch.setattr("sys.argv", ["ib-train"])
    store_studies()
    conf = str(directory("conf"))
    with quick_yaml(), quick_composing(), guarded_hydra(()), initialize_config_dir(conf, version_base="1.3"):
        for name in choices("sweep")[::every]:
            folder = re.sub("unpacking_fig[156](?!_plateau)", "unpacking_fig1_5_6", name)  # figures of the same runs
            folder = re.sub("information_dropout_fig[27]", "information_dropout_fig2_7", folder)
            config = compose("config", overrides=[f"sweep={name}"])
            measures_runs = config.procedure.get("digest", "") is None  # these lie in the study that they measure
            assert config.name == folder or measures_runs, name


@pytest.mark.parametrize("size", family(["", "_small"], quick=["_small"]))
def test_three_figures_of_the_same_runs_have_the_same_config(ib_train: Callable, size: str) -> None:
    first, *others = (ib_train(f"sweep=unpacking_fig{number}{size}", "--cfg", "job").out for number in (5, 1, 6))
    assert "surrogate_l2" in first and all(other == first for other in others)


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["--nonsense"], "--nonsense: no such flag"),
        (["--cfg", "joob"], "--cfg job"),
        (["objective=vib", "-m", "seed=0,1"], "-m: flags come first: ib-train -m objective=vib seed=0,1"),
    ],
)
def test_a_wrong_flag_is_one_line(ib_train: Callable, arguments: list[str], told: str) -> None:
    ended = ib_train(*arguments)
    assert ended.code == 2 and ended.out == "" and told in ended.err and len(ended.err.strip().splitlines()) == 1


def test_the_version_is_ours(ib_train: Callable) -> None:
    told = ib_train("--version").out
    assert told == f"ib-train {ib_cli.__version__} (torch {version('torch')}, Hydra {version('hydra-core')})\n"
