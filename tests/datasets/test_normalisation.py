"""Stored values to those that the model sees."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ib_cli.datasets.normalisation import fit

BYTES = torch.arange(256, dtype=torch.uint8).view(256, 1, 1, 1)


def train_x(data):
    return data.batch("train", torch.arange(data.spec.train_size)).x


@pytest.mark.parametrize(("kind", "low", "high"), [("unit", 0.0, 1.0), ("symmetric", -1.0, 1.0)])
@pytest.mark.parametrize("levels", [17, 256])
def test_pixels_fill_the_interval_exactly_and_evenly(kind, low, high, levels):
    x = fit(kind, BYTES[:levels], levels)(BYTES[:levels]).flatten()
    assert x.dtype == torch.float32 and x[0] == low and x[-1] == high
    exact = torch.linspace(low, high, levels, dtype=torch.float64)
    torch.testing.assert_close(x.double(), exact, rtol=0, atol=1.5e-7)  # roundings of a float32 up to 2


def test_none_gives_the_stored_values(digits):
    data = digits().load("cpu")
    assert torch.equal(train_x(data), data.splits["train"].x.float())
    assert data.spec.interval is None


def test_standard_is_that_of_the_training_split(digits):
    data = digits(normalise="standard", train_size=200, validation_size=300).load("cpu")
    x = train_x(data)
    assert x.mean().item() == pytest.approx(0, abs=1e-6) and x.std(correction=0).item() == pytest.approx(1, abs=1e-6)
    assert data.spec.interval is None


def test_standard_takes_each_channel_by_itself(npz):
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(60, 3, 5, 4)) * np.array([1, 10, 0.1])[:, None, None] + 7).astype(np.float32)
    x = train_x(npz(x=x, y=np.arange(60) % 3, normalise="standard").load("cpu")).double()
    torch.testing.assert_close(x.mean((0, 2, 3)), torch.zeros(3).double(), rtol=0, atol=1e-5)
    torch.testing.assert_close(x.std((0, 2, 3), correction=0), torch.ones(3).double(), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("kind", "value"), [("standard", 0.0), ("unit", 0.0), ("symmetric", -1.0)])
def test_a_constant_feature_stays_finite(npz, kind, value):
    x = np.random.default_rng(0).normal(size=(40, 2))
    x[:, 1] = 0.1
    seen = train_x(npz(x=x, y=np.arange(40) % 2, normalise=kind).load("cpu"))
    torch.testing.assert_close(seen[:, 1], torch.full((32,), value), rtol=0, atol=1e-6)
    assert seen[:, 0].std() > 0.1


def test_real_numbers_fill_the_interval_in_training_and_are_clamped_elsewhere(npz):
    x = np.array([[0.0, 5.0], [4.0, 7.0], [1.0, 6.0]])
    data = npz(
        x=x,
        y=np.array([0, 1, 1]),
        x_test=np.array([[8.0, 5.5], [-1.0, 6.0]]),
        y_test=np.array([0, 1]),
        normalise="unit",
    ).load("cpu")
    torch.testing.assert_close(train_x(data), torch.tensor([[0, 0], [1, 1], [0.25, 0.5]]))
    torch.testing.assert_close(data.batch("test", torch.arange(2)).x, torch.tensor([[1, 0.25], [0, 0.5]]))
    assert (data.spec.interval, data.spec.levels) == ((0.0, 1.0), None)


def test_normalising_leaves_what_is_stored_alone(npz):
    data = npz(x=np.random.default_rng(0).normal(size=(40, 3)), y=np.arange(40) % 2, normalise="standard").load("cpu")
    before = data.splits["train"].x.clone()
    train_x(data)
    assert torch.equal(data.splits["train"].x, before)
