"""How new samples are to a finished run: scores against the model itself, records, reports, studies, wrong commands."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from torch.distributions import Independent, Normal, kl_divergence

import ib_cli
from ib_cli.contracts.errors import ConfigError, DamagedError
from ib_cli.experiment.experiment import Experiment
from ib_cli.experiment.records import Records
from ib_cli.run.library import Run
from tests.conftest import SMALL, Ended
from tests.families import family
from tests.report.reporting import contents_of

NOVELTY = ("procedure=novelty", "figures=false", "device=cpu")
SOME = [word for word in SMALL if not word.startswith("dataset.")]  # all samples of the classes that are chosen
DETERMINISTIC = ("objective=aae", "architecture.widths=[16]", "decoder.widths=[16]", "bottleneck.size=4")
VAE = ("objective=vae", "decoder.widths=[16]")


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Trains a small run on some classes, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: ib_cli.train(ib_cli.build(ib_cli.compose([*SOME, *words])))


def built(run: Run | Path, *words: str) -> Experiment:
    """A measurement of a run, before it is made."""
    folder = run if isinstance(run, Path) else run.folder
    return ib_cli.build(ib_cli.compose([*NOVELTY, f"procedure.run={folder}", *words]))


def measured(run: Run | Path, *words: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Its result, and the scores that it keeps."""
    made = ib_cli.train(built(run, *words))
    with np.load(made.folder / "novelty.npz") as kept:
        return made.result, dict(kept)


def images(path: Path, classes: int = 3, side: int = 4) -> str:
    """An .npz file of images of one bright column for each class, and noise; its option."""
    rng = np.random.default_rng(0)
    y = np.arange(240) % classes
    x = rng.integers(0, 60, (240, 1, side, side), dtype=np.uint8)
    x[np.arange(240), 0, :, y] += 180
    np.savez(path, x=x, y=y)
    return f"dataset.path={path}"


@pytest.mark.parametrize("seen", family([[3], [0, 1, 2, 4, 5, 6, 7, 8, 9]], every=2), ids=["one class", "all but one"])
def test_scores_are_those_of_the_model(trained: Callable[..., Run], seen: list[int]) -> None:
    """A deterministic encoder: D of each sample and −T(z), by the network's own parts; and all that is made of them."""
    run = trained(*DETERMINISTIC, f"dataset.classes={seen}", "epochs=1")
    result, kept = measured(run)
    whole = ib_cli.build(ib_cli.compose(["dataset=digits", "device=cpu"])).data.splits["test"]
    new = ~torch.isin(whole.y, torch.tensor(seen))
    model = run.model.eval()
    for split, images, labels in (
        ("test", run.data.splits["test"].x, whole.y[~new]),
        ("others", whole.x[new], whole.y[new]),
    ):
        assert np.array_equal(kept[f"{split}_class"], labels.numpy())
        with torch.no_grad():
            x = images / 16
            z = run.represent(images)[0]
            D = -model.decoder(z[None]).log_prob(x)[0]
            T = model.critic_z.network(z)[:, 0]
        np.testing.assert_allclose(kept[f"{split}_D"], D, rtol=1e-5)
        np.testing.assert_allclose(kept[f"{split}_critic_z"], -T, rtol=1e-4, atol=1e-5)
    total = sum((kept[f"others_{name}"] - kept[f"train_{name}"].mean()) / kept[f"train_{name}"].std()
                for name in ("D", "critic_z"))  # fmt: skip
    np.testing.assert_allclose(kept["others_sum"], total)
    for name in ("D", "critic_z", "sum"):
        truth = np.r_[np.zeros(len(kept["test_D"])), np.ones(len(kept["others_D"]))]
        values = np.r_[kept[f"test_{name}"], kept[f"others_{name}"]]
        assert result["test"][f"auroc_{name}"] == roc_auc_score(truth, values)
        assert result["test"][f"auprc_{name}"] == average_precision_score(truth, values)
    told = result["measured"]["measures"]
    assert told.keys() == {"test"} and not any("_class_" in name for name in told["test"])
    assert all(told["test"][name] == result["test"][name] for name in told["test"])
    assert result["objective"] == "aae" and result["lagrangian"] == "minimise B + D"
    others = sorted(set(range(10)) - set(seen))
    assert [f"auroc_D_class_{label}" in result["test"] for label in range(10)] == [x in others for x in range(10)]


