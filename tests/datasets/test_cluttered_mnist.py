"""Cluttered MNIST: on made-up digits, pixel for pixel, and on the real ones."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import pytest
import torch

from ib_cli.config.schema import check
from ib_cli.contracts.errors import ConfigError
from ib_cli.datasets.cluttered_mnist import ClutteredMnist
from ib_cli.datasets.mnist import Mnist

KEYS = {"size": 96, "distractors": 21, "distractor_size": 8, "download": False}
SHORT = {"train_size": 40, "test_size": 20}


@pytest.fixture
def cluttered(published, options):
    """Cluttered images of made-up digits; few, unless told otherwise."""
    return lambda **changed: ClutteredMnist(**options | KEYS | SHORT | {"root": str(published)} | changed)


def test_images_are_the_sum_of_digit_and_distractors(cluttered, published, options):
    """Against loops over single pixels, of random ones, which often sum to more than 255."""
    made = cluttered(size=40, distractors=15, train_size=6)
    data, plan = made.load("cpu"), made.plan("train")
    digits = Mnist(**options, root=str(published), download=False).read().train
    rows = made.shuffled(60_000, "train")[:6].tolist()
    for found, row in zip(data.splits["train"].x, rows, strict=True):
        canvas = [[0] * 40 for _ in range(40)]
        pieces = [(digits.x[row, 0], plan["digit"][row])]
        for image, (down, across), place in zip(plan["image"][row], plan["cut"][row], plan["place"][row], strict=True):
            pieces.append((digits.x[image, 0, down : down + 8, across : across + 8], place))
        for piece, (down, across) in pieces:
            for i, line in enumerate(piece.tolist()):
                for j, value in enumerate(line):
                    canvas[down + i][across + j] = min(canvas[down + i][across + j] + value, 255)
        assert found[0].tolist() == canvas
    assert data.splits["train"].y.tolist() == digits.y[rows].tolist()


def test_each_split_has_labels_boxes_and_digits_of_its_own(cluttered, published, options):
    data = cluttered(distractors=0, validation_size=30).load("cpu")
    digits = Mnist(**options, root=str(published), download=False).load("cpu").splits
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 40, "test": 20, "validation": 30}
    seen = []
    for name, split in data.splits.items():
        assert split.x.dtype == torch.uint8 and split.x.shape[1:] == (1, 96, 96)
        labels = {
            bytes(x): y
            for x, y in zip(
                digits["test" if name == "test" else "train"].x.flatten(1).numpy(),
                digits["test" if name == "test" else "train"].y.tolist(),
                strict=True,
            )
        }
        for image, label, (row, column, height, width) in zip(split.x, split.y.tolist(), split.boxes, strict=True):
            digit = image[0, row : row + height, column : column + width]
            assert (height, width) == (28, 28) and labels[digit.numpy().tobytes()] == label
            assert image.long().sum() == digit.long().sum()  # nothing outside of the box
            seen.append(digit.numpy().tobytes())
    assert len(set(seen)) == 90
    assert data.spec.labels == {} and data.splits["train"].labels == {}


def test_what_is_drawn_is_uniform_and_of_other_images(cluttered):
    plan = cluttered().plan("train")
    N = 60_000
    assert (plan["image"] != np.arange(N)[:, None]).all()
    assert plan["image"].min() == 0 and plan["image"].max() == N - 1
    for name, room in (("digit", 69), ("cut", 21), ("place", 89)):
        for axis in (0, 1):
            drawn = plan[name][..., axis].reshape(-1)
            counts = np.bincount(drawn, minlength=room)
            assert len(counts) == room
            assert (np.abs(counts - drawn.size / room) < 5 * np.sqrt(drawn.size / room)).all()
        down, across = plan[name].reshape(-1, 2).T
        assert abs(np.corrcoef(down, across)[0, 1]) < 5 / np.sqrt(down.size)


def test_a_fingerprint_tells_what_is_made_without_any_file(cluttered, tmp_path):
    first = cluttered().fingerprint()
    assert first and first == cluttered(root=str(tmp_path), train_size=7, crop=2).fingerprint()
    others = [{"seed": 1}, {"size": 95}, {"distractors": 20}, {"distractor_size": 7}]
    assert len({first, *(cluttered(**other).fingerprint() for other in others)}) == 5


def test_a_new_recipe_or_other_files_have_another_fingerprint(cluttered, monkeypatch):
    first = cluttered().fingerprint()
    monkeypatch.setattr(ClutteredMnist, "recipe", 2)
    second = cluttered().fingerprint()
    monkeypatch.setattr(Mnist, "checksums", {})
    assert len({first, second, cluttered().fingerprint()}) == 3


def test_images_follow_the_seed(cluttered):
    first, again, other = (cluttered(seed=seed).load("cpu").splits["test"] for seed in (0, 0, 1))
    assert torch.equal(first.x, again.x) and torch.equal(first.boxes, again.boxes)
    assert not torch.equal(first.x, other.x)


def test_damaged_files_are_refused_before_a_run_is_found(published, options, tmp_path):
    folder = tmp_path / Mnist.folder
    folder.mkdir(parents=True)
    (folder / "t10k-labels-idx1-ubyte").write_bytes(b"nothing")
    with pytest.raises(ConfigError, match=r"^dataset\.root: .*t10k-labels-idx1-ubyte is damaged"):
        ClutteredMnist(**options | KEYS | {"root": str(tmp_path)}).fingerprint()


@pytest.mark.parametrize(
    ("changed", "right"),
    [
        ({"size": 27}, "dataset.size=27: must be greater than or equal to 28"),
        ({"distractor_size": 29}, "dataset.distractor_size=29: must be less than or equal to 28"),
        ({"distractor_size": 0}, "dataset.distractor_size=0: must be greater than or equal to 1"),
        ({"distractors": -1}, "dataset.distractors=-1: must be greater than or equal to 0"),
        ({"distractors": 145}, "dataset.distractors: must be at most 144, as many squares of 8 × 8 pixels"),
        ({"size": 28, "distractor_size": 28, "distractors": 2}, "dataset.distractors: must be at most 1, "),
        ({"root": "elsewhere"}, "dataset.root: there is no elsewhere/MNIST/raw/"),
        ({"label": "digit"}, "dataset.label=digit: must be null: these data have one label"),
        ({"train_size": 60_001}, "dataset.train_size: must be at most 60000"),
        ({"normalise": "zca"}, "dataset.normalise=zca: is for images of up to 4096 values, not 9216"),
    ],
)
def test_impossible_images_are_refused_in_one_line(published, options, changed, right):
    keys = options | KEYS | SHORT | {"root": str(published)} | changed
    with pytest.raises(ConfigError) as error:
        check("dataset", ClutteredMnist, keys)
        ClutteredMnist(**keys).load("cpu")
    assert str(error.value).startswith(right) and "\n" not in str(error.value)


def test_a_run_trains_on_them_and_is_found_again_without_the_files(ib_train, published):
    words = ["dataset=cluttered_mnist", "dataset.train_size=50", "dataset.test_size=50", "epochs=1", "device=cpu",
             "architecture.widths=[4]", "bottleneck.size=2", "figures=false", "estimators=none"]  # fmt: skip
    assert ib_train(*words, f"dataset.root={published}").code == 0
    again = ib_train(*words, "dataset.root=elsewhere", "dataset.download=false")
    assert again.code == 0 and "done before" in again.out
    ended = ib_train(*words, "dataset.distractors=145", f"dataset.root={published}")
    assert ended.code == 2 and ended.err.startswith("ib-train: dataset.distractors: ") and ended.err.count("\n") == 1


@pytest.mark.parametrize(
    ("sizes", "digest"),
    [
        ({"train_size": 500, "test_size": 200}, "cd105a6a5a0a650d0d226fa20ddd30b0"),
        pytest.param({"train_size": 50_000}, "f52bbd0bf6edf327a79b5b63aa2a49de", marks=pytest.mark.slow),
    ],
)
def test_the_bytes_made_of_the_real_digits_stay(real_data, options, sizes, digest):
    """Another digest needs another `recipe`, as runs on other bytes are other runs."""
    made = ClutteredMnist(**options | KEYS | sizes | {"root": real_data})
    found = sha256()
    for split in list(made.load("cpu").splits.values())[:2]:
        found.update(split.x.numpy().tobytes() + split.y.numpy().astype("<i8").tobytes())
    assert found.hexdigest()[:32] == digest
    assert made.fingerprint() == "88f817a95b1fae0891ed0d7f2104c683"
