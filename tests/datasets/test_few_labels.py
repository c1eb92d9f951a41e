"""Training samples of which only some have a label: which, how many in a batch, and what J makes of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.noise import Tape, draw
from ib_cli.datasets.digits import Digits
from ib_cli.engine.loss import forward, plan
from ib_cli.experiment.evaluation import Evaluation
from ib_cli.experiment.experiment import Experiment
from ib_cli.run.run_ids import run_id


def members(dataset: Digits) -> torch.Tensor:
    """Indices of the training samples with a label."""
    rows = dataset.load("cpu").splits["train"].y_probabilities
    return (rows.sum(1) > 0).nonzero().squeeze(1)


@pytest.mark.parametrize("labelled", [3, 10, 100, 1005])
def test_each_class_has_as_many_labels_or_one_more(digits: Callable[..., Digits], labelled: int) -> None:
    data = digits(labelled=labelled).load("cpu")
    counts = torch.bincount(data.splits["train"].y[members(digits(labelled=labelled))], minlength=10)
    assert counts.sum() == labelled and counts.max() - counts.min() <= 1
    assert len(data.splits["train"]) == 1437  # the others stay, without a label
    assert data.splits["test"].y_probabilities is None


def test_the_labelled_samples_follow_the_seed_and_larger_sets_contain_smaller_ones(
    digits: Callable[..., Digits],
) -> None:
    few, again, more, other = (members(digits(labelled=n, seed=s)) for n, s in ((100, 0), (100, 0), (200, 0), (100, 1)))
    assert torch.equal(few, again) and not torch.equal(few, other)
    assert set(few.tolist()) < set(more.tolist())


def test_a_batch_has_its_share_of_labelled_samples_and_the_rest_of_the_order(digits: Callable[..., Digits]) -> None:
    dataset = digits(labelled=20, labelled_share=0.25)
    data, known = dataset.load("cpu"), set(members(dataset).tolist())
    train = data.splits["train"]
    place = {bytes(image): i for i, image in enumerate(train.x.flatten(1).numpy())}
    indices = torch.arange(500, 550)
    batch = data.batch("train", indices, torch.Generator().manual_seed(0))
    assert (batch.y_probabilities.sum(1) > 0).nonzero().squeeze(1).tolist() == list(range(13))  # ⌈50 / 4⌉
    drawn = [place[bytes(image)] for image in batch.x.flatten(1).to(torch.uint8).numpy()]
    assert set(drawn[:13]) <= known and drawn[13:] == indices[13:].tolist()
    assert batch.y_probabilities.sum().item() == pytest.approx(50)
    assert torch.equal(batch.y_probabilities[:13].argmax(1), train.y[drawn[:13]])


@pytest.mark.parametrize(
    "batch, share, labelled", [(1, 0.1, 1), (10, 0.1, 1), (100, 0.29, 29), (100, 0.07, 7), (7, 1.0, 7), (3, 0.5, 2)]
)
def test_how_many_of_a_batch_have_a_label(
    digits: Callable[..., Digits], batch: int, share: float, labelled: int
) -> None:
    source = digits(labelled=20, labelled_share=share).load("cpu").source
    drawn = source.draw(torch.arange(batch), torch.Generator().manual_seed(1))
    assert int((drawn.y_probabilities.sum(1) > 0).sum()) == source.labelled_of(batch) == labelled


def test_c_of_a_batch_is_the_mean_over_its_labelled_samples_and_d_that_over_all(
    experiment: Callable[..., Experiment],
) -> None:
    made = experiment("objective=semi_supervised_vae", "dataset.labelled=30", "dataset.labelled_share=0.2")
    batch = made.data.batch("train", torch.arange(40), torch.Generator().manual_seed(0))
    params, buffers = dict(made.model.named_parameters()), dict(made.model.named_buffers())
    numbers = draw(plan(made.model, batch, 1, "fp32"), torch.Generator().manual_seed(0))
    p = forward(made.model, params, buffers, batch, Tape(numbers), 1, "fp32")
    _, found = made.objective(p, made.multipliers)
    C = -p.label_density.log_prob(batch.y).mean(0)
    torch.testing.assert_close(found["C"], C[:8].mean())
    torch.testing.assert_close(found["D"], -p.decoder.log_prob(p.x).mean())
    other = batch._replace(y=torch.cat([batch.y[:8], (batch.y[8:] + 1) % 10]))
    again = forward(made.model, params, buffers, other, Tape(numbers), 1, "fp32")
    assert torch.equal(made.objective(again, made.multipliers)[0], made.objective(p, made.multipliers)[0])


def test_evaluations_of_train_are_of_the_labelled_samples_and_of_test_of_all(
    experiment: Callable[..., Experiment],
) -> None:
    words = ("objective=semi_supervised_vae", "eval_samples=1", "bottleneck.offset=-20")
    few, all_labels = experiment(*words, "dataset.labelled=30"), experiment(*words, folder="all")
    params = dict(few.model.named_parameters())
    known = few.data.splits["train"].y_probabilities.sum(1) > 0
    rows = Evaluation(all_labels).of_samples(params, "train")
    found = Evaluation(few).of(params, "train")
    for name in ("C", "accuracy", "error_single", "error_drawn"):
        assert found[name] == pytest.approx(rows[name][known].mean().item(), rel=1e-4), name
    assert found["D"] == pytest.approx(rows["D"].mean().item(), rel=1e-4)
    assert Evaluation(few).of(params, "test") == Evaluation(all_labels).of(params, "test")


@pytest.mark.parametrize(
    "changed, told",
    [
        ({"labelled": 1437}, "dataset.labelled=1437: must be less than the 1,437 training samples"),
        ({"labelled": 1436}, "dataset.labelled=1436: needs 143 training samples of class"),
        ({"labelled": 60, "train_size": 65}, "dataset.labelled=60: needs 6 training samples of class"),
    ],
)
def test_more_labels_than_there_are_is_one_line(
    digits: Callable[..., Digits], changed: dict[str, int], told: str
) -> None:
    with pytest.raises(ConfigError) as error:
        digits(**changed).load("cpu")
    assert str(error.value).startswith(told) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "words, told",
    [
        (["objective=ceb", "dataset.labelled=100"], "dataset.labelled=100: the other labels are not known, and R_Y"),
        (["dataset.labelled=0"], "dataset.labelled=0"),
        (["dataset.labelled=10", "dataset.labelled_share=0"], "dataset.labelled_share=0"),
        (["dataset=transfer", "dataset.of=digits", "dataset.labelled=10"], "dataset.labelled: must be null"),
    ],
)
def test_what_needs_every_label_is_refused(experiment: Callable[..., Experiment], words: list[str], told: str) -> None:
    with pytest.raises(ConfigError) as error:
        experiment(*words)
    assert str(error.value).startswith(told) and "\n" not in str(error.value), str(error.value)


def test_a_run_with_few_labels_learns_from_these_and_keeps_its_augmentation(
    experiment: Callable[..., Experiment],
) -> None:
    words = ("dataset.train_size=1000", "dataset.test_size=null", "dataset.labelled_share=0.3", "alpha=50")
    words += ("batch_size=20", "epochs=4", "optimizer.lr=3e-3", "architecture.widths=[128]", "bottleneck.size=16")
    made = experiment("objective=semi_supervised_vae", "dataset.labelled=50", "dataset.crop=1", *words)
    assert made.procedure.run(made, None).measures["test"]["accuracy"] > 0.5
    assert made.data.source.augmentation is made.data.augmentation is not None


@pytest.mark.parametrize("symbol", ["log_Var[Z|Y]", "log_det[Z|Y]", "log_Var_pooled[Z|Y]"])
def test_what_counts_the_samples_of_each_class_is_refused(experiment: Callable[..., Experiment], symbol: str) -> None:
    name = {"log_Var[Z|Y]": "logvar_given_y", "log_det[Z|Y]": "logdet_given_y", "log_Var_pooled[Z|Y]": "logvar_pooled"}
    with pytest.raises(ConfigError) as error:
        experiment("dataset.labelled=20", f"objective=surrogate_{name[symbol]}")
    assert f"dataset.labelled=20: {symbol} counts the samples of each class" in str(error.value)


def test_batches_without_room_for_the_others_are_refused(experiment: Callable[..., Experiment]) -> None:
    with pytest.raises(ConfigError, match=r"labelled_share=0\.6: of a batch of 2 leaves no room"):
        experiment("dataset.labelled=20", "dataset.labelled_share=0.6", "batch_size=2")
    experiment("dataset.labelled=20", "dataset.labelled_share=1", "batch_size=2", folder="on purpose")


def test_all_labels_have_the_id_that_runs_had_before(config: Callable[..., dict]) -> None:
    today = config("dataset=mnist")
    before = {**today, "dataset": {k: v for k, v in today["dataset"].items() if not k.startswith("labelled")}}
    assert run_id(today, "") == run_id(before, "") != run_id(config("dataset=mnist", "dataset.labelled=100"), "")