@pytest.mark.slow
def test_the_rate_of_a_vae_and_the_entropy_of_its_classifier(trained: Callable[..., Run]) -> None:
    """R in closed form; D a mean over draws; H of a classifier of two classes, whose labels the new samples lack."""
    run = trained(*VAE, "dataset.classes=[0,1]", "eval_samples=3")
    _, kept = measured(run)
    q = run.encode(run.data.splits["test"].x)
    prior = Independent(Normal(torch.zeros(4), torch.ones(4)), 1)
    np.testing.assert_allclose(kept["test_R"], kl_divergence(q, prior).detach(), rtol=1e-4)
    _, more = measured(run, "procedure.samples=40")
    assert np.array_equal(kept["others_R"], more["others_R"]) and not np.array_equal(kept["others_D"], more["others_D"])
    of_labels = trained("objective=vib", "dataset.classes=[0,1]", "eval_samples=200")
    _, kept = measured(of_labels)
    assert {name.partition("_")[2] for name in kept} == {"R", "H", "sum", "class"}
    assert (kept["others_H"] >= 0).all() and (kept["others_H"] <= np.log(2) + 1e-6).all()


def test_a_critic_of_x_scores_where_nothing_encodes(trained: Callable[..., Run]) -> None:
    run = trained("objective=gan", "decoder.widths=[16]", "dataset.classes=[5]")
    _, kept = measured(run)
    assert {name.partition("_")[2] for name in kept} == {"critic_x", "sum", "class"}
    with torch.no_grad():
        T = run.model.critic_x.network(run.data.batch("test", torch.arange(len(kept["test_critic_x"]))).x)[:, 0]
    np.testing.assert_allclose(kept["test_critic_x"], -T, rtol=1e-4, atol=1e-5)


def test_what_was_never_seen_is_found(trained: Callable[..., Run], tmp_path: Path) -> None:
    run = trained(
        *VAE, "dataset=npz", images(tmp_path / "own.npz"), "dataset.classes=[0]", "epochs=40", "batch_size=16"
    )
    result, _ = measured(run)
    assert result["test"]["auroc_D"] == result["test"]["auroc_D_class_1"] == 1.0
    assert result["test"]["D_others"] > result["test"]["D"] + 1


@pytest.mark.parametrize("normalise", ["zca", "standard"])
def test_new_samples_are_normalised_as_the_runs_own(trained: Callable[..., Run], normalise: str) -> None:
    """What the run's own map makes of the images of the classes left out, label noise, subsets and crops aside."""
    words = ("objective=autoencoder", "decoder.widths=[16]", "decoder.likelihood=gaussian", "dataset.classes=[2,1]",
             f"dataset.normalise={normalise}", "dataset.validation_size=20", "dataset.crop=1",
             "epochs=1")  # fmt: skip
    run = trained(*words, "dataset.test_size=30", "dataset.label_noise=0.1")
    data = built(run).data
    assert list(data.splits) == ["train", "test", "others"] and len(data.splits["test"]) == 30
    whole = ib_cli.build(ib_cli.compose(["dataset=digits", "dataset.normalise=none", "device=cpu"])).data.splits["test"]
    new = whole[~torch.isin(whole.y, torch.tensor([1, 2]))]
    assert torch.equal(data.splits["others"].labels["class"], new.y)
    images = new.x.float()
    if normalise == "zca":
        images = run.data.whitening(images)
    x = data.batch("others", torch.arange(len(new))).x
    torch.testing.assert_close(x, run.data.affine(images))


def test_others_are_binarised_as_the_runs_images(trained: Callable[..., Run], tmp_path: Path) -> None:
    run = trained(*VAE, "dataset=npz", images(tmp_path / "own.npz", side=8), "dataset.binarise=true", "epochs=1")
    others = built(run, "procedure.others=digits").data.splits["others"].x
    grey = ib_cli.build(ib_cli.compose(["dataset=digits", "device=cpu"])).data.splits["test"].x
    assert set(others.unique().tolist()) == {0, 1}
    assert (others[grey == 16] == 1).all() and (others[grey == 0] == 0).all()


def refused(run: Run, told: str, *words: str) -> None:
    """A measurement that is a wrong command, told in one line."""
    with pytest.raises(ConfigError) as error:
        built(run, *words)
    assert told in str(error.value) and "\n" not in str(error.value)


