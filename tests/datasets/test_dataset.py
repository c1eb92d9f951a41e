"""The options that every data set has, tried on the digits."""

from __future__ import annotations

import math

import pytest
import torch

from ib_cli.contracts.errors import ConfigError
from ib_cli.datasets.dataset import DataSet


def pixels(split):
    """The images of a split as a set, to compare splits whatever their order."""
    return {bytes(image) for image in split.x.flatten(1).numpy()}


def test_digits_have_the_shapes_and_values_they_promise(digits):
    data = digits(normalise="unit").load("cpu")
    assert (data.spec.input_shape, data.spec.classes, data.spec.train_size) == ((1, 8, 8), 10, 1437)
    assert (data.spec.interval, data.spec.levels) == ((0.0, 1.0), 17)
    assert data.splits.keys() == {"train", "test"}
    train, test = data.splits["train"], data.splits["test"]
    assert train.x.shape == (1437, 1, 8, 8) and train.x.dtype == torch.uint8 and train.x.max() == 16
    assert test.x.shape == (360, 1, 8, 8) and test.y.dtype == torch.int64
    assert data.device == torch.device("cpu")


def test_the_test_split_of_the_digits_does_not_depend_on_the_seed(digits):
    first, second = (digits(seed=seed).load("cpu").splits["test"] for seed in (0, 1))
    assert torch.equal(first.x, second.x) and torch.equal(first.y, second.y)


def test_a_batch_holds_the_samples_asked_for(digits):
    data = digits().load("cpu")
    indices = torch.tensor([5, 0, 5])
    x, y, *_ = data.batch("test", indices)
    assert torch.equal(x, data.splits["test"].x[indices].float()) and torch.equal(y, data.splits["test"].y[indices])


def test_label_entropy_is_that_of_the_frequencies(digits):
    data = digits(classes=[0, 1], train_size=50).load("cpu")
    p = data.splits["train"].y.double().mean().item()
    assert data.label_entropy("train") == pytest.approx(-p * math.log(p) - (1 - p) * math.log(1 - p))
    assert digits(classes=[4]).load("cpu").label_entropy("train") == 0


def test_subsets_have_their_size_and_follow_the_seed(digits):
    small, again, other = (digits(train_size=100, test_size=30, seed=seed).load("cpu") for seed in (0, 0, 1))
    assert small.spec.train_size == len(small.splits["train"]) == 100 and len(small.splits["test"]) == 30
    assert torch.equal(small.splits["train"].x, again.splits["train"].x)
    assert not torch.equal(small.splits["train"].x, other.splits["train"].x)
    assert pixels(small.splits["train"]) < pixels(digits(train_size=200).load("cpu").splits["train"])


def test_classes_are_kept_and_relabelled_in_the_order_given(digits):
    everything, few = digits().load("cpu"), digits(classes=[7, 2]).load("cpu")
    assert few.spec.classes == 2
    for name in ("train", "test"):
        for new, old in enumerate([7, 2]):
            expected = everything.splits[name].x[everything.splits[name].y == old]
            assert torch.equal(few.splits[name].x[few.splits[name].y == new], expected)


@pytest.mark.parametrize(("size", "count"), [(200, 200), (0.1, 144), (1e-6, 1)])
def test_validation_is_held_out_of_training(digits, size, count):
    whole, data = digits().load("cpu"), digits(validation_size=size).load("cpu")
    train, validation = data.splits["train"], data.splits["validation"]
    assert len(validation) == count and len(train) == data.spec.train_size == 1437 - count
    assert not pixels(train) & pixels(validation)
    assert pixels(train) | pixels(validation) == pixels(whole.splits["train"])


def test_the_training_subset_comes_from_what_validation_leaves(digits):
    large, small = (digits(validation_size=300, train_size=size).load("cpu").splits for size in (1137, 50))
    assert torch.equal(large["validation"].x, small["validation"].x)
    assert len(small["train"]) == 50 and not pixels(small["train"]) & pixels(small["validation"])


def test_label_noise_replaces_the_fraction_in_training_only(digits):
    clean = digits(validation_size=100).load("cpu").splits
    noisy, again, other = (
        digits(validation_size=100, label_noise=0.5, seed=seed).load("cpu").splits for seed in (0, 0, 1)
    )
    changed = (clean["train"].y != noisy["train"].y).float().mean().item()
    # A replaced label stays what it was with probability 1/10; 4.5 standard deviations of 668 such draws.
    assert changed == pytest.approx(0.45, abs=4.5 * math.sqrt(0.5 * 0.09 / 1337))
    assert torch.equal(noisy["train"].y, again["train"].y) and not torch.equal(noisy["train"].y, other["train"].y)
    assert torch.equal(clean["train"].x, noisy["train"].x)
    for name in ("test", "validation"):
        assert torch.equal(clean[name].y, noisy[name].y)


def test_all_noise_leaves_uniform_labels(digits):
    data = digits(label_noise=1.0, classes=[1, 2]).load("cpu")
    original = digits(classes=[1, 2]).load("cpu")
    agreement = (data.splits["train"].y == original.splits["train"].y).double().mean().item()
    assert agreement == pytest.approx(0.5, abs=4.5 * 0.5 / math.sqrt(len(data.splits["train"])))


def test_the_streams_do_not_disturb_each_other(digits):
    plain, noisy = (digits(train_size=100, label_noise=noise).load("cpu").splits["train"] for noise in (0.0, 0.3))
    assert torch.equal(plain.x, noisy.x)


@pytest.mark.parametrize(
    ("changed", "key", "right"),
    [
        ({"train_size": 1438}, "dataset.train_size", "1437"),
        ({"train_size": 1400, "validation_size": 100}, "dataset.train_size", "1337"),
        ({"test_size": 361}, "dataset.test_size", "360"),
        ({"classes": []}, "dataset.classes", "0 … 9"),
        ({"classes": [1, 1]}, "dataset.classes", "0 … 9"),
        ({"classes": [3, 10]}, "dataset.classes", "0 … 9"),
        ({"classes": [-1, 3]}, "dataset.classes", "0 … 9"),
        ({"validation_size": 1437}, "dataset.validation_size", "1437"),
        ({"validation_size": 0.9999}, "dataset.validation_size", "1437"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(digits, changed, key, right):
    with pytest.raises(ConfigError) as error:
        digits(**changed).load("cpu")
    message = str(error.value)
    assert message.startswith(f"{key}: ") and right in message and "\n" not in message


def test_a_data_set_without_read_is_no_data_set(options):
    with pytest.raises(TypeError, match="read"):
        DataSet(**options)
