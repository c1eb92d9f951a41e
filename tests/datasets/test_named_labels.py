"""Data with several named labels, tried on an own file."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ib_cli.contracts.errors import ConfigError
from ib_cli.run.run_ids import run_id

N = 60
X = np.arange(N * 3.0).reshape(N, 3)
Y, COLOUR = np.arange(N) % 3, np.arange(N) // 7 % 4


def refused(dataset) -> str:
    with pytest.raises(ConfigError) as error:
        dataset.load("cpu")
    message = str(error.value)
    assert "\n" not in message
    return message


def test_every_split_keeps_each_label_beside_its_sample(npz):
    data = npz(x=X, y=Y, label_colour=COLOUR, validation_size=10, train_size=30).load("cpu")
    assert data.spec.labels == {"y": 3, "colour": 4} and data.spec.classes == 3
    for split in data.splits.values():
        sample = (split.x[:, 0] / 3).round().long()
        assert torch.equal(split.y, sample % 3) and torch.equal(split.labels["y"], split.y)
        assert torch.equal(split.labels["colour"], sample // 7 % 4)


def test_label_picks_y_and_nothing_else(npz):
    first, picked = (npz(x=X, y=Y, label_colour=COLOUR, label=label).load("cpu") for label in (None, "colour"))
    assert picked.spec.classes == 4 and picked.spec.labels == first.spec.labels
    for name, split in picked.splits.items():
        assert torch.equal(split.x, first.splits[name].x)
        assert torch.equal(split.y, first.splits[name].labels["colour"])
        assert torch.equal(split.labels["y"], first.splits[name].y)


def test_classes_relabel_the_label_that_is_y_alone(npz):
    data = npz(x=X, y=Y, label_colour=COLOUR, label="colour", classes=[3, 1]).load("cpu")
    assert data.spec.classes == 2 and data.spec.labels == {"y": 3, "colour": 2}
    for split in data.splits.values():
        sample = (split.x[:, 0] / 3).round().long()
        assert torch.equal(split.y, (sample // 7 % 4 == 1).long()) and torch.equal(split.labels["colour"], split.y)
        assert torch.equal(split.labels["y"], sample % 3)


def test_label_noise_reaches_y_and_leaves_the_named_labels_clean(npz):
    clean, noisy = (npz(x=X, y=Y, label_colour=COLOUR, label_noise=noise).load("cpu").splits for noise in (0.0, 1.0))
    assert not torch.equal(noisy["train"].y, clean["train"].y)
    assert all(torch.equal(noisy["train"].labels[name], clean["train"].labels[name]) for name in ("y", "colour"))


def test_a_label_can_stand_beside_numbers(npz):
    given = {"x": X, "y": X[:, 0] / 7, "label_colour": COLOUR}
    numbers, labels = npz(**given).load("cpu"), npz(**given, label="colour", classes=[0, 1]).load("cpu")
    assert numbers.spec.classes is None and numbers.spec.labels == {"colour": 4}
    assert labels.spec.classes == 2 and labels.splits["test"].y.dtype == torch.int64


def test_data_of_one_label_name_none(npz, digits):
    for data in (npz(x=X, y=Y).load("cpu"), digits().load("cpu")):
        assert data.spec.labels == {} and all(split.labels == {} for split in data.splits.values())
        assert all(split.boxes is None for split in data.splits.values())


TEST = {"x_test": X[:9], "y_test": Y[:9]}


@pytest.mark.parametrize(
    ("given", "right"),
    [
        ({"label_colour": COLOUR, "label": "shape"}, "dataset.label=shape: must be y or colour, the labels of"),
        ({"label": "colour"}, "dataset.label=colour: must be null: these data have one label"),
        ({"label_colour": COLOUR[:9]}, "one label per sample, label_colour of shape (60,), not (9,)"),
        ({"label_colour": COLOUR / 2}, "integers in label_colour, not float64"),
        ({"label_colour": COLOUR - 1}, "0 … classes − 1 in label_colour, not -1"),
        ({"label_colour": COLOUR * 2}, "0 … classes − 1 in label_colour, each at least once"),
        ({"label_colour": COLOUR, **TEST}, "must hold label_colour_test, as it has label_colour"),
        ({"label_colour": COLOUR, "label_colour_test": COLOUR[:9]}, "must hold x_test and y_test with"),
        ({"label_colour": COLOUR, "label_colour_test": COLOUR[:9] + 4, **TEST}, "0 … 3 in label_colour_test, those of"),
        ({"label_y": COLOUR}, "other words than y"),
    ],
)
def test_labels_that_do_not_fit_are_refused(npz, given, right):
    assert right in refused(npz(**{"x": X, "y": Y} | given))


def test_a_test_part_brings_its_own_labels(npz):
    data = npz(x=X, y=Y, label_colour=COLOUR, label_colour_test=COLOUR[9:18], **TEST).load("cpu")
    assert data.splits["test"].labels["colour"].tolist() == COLOUR[9:18].tolist()


def test_a_label_makes_another_run_and_none_the_run_of_old(config):
    before = config("dataset=digits")
    del before["dataset"]["label"]
    after = config("dataset=digits")
    assert after["dataset"]["label"] is None and run_id(after, "") == run_id(before, "")
    assert run_id({**after, "dataset": {**after["dataset"], "label": "colour"}}, "") != run_id(before, "")