def test_a_wrong_command_is_a_line(
    trained: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IB_DATA", raising=False)
    run = trained(*VAE, "epochs=1", "dataset.classes=[3]")
    for words, told in {
        ("procedure.others=mnist", "procedure.download=false"): "procedure.others=mnist: procedure.root: there is no",
        (
            "procedure.others=mnist",
            "procedure.download=false",
            f"procedure.root={tmp_path}",
        ): f"no {tmp_path}/MNIST/raw",
        ("procedure.others=digits",): "procedure.others=digits: the run was trained on these data",
        ("procedure.others=svhn",): "procedure.others=svhn: must be ",
        ("procedure.samples=0",): "procedure.samples=0: must be ",
        ("dataset=mnist",): "dataset=mnist: the run of procedure.run=",
    }.items():
        refused(run, told, *words)


@pytest.mark.parametrize(
    "words, keys, told",
    family([
        ((), (), "it has seen all of the 10 classes of its data, so none is new to it: name another data set by"),
        (("dataset=npz", "{numbers}", "decoder.likelihood=gaussian"), (),
         "its y is continuous, so there are no other classes: name another data set by procedure.others"),
        (("dataset=npz", "{images}"), ("procedure.others=digits",),
         "procedure.others=digits: its samples are 1×8×8, and those of the run are 1×4×4: they must be alike"),
        (("dataset=npz", "{alike}"), ("procedure.others=digits",),
         "procedure.others=digits: has pixels of 17 levels, and the run's data have not: they must be stored alike"),
        (("dataset=gaussian", "decoder.likelihood=gaussian"), (), "its data have no labels to choose by: name another"),
        (("dataset.classes=[3]", "objective=ce", "bottleneck=deterministic"), (), "nothing that scores a sample"),
    ], every=3),
    ids=["all seen", "continuous", "shape", "levels", "a law", "no score"],
)  # fmt: skip
def test_a_run_that_does_not_suit_is_refused(
    trained: Callable[..., Run], tmp_path: Path, words: Sequence[str], keys: Sequence[str], told: str
) -> None:
    np.savez(tmp_path / "numbers.npz", x=np.random.default_rng(0).normal(size=(60, 4)), y=np.linspace(0, 1, 60))
    files = {
        "{numbers}": f"dataset.path={tmp_path / 'numbers.npz'}",
        "{images}": images(tmp_path / "small.npz"),
        "{alike}": images(tmp_path / "alike.npz", side=8),
    }
    refused(trained(*VAE, "epochs=1", *(files.get(word, word) for word in words)), told, *keys)


def test_a_study_is_measured_by_one_command_and_joins_the_rows(ib_train: Callable[..., Ended]) -> None:
    words = [*SOME, *VAE, "epochs=1", "name=tasks"]
    ended = ib_train("-m", *words, "dataset.classes=[0],[1]")
    assert ended.code == 0, ended.err
    for _ in range(2):  # the second time all is done
        ended = ib_train("-m", *NOVELTY, "procedure.run=outputs/tasks")
        assert ended.code == 0, ended.err
    folders = [file.parent for file in Path("outputs/tasks").glob("*/novelty.npz")]
    assert len(folders) == 2
    report = contents_of(Path("outputs/tasks"))
    assert len(report.results) == 2 and not report.measured.lost
    for folder in folders:
        told = json.loads((folder / "result.json").read_text())["measured"]
        row = report.results.set_index("id").loc[told["run"]]
        for name, value in told["measures"]["test"].items():
            assert row[f"test/{name}"] == value
    assert {"auroc_D", "auprc_sum_mean"} <= set(report.metrics)
    (folders[0] / "novelty.npz").write_bytes(b"other scores")
    with pytest.raises(DamagedError, match=r"novelty\.npz"):
        _ = Records(folders[0]).done


@pytest.mark.slow
def test_two_measurements_of_one_seed_agree_and_another_seed_draws_anew(trained: Callable[..., Run]) -> None:
    run = trained(*VAE, "dataset.classes=[7]")
    _, one = measured(run)
    made = built(run)
    assert made.records.done is not None  # the same command names the same folder
    _, same = measured(run, "eval_batch_size=1000", "rerun=true")
    _, other = measured(run, "seed=1")
    assert all(np.array_equal(one[name], same[name]) for name in one)
    assert np.array_equal(one["test_R"], other["test_R"]) and not np.array_equal(one["test_D"], other["test_D"])
    with pytest.raises(ConfigError, match="has no checkpoint"):
        _ = ib_cli.load_run(made.records.folder).model


@pytest.mark.slow
def test_mnist_against_fashion_mnist(trained: Callable[..., Run], real_data: str) -> None:
    run = trained(
        *VAE, "dataset=mnist", f"dataset.root={real_data}", "dataset.train_size=3000", "dataset.test_size=300",
        "epochs=3", "architecture.widths=[64]", "decoder.widths=[64]",
    )  # fmt: skip
    result, kept = measured(run, "procedure.others=fashion_mnist")
    told = result["measured"]["measures"]["test"]
    assert told["auroc_D_fashion_mnist"] > 0.95 and set(kept["others_class"]) == set(range(10))
    assert len(kept["others_D"]) == 10_000 and len(kept["test_D"]) == 300
    for others, wrong in (("cifar10", "3×32×32, and those of the run are 1×28×28"), ("mnist", "was trained on these")):
        with pytest.raises(ConfigError, match=wrong):
            built(run, f"procedure.others={others}")
