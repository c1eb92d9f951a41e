"""Two tasks of one data set, and the law between them as a mixture."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Generator

from ib_cli.contracts.errors import ConfigError
from ib_cli.datasets.data import Data
from ib_cli.datasets.transfer import Transfer

OWN: dict[str, Any] = {
    "root": "data", "download": False, "of": "digits", "of_target": None, "source": [0, 1, 2, 3, 4],
    "target": [5, 6, 7, 8, 9], "labels": "kept", "path": "mixture", "regularisation": 0.02, "coupled": 1000,
}  # fmt: skip


@pytest.fixture
def transfer(options: dict[str, Any]) -> Callable[..., Transfer]:
    return lambda **changed: Transfer(**options | OWN | changed)


def refused(dataset: Transfer) -> str:
    with pytest.raises(ConfigError) as error:
        dataset.load("cpu")
    message = str(error.value)
    assert "\n" not in message
    return message


def trained(data: Data, batch_size: int, seed: int = 0) -> list[Any]:
    """The batches of an epoch."""
    generator = Generator().manual_seed(seed)
    order = torch.randperm(data.samples, generator=Generator().manual_seed(1)).split(batch_size)
    return [data.batch("train", indices, generator) for indices in order]


def test_without_a_procedure_it_is_the_source(transfer, digits):
    data, plain = transfer().load("cpu"), digits(classes=[0, 1, 2, 3, 4]).load("cpu")
    assert data.spec.classes == 10 and data.source is None
    assert data.spec.train_size == plain.spec.train_size == data.samples
    for name, split in plain.splits.items():
        assert torch.equal(data.splits[name].x, split.x) and torch.equal(data.splits[name].y, split.y)
    indices = torch.arange(7)
    batch = data.batch("train", indices, Generator().manual_seed(0))
    assert torch.equal(batch.x, plain.splits["train"].x[:7].float()) and batch.weight is None


def test_the_ends_are_source_and_target(transfer, digits):
    data = transfer(validation_size=0.1).load("cpu")
    for t, classes in ((0, [0, 1, 2, 3, 4]), (1, [5, 6, 7, 8, 9])):
        plain, law = digits(classes=classes, validation_size=0.1).load("cpu"), data.at(t)
        for name, split in plain.splits.items():
            assert torch.equal(law.splits[name].x, split.x) and law.splits[name].weight is None
            assert torch.equal(law.splits[name].y, split.y + 5 * t)
        for batch in trained(law, 50):
            assert set(batch.y.tolist()) <= set(classes)


def test_images_are_held_once(transfer):
    data = transfer().load("cpu")
    memory = {split.x.untyped_storage().data_ptr() for t in (0, 0.3, 1) for split in data.at(t).splits.values()}
    assert memory == {split.x.untyped_storage().data_ptr() for split in data.splits.values()} and len(memory) == 2


def test_a_split_at_t_is_a_weighted_union(transfer):
    data = transfer(target=[5, 6]).load("cpu")
    for name in ("train", "test"):
        ends = [len(data.at(t).splits[name]) for t in (0, 1)]
        split = data.at(0.3).splits[name]
        assert len(split) == sum(ends) and split.weight.mean() == pytest.approx(1)
        share = split.weight[split.y >= 5].sum() / len(split)
        assert share == pytest.approx(0.3)
        assert split.weight[: ends[0]].unique().numel() == 1  # within a domain all weigh alike
    halves = [data.at(t).label_entropy("test") for t in (0, 1)]
    mixed = 0.7 * halves[0] + 0.3 * halves[1] - 0.7 * math.log(0.7) - 0.3 * math.log(0.3)
    assert data.at(0.3).label_entropy("test") == pytest.approx(mixed)


@pytest.mark.parametrize("t", [0.0, 0.29, 0.333, 0.5, 0.9, 1.0])
def test_each_batch_has_its_share_of_the_target(transfer, t):
    shares = []
    for batch in trained(transfer().load("cpu").at(t), 50):
        count, B = int((batch.y >= 5).sum()), len(batch.y)
        assert count in (math.floor(round(t * B, 9)), math.ceil(round(t * B, 9)))
        shares.append(count / B)
    assert sum(shares) / len(shares) == pytest.approx(t, abs=0.02)


def test_the_share_of_the_target_is_right_on_average(transfer):
    law, generator = transfer().load("cpu").at(0.05), Generator().manual_seed(0)
    counts = [int((law.batch("train", torch.arange(6), generator).y >= 5).sum()) for _ in range(4000)]
    assert set(counts) == {0, 1}
    # 0.3 of the target a batch; the standard error of the mean is √(.3 · .7/4000) = .0072
    assert sum(counts) / 4000 == pytest.approx(0.3, abs=4 * 0.0072)


def test_numbers_are_common_to_laws_close_by(transfer):
    data = transfer().load("cpu")
    for first, second in zip(trained(data.at(0.4), 50), trained(data.at(0.44), 50)):
        differ = (first.x != second.x).flatten(1).any(1)
        assert int(differ.sum()) <= 3 and ((second.y - first.y)[differ] != 0).all()
    for first, second in zip(trained(data.at(0.4), 50), trained(data.at(0.4), 50)):
        assert torch.equal(first.x, second.x) and torch.equal(first.y, second.y)
    assert not torch.equal(trained(data.at(0.4), 50)[0].x, trained(data.at(0.4), 50, seed=1)[0].x)


def test_an_epoch_has_each_sample_of_the_larger_domain_once_and_the_others_as_often_each(transfer):
    data = transfer(source=[0], target=[1, 2, 3], normalise="unit").load("cpu")
    sizes = [len(data.at(t).splits["train"]) for t in (0, 1)]
    assert data.at(0).samples == data.at(1).samples == max(sizes) == sizes[1]
    seen = torch.cat([batch.x.flatten(1) for batch in trained(data.at(1), 10)])
    assert len(seen.unique(dim=0)) == len(data.at(1).splits["train"].x.unique(dim=0))
    often = torch.cat([batch.x.flatten(1) for batch in trained(data.at(0), 10)]).unique(dim=0, return_counts=True)[1]
    assert len(often) == sizes[0] and set(often.tolist()) <= {2, 3, 4}  # 3.05 each, by strata


def test_labels_by_position(transfer):
    data = transfer(source=[0, 1, 8, 9], target=[2, 3, 4, 5], labels="mapped").load("cpu")
    assert data.spec.classes == 4
    for t in (0, 1):
        assert set(data.at(t).splits["train"].y.tolist()) == {0, 1, 2, 3}
    x, y = data.at(1).splits["train"].x, data.at(1).splits["train"].y
    whole = transfer(source=[2], target=[1]).load("cpu").splits["train"].x
    assert torch.equal(x[y == 0], whole)


def test_kept_labels_follow_the_lists(transfer):
    data = transfer(source=[7, 3], target=[1]).load("cpu")
    sevens = transfer(source=[7], target=[1]).load("cpu").splits["test"].x
    split = data.at(0.5).splits["test"]
    assert data.spec.classes == 3 and set(split.y.tolist()) == {0, 1, 2}
    assert torch.equal(split.x[split.y == 0], sevens)


def test_options_count_for_each_domain(transfer):
    data = transfer(train_size=40, test_size=30, validation_size=20, label_noise=0.5).load("cpu")
    for name, size in (("train", 40), ("test", 30), ("validation", 20)):
        assert len(data.at(0).splits[name]) == len(data.at(1).splits[name]) == size
        assert len(data.at(0.5).splits[name]) == 2 * size


def test_augmented_images_are_of_their_domain(transfer):
    plain, data = (transfer(crop=crop, train_size=50).load("cpu") for crop in (0, 2))
    for t in (0.0, 1.0):
        batch, own = trained(data.at(t), 50)[0], trained(plain.at(t), 50)[0]
        assert batch.x.shape == own.x.shape and not torch.equal(batch.x, own.x)
        assert set(batch.y.tolist()) <= set(plain.at(t).splits["train"].y.tolist())


def test_another_data_set_as_the_target(published, transfer):
    same = transfer(of="mnist", root=str(published), source=[0, 1], target=[0, 1], of_target="fashion_mnist")
    data = same.load("cpu")
    assert data.spec.classes == 4 and set(data.at(1).splits["test"].y.tolist()) == {2, 3}
    assert "must have one shape" in refused(transfer(of_target="mnist", root=str(published)))


@pytest.mark.parametrize(
    ("changed", "right"),
    [
        ({"target": [4, 5, 6]}, "dataset.target: 4 is in dataset.source too"),
        ({"target": [5, 6], "labels": "mapped"}, "5 and 2"),
        ({"source": []}, "dataset.source: must list different classes out of 0 … 9"),
        ({"target": [5, 5]}, "dataset.target: must list different classes"),
        ({"target": [5, 10]}, "dataset.target: must list different classes"),
        ({"classes": [1, 2]}, "dataset.classes: must be null"),
        ({"label": "digit"}, "dataset.label=digit"),
        ({"train_size": 800}, "dataset.train_size"),
    ],
)
def test_what_makes_no_two_tasks_is_refused_in_one_line(transfer, changed, right):
    assert right in refused(transfer(**changed))


def test_t_outside_the_way_and_data_without_one(transfer, digits):
    with pytest.raises(ValueError, match="t = 0 to t = 1"):
        transfer().load("cpu").at(1.5)
    with pytest.raises(ConfigError, match="dataset=transfer"):
        digits().load("cpu").at(0.5)
