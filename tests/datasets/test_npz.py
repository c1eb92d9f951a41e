"""A person's own arrays."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ib_cli.contracts.errors import ConfigError
from ib_cli.datasets.data import Split
from ib_cli.datasets.dataset import Arrays, DataSet
from ib_cli.datasets.npz import Npz

X, Y = np.random.default_rng(0).normal(size=(50, 3)), np.arange(50) % 5


@pytest.mark.parametrize(
    ("x", "shape", "levels", "dtype"),
    [
        (X, (3,), None, torch.float32),
        ((X * 100).astype(np.int32), (3,), None, torch.float32),
        (X.reshape(25, 2, 3).repeat(2, 0), (1, 2, 3), None, torch.float32),
        (np.zeros((50, 3, 4, 2), np.uint8), (3, 4, 2), 256, torch.uint8),
    ],
)
def test_shapes_and_types(npz, x, shape, levels, dtype):
    data = npz(x=x, y=Y).load("cpu")
    assert (data.spec.input_shape, data.spec.levels, data.spec.classes) == (shape, levels, 5)
    assert data.splits["train"].x.dtype == dtype
    assert data.batch("train", torch.arange(4)).x.shape == (4, *shape)


@pytest.mark.parametrize(("targets", "y"), [("auto", 3 * X + 7), ("standard", (10 * X).astype(int))])
def test_numbers_are_standardised_by_their_training_part(npz, targets, y):
    data = npz(x=X, y=y, x_test=X, y_test=y + 1, targets=targets, train_size=30).load("cpu")
    assert data.spec.classes is None and data.spec.target_shape == (3,)
    train, test = data.splits["train"].y.double(), data.splits["test"].y.double()
    torch.testing.assert_close(train.mean(0), torch.zeros(3).double(), rtol=0, atol=1e-6)
    torch.testing.assert_close(train.std(0, correction=0), torch.ones(3).double(), rtol=0, atol=1e-6)
    stored = torch.from_numpy(y).double() + 1
    for part, (scale, shift) in enumerate(zip(*affine(stored, test))):  # one map of each dimension, that of training
        torch.testing.assert_close(test[:, part], scale * stored[:, part] + shift, rtol=0, atol=1e-5)
        assert scale.item() != pytest.approx(1 / stored[:, part].std(correction=0).item())


def affine(stored: torch.Tensor, given: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Scale and shift of each column, from its largest and smallest values."""
    scale = (given.amax(0) - given.amin(0)) / (stored.amax(0) - stored.amin(0))
    return scale, given.amin(0) - scale * stored.amin(0)


def test_stored_numbers_stay_as_they_are_and_one_dimension_is_one_column(npz):
    data = npz(x=X, y=X[:, 0], x_test=X, y_test=X[:, 0], targets="stored").load("cpu")
    batch = data.batch("train", torch.arange(50))
    torch.testing.assert_close(batch.y, torch.from_numpy(X[:, :1]).float(), rtol=0, atol=0)
    assert data.label_entropy("train") is None
    assert data.target_variance("train") == pytest.approx(X[:, 0].var())


def test_a_number_that_never_changes_is_only_shifted(npz):
    data = npz(x=X, y=np.full(50, 3.5)).load("cpu")
    assert (data.splits["train"].y == 0).all() and (data.splits["test"].y == 0).all()


@pytest.mark.parametrize("option", [{"classes": [0, 1]}, {"label_noise": 0.1}])
def test_what_only_labels_have_is_refused_for_numbers(npz, option):
    message = refused(npz(x=X, y=X, **option))
    assert message.startswith(f"dataset.{next(iter(option))}: ") and "continuous" in message


def test_without_a_test_part_a_fraction_becomes_one(npz):
    numbered = np.arange(50.0)[:, None]
    first, again, other = (npz(x=numbered, y=Y, test_fraction=0.3, seed=seed).load("cpu").splits for seed in (0, 0, 1))
    assert len(first["test"]) == 15 and len(first["train"]) == 35
    together = torch.cat([first["train"].x, first["test"].x])
    assert torch.equal(together.flatten().sort().values, torch.arange(50.0))
    assert torch.equal(together.flatten().long() % 5, torch.cat([first["train"].y, first["test"].y]))
    assert torch.equal(first["test"].x, again["test"].x) and not torch.equal(first["test"].x, other["test"].x)


