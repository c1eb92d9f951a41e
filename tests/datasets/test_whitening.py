"""Contrast normalisation and ZCA, against eigendecompositions in float64 and scikit-learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from ib_cli import load_run
from ib_cli.contracts.errors import ConfigError
from ib_cli.datasets import whitening
from ib_cli.datasets.cifar10 import Cifar10
from ib_cli.datasets.whitening import contrast_normalised, fit_whitening

RNG = np.random.default_rng(0)


def contrast(images: np.ndarray) -> np.ndarray:
    x = images.reshape(len(images), -1).astype(float)
    x = x - x.mean(1, keepdims=True)
    return x / x.std(1, ddof=1, keepdims=True)


def by_hand(train: np.ndarray, images: np.ndarray) -> np.ndarray:
    """The definition: U diag(λ + 1e-5)^-½ Uᵀ (c − m)."""
    c = contrast(train)
    values, vectors = np.linalg.eigh(np.cov(c, rowvar=False))
    matrix = vectors @ np.diag(1 / np.sqrt(values.clip(0) + 1e-5)) @ vectors.T
    return (contrast(images) - c.mean(0)) @ matrix


def test_the_digits_are_whitened_by_what_training_says(digits):
    plain, data = digits().load("cpu"), digits(normalise="zca").load("cpu")
    train = plain.splits["train"].x.numpy()
    for name, split in data.splits.items():
        expected = by_hand(train, plain.splits[name].x.numpy())
        np.testing.assert_allclose(split.x.flatten(1).numpy(), expected, rtol=0, atol=2e-4)
        batch = data.batch(name, torch.tensor([3, 1]))
        assert split.x.dtype == torch.float32 and torch.equal(batch.x, split.x[[3, 1]])
    assert (data.spec.interval, data.spec.levels, data.spec.input_shape) == (None, None, (1, 8, 8))


def test_whitened_training_images_are_those_of_scikit_learn(digits):
    """Its principal components, scaled to variance 1 where λ is far above 1e-5, and turned back to pixels."""
    images = digits().load("cpu").splits["train"].x
    c, kept = contrast(images.numpy()), 40
    pca = PCA(kept, svd_solver="full").fit(c)
    assert pca.explained_variance_[-1] > 0.01
    found = fit_whitening(images)[0](images).flatten(1).double().numpy()
    expected = (c - c.mean(0)) @ pca.components_.T / np.sqrt(pca.explained_variance_ + 1e-5)
    np.testing.assert_allclose(found @ pca.components_.T, expected, rtol=0, atol=1e-4)


def test_the_covariance_is_one_less_what_is_added(npz):
    """Σ (Σ + 1e-5)^-1: near 1 but for the direction of equal pixels, which contrast normalisation takes away."""
    x = RNG.integers(0, 256, (3000, 3, 4, 4), dtype=np.uint8)
    data = npz(x=x, y=np.arange(3000) % 2, normalise="zca").load("cpu")
    found = np.cov(data.splits["train"].x.flatten(1).double().numpy(), rowvar=False)
    np.testing.assert_allclose(found, np.eye(48) - 1 / 48, rtol=0, atol=1e-4)


def test_contrast_is_that_of_each_image_alone():
    images = torch.from_numpy(RNG.integers(0, 200, (5, 3, 4, 4), dtype=np.uint8))
    np.testing.assert_allclose(contrast_normalised(images).numpy(), contrast(images.numpy()), rtol=1e-12)
    brighter = contrast_normalised(images.double() * 3 + 40)
    torch.testing.assert_close(brighter, contrast_normalised(images), rtol=1e-12, atol=1e-12)
    assert (contrast_normalised(torch.full((2, 1, 3, 3), 7, dtype=torch.uint8)) == 0).all()


def test_real_numbers_far_from_zero_lose_nothing(npz):
    near = RNG.normal(size=(300, 1, 4, 4))
    one, other = (npz(x=x, y=np.arange(300) % 2, normalise="zca").load("cpu") for x in (near, near + 1e6))
    torch.testing.assert_close(one.splits["train"].x, other.splits["train"].x, rtol=0, atol=1e-4)


def test_crops_and_flips_are_of_whitened_images_with_a_border_of_zero(digits):
    plain, data = digits(normalise="zca").load("cpu"), digits(normalise="zca", crop=2, flip=True).load("cpu")
    assert torch.equal(plain.splits["train"].x, data.splits["train"].x)
    found = data.batch("train", torch.arange(200), torch.Generator().manual_seed(0)).x
    generator = torch.Generator().manual_seed(0)
    down, across = data.augmentation.offsets(200, generator)
    mirrored = data.augmentation.mirrored(200, generator)
    padded = torch.nn.functional.pad(plain.splits["train"].x[:200], (2, 2, 2, 2))
    for i in range(200):
        image = padded[i, :, down[i] : down[i] + 8, across[i] : across[i] + 8]
        assert torch.equal(found[i], image.flip(-1) if mirrored[i] else image)


def test_only_the_training_images_that_are_used_decide(digits):
    few, most = (digits(normalise="zca", validation_size=200, train_size=size).load("cpu") for size in (900, None))
    plain = digits(validation_size=200, train_size=900).load("cpu")
    expected = by_hand(plain.splits["train"].x.numpy(), plain.splits["validation"].x.numpy())
    np.testing.assert_allclose(few.splits["validation"].x.flatten(1).numpy(), expected, rtol=0, atol=5e-4)
    assert not torch.equal(few.splits["test"].x, most.splits["test"].x)


@pytest.mark.parametrize(
    ("given", "right"),
    [
        ({"x": RNG.normal(size=(30, 5))}, "dataset.normalise=zca: is for images, and these are vectors"),
        (
            {"x": RNG.normal(size=(30, 1, 65, 64))},
            "dataset.normalise=zca: is for images of up to 4096 values, not 4160",
        ),
        ({"x": RNG.normal(size=(30, 1, 4, 4)), "train_size": 1}, "dataset.normalise=zca: a covariance needs two"),
    ],
)
def test_what_cannot_be_whitened_is_refused(npz, given, right):
    with pytest.raises(ConfigError) as error:
        npz(**given, y=np.arange(30) % 2, normalise="zca").load("cpu")
    assert str(error.value).startswith(right) and "\n" not in str(error.value)


def test_few_training_images_are_told(digits):
    told = digits(normalise="zca", train_size=70, validation_size=20).load("cpu").doubts
    assert len(told) == 2 and all(line.startswith("dataset.normalise=zca: images in ") for line in told)
    assert "70 images of 64 values" in told[0]
    assert digits(normalise="zca").load("cpu").doubts == ()


@pytest.mark.parametrize("value", [0, 7, 255])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_images_of_one_value_are_told(npz, value, dtype):
    some, x = RNG.integers(0, 256, (200, 1, 4, 4)).astype(dtype), np.full((200, 1, 4, 4), value, dtype)
    y = np.arange(200) % 2
    told = npz(x=np.where(np.arange(200)[:, None, None, None] < 3, x, some), y=y, x_test=some, y_test=y,
               normalise="zca").load("cpu").doubts  # fmt: skip
    assert [line for line in told if "one value" in line] == [
        "dataset.normalise=zca: 3 of 200 images in train have one value in all their pixels: without contrast they are "
        "the same to the model"
    ]
    told = npz(x=x, y=y, x_test=some, y_test=y, normalise="zca").load("cpu").doubts
    assert any("200 of 200 images in train have one value" in line for line in told)
    assert any("the 200 training images are all the same but for brightness and contrast" in line for line in told)


def test_images_that_differ_in_brightness_and_contrast_alone_are_told(npz):
    pattern = RNG.normal(size=(1, 3, 4, 4))
    x = pattern * RNG.uniform(1, 2, (100, 1, 1, 1)) + RNG.normal(size=(100, 1, 1, 1))
    y, unlike = np.arange(100) % 2, RNG.normal(size=x.shape)
    for test in (x, unlike):
        told = npz(x=x, y=y, x_test=test, y_test=y, normalise="zca").load("cpu").doubts
        assert [line for line in told if "zca" in line] == [
            "dataset.normalise=zca: the 100 training images are all the same but for brightness and contrast"
        ]
    assert not any("all the same" in line for line in npz(x=unlike, y=y, normalise="zca").load("cpu").doubts)


def test_a_long_fit_is_made_once_for_the_same_images(digits, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(whitening, "LONG", 10)
    fits, fitted = [], whitening._fitted
    monkeypatch.setattr(whitening, "_fitted", lambda images: fits.append(len(images)) or fitted(images))
    first, again = (digits(normalise="zca", train_size=500).load("cpu") for _ in range(2))
    assert fits == [500] and torch.equal(first.splits["test"].x, again.splits["test"].x)
    digits(normalise="zca", train_size=500, seed=1).load("cpu")
    assert fits == [500, 500]


def test_a_finished_run_takes_bytes_or_whitened_images(ib_train, digits):
    words = ("dataset.normalise=zca", "dataset.train_size=200", "epochs=1", "figures=false", "estimators=none",
             "architecture.widths=[4]", "bottleneck.size=2", "device=cpu")  # fmt: skip
    assert ib_train(*words).code == 0
    run = load_run(next(Path("outputs/runs").iterdir()))
    raw = digits().load("cpu").splits["test"].x[:9]
    stored = run.data.splits["test"].x[:9]
    assert torch.equal(run.data.whitening(raw), stored)
    assert torch.equal(run.encode(raw).mean, run.encode(stored).mean)


@pytest.mark.slow
def test_cifar_10_is_whitened(real_data, options, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    data = Cifar10(**options | {"normalise": "zca"}, root=real_data, download=False).load("cpu")
    x = data.splits["train"].x.flatten(1)
    some = np.cov(x[:, ::97].double().numpy(), rowvar=False)  # Σ (Σ + 1e-5)^-1, whose diagonal is a little below 1
    assert (
        np.abs(some - np.diag(np.diag(some))).max() < 0.02 and 0.9 < np.diag(some).min() <= np.diag(some).max() < 1.001
    )
    assert data.doubts == ()