def test_a_test_part_is_taken_as_it_is(npz):
    data = npz(x=X, y=Y, x_test=X[:7] + 1, y_test=Y[:7]).load("cpu")
    assert len(data.splits["train"]) == 50
    torch.testing.assert_close(data.splits["test"].x, torch.from_numpy(X[:7] + 1).float())


def refused(dataset) -> str:
    with pytest.raises(ConfigError) as error:
        dataset.load("cpu")
    message = str(error.value)
    assert "\n" not in message
    return message


def changed(x, value):
    x = x.copy()
    x[1, 1] = value
    return x


@pytest.mark.parametrize(
    ("arrays", "right"),
    [
        ({"y": Y}, "must hold an array x"),
        ({"x": X}, "must hold an array y"),
        ({"x": X, "y": Y, "x_test": X}, "both x_test and y_test"),
        ({"x": X, "y": Y[:40]}, "one label per sample"),
        ({"x": X, "y": Y[:, None]}, "one label per sample, y of shape (50,), not (50, 1): save y.ravel()"),
        ({"x": X, "y": np.eye(5, dtype=int)[Y]}, "not (50, 5): save y.argmax(1)"),
        ({"x": X, "y": np.eye(5, dtype=bool)[Y]}, "not (50, 5): save y.argmax(1)"),
        ({"x": X, "y": np.eye(5)[Y], "targets": "labels"}, "not (50, 5): save y.argmax(1)"),
        ({"x": X, "y": np.array(["cat", "dog"])[Y % 2]}, "np.unique(y, return_inverse=True)[1] numbers them"),
        ({"x": X, "y": Y.astype(float), "targets": "labels"}, "integers in y"),
        ({"x": X, "y": changed(X, np.nan)}, "finite"),
        ({"x": X, "y": X[:40]}, "one y per sample"),
        ({"x": X, "y": X.reshape(50, 3, 1)}, "one y per sample"),
        ({"x": X, "y": Y.astype(str), "targets": "stored"}, "real numbers in y"),
        ({"x": X, "y": X, "x_test": X, "y_test": X[:, :2]}, "a y of one kind"),
        ({"x": X, "y": Y - 1}, "0 … classes − 1"),
        ({"x": X, "y": Y + 1}, "largest is 5: np.unique(y, return_inverse=True)[1] numbers them"),
        ({"x": X, "y": Y * 1000}, "0 … classes − 1"),
        ({"x": changed(X, np.nan), "y": Y}, "finite"),
        ({"x": changed(X, -np.inf), "y": Y}, "finite"),
        ({"x": changed(X, 1e300), "y": Y}, "finite"),
        ({"x": X[:, 0], "y": Y}, "(N, F)"),
        ({"x": X[:0], "y": Y[:0]}, "(N, F)"),
        ({"x": X + 1j, "y": Y}, "real numbers"),
        ({"x": X.astype(str), "y": Y}, "real numbers"),
        ({"x": X, "y": Y, "x_test": X[:, :2], "y_test": Y}, "one kind"),
        ({"x": X, "y": Y, "x_test": X.astype(np.uint8), "y_test": Y}, "one kind"),
        ({"x": X, "y": Y, "x_test": X, "y_test": Y + 1}, "y_test"),
        ({"x": X, "y": Y, "x_test": changed(X, np.nan), "y_test": Y}, "x_test"),
        ({"x": X, "y": np.array([object()] * 50)}, "plain arrays"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
def test_what_is_wrong_with_a_file_is_said_in_one_line(npz, arrays, right):
    message = refused(npz(**arrays))
    assert message.startswith("dataset.path: ") and right in message


def test_a_fraction_that_leaves_nothing_is_refused(npz):
    assert refused(npz(x=X[:2], y=Y[:2], test_fraction=0.9)).startswith("dataset.test_fraction: ")


def test_classes_without_a_sample_in_a_split_are_refused(npz):
    arrays = {"x": X, "y": Y, "x_test": X[:3], "y_test": Y[:3]}
    assert refused(npz(**arrays, classes=[4])).startswith("dataset.classes: ")


@pytest.mark.parametrize("key", ["crop", "flip"])
def test_vectors_are_not_augmented(npz, key):
    assert refused(npz(x=X, y=Y, **{key: 1})).startswith(f"dataset.{key}: ")


def test_a_file_that_is_none_is_refused(options, tmp_path):
    (tmp_path / "text.npz").write_text("x, y")
    (tmp_path / "empty.npz").touch()
    np.save(tmp_path / "array.npy", X)
    np.savez(tmp_path / "whole.npz", x=X, y=Y)
    whole = (tmp_path / "whole.npz").read_bytes()
    (tmp_path / "half.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "bits.npz").write_bytes(whole[:400] + bytes(8) + whole[408:])
    for name in ("absent.npz", "text.npz", "empty.npz", "array.npy", "half.npz", "bits.npz", "."):
        wrong = Npz(path=str(tmp_path / name), targets="auto", test_fraction=0.2, **options)
        assert refused(wrong).startswith("dataset.path: ")


@pytest.mark.parametrize("part", ["x", "x_test"])
@pytest.mark.parametrize(
    "shape",
    [
        (32, 32, 3),
        (28, 28, 1),
        (8, 8, 4),
        (8, 8, 2),
        (28, 20, 1),
        (5, 6, 3),
        (4, 4, 3),
        (4, 4, 1),
        (2, 2, 3),
        (2, 2, 1),
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_images_whose_channels_come_last_are_refused(npz, part, shape, dtype):
    right = shape[2:] + shape[:2]
    shapes = {"x": right, "x_test": right} | {part: shape}
    arrays = {name: np.ones((50, *each), dtype) for name, each in shapes.items()}
    message = refused(npz(**arrays, y=Y, y_test=Y))
    assert message.startswith("dataset.path: ") and f"images {part} (N, C, H, W), not (N, H, W, C)" in message
    assert "x.transpose(0, 3, 1, 2)" in message


@pytest.mark.parametrize(
    "shape",
    [(3, 32, 32), (1, 28, 28), (1, 8, 4), (1, 1, 4), (3, 3, 3), (3, 3, 1), (2, 8, 2), (16, 5, 5), (4, 9, 4), (1, 1, 3)],
)
def test_images_whose_channels_come_first_are_taken(npz, shape):
    assert npz(x=np.ones((50, *shape)), y=Y).load("cpu").spec.input_shape == shape


@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_grey_images_without_a_channel_get_one(npz, dtype):
    images = np.arange(50 * 6 * 3).reshape(50, 6, 3).astype(dtype)
    data = npz(x=images, y=Y, x_test=images, y_test=Y).load("cpu")
    assert data.spec.input_shape == (1, 6, 3)
    assert torch.equal(data.splits["test"].x[:, 0].double(), torch.from_numpy(images.astype(float)))


@pytest.mark.parametrize(
    ("shape", "other"), [((1, 8, 8), (1, 8, 9)), ((8, 8), (8, 7)), ((3, 8, 8), (1, 8, 8)), ((5,), (6,))]
)
def test_images_of_another_size_in_the_test_part_are_refused(npz, shape, other):
    message = refused(npz(x=np.ones((50, *shape)), y=Y, x_test=np.ones((50, *other)), y_test=Y))
    assert "samples of one kind" in message


def test_other_data_sets_say_so_too(options):
    class Own(DataSet):
        def read(self):
            split = Split(torch.ones(9, 32, 32, 3), torch.arange(9) % 3)
            return Arrays(split, split, classes=3, levels=None)

    assert refused(Own(**options)).startswith("dataset: expects images (N, C, H, W), not (N, H, W, C) (9, 32, 32, 3): ")
