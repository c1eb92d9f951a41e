"""Jointly Gaussian data against their covariance."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Generator

from ib_cli.contracts.errors import ConfigError
from ib_cli.datasets.gaussian import Gaussian
from ib_cli.datasets.joint_gaussian import JointGaussian
from ib_cli.exact.gaussian_ib import GaussianIB

OPTIONS: dict[str, Any] = {
    "x_dimensions": 2,
    "y_dimensions": 1,
    "covariance": None,
    "correlations": [0.8],
    "samples": 500,
    "test_size": 300,
    "validation_size": 0,
    "likelihood": "gaussian",
    "seed": 0,
}
OWN = [[2.0, 0.6, 0.9], [0.6, 1.0, -0.4], [0.9, -0.4, 1.5]]


@pytest.fixture
def gaussian() -> Callable[..., Gaussian]:
    return lambda **changed: Gaussian(**OPTIONS | changed)


def test_shapes_and_splits(gaussian):
    data = gaussian(y_dimensions=3, validation_size=50).load("cpu")
    assert (data.spec.input_shape, data.spec.classes, data.spec.target_shape) == ((2,), None, (3,))
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 500, "test": 300, "validation": 50}
    assert data.spec.train_size == 500 and data.device == torch.device("cpu")
    x, y, *_ = data.batch("test", torch.arange(7))
    assert x.shape == (7, 2) and y.shape == (7, 3) and x.dtype == y.dtype == torch.float32


def test_samples_have_the_covariance(gaussian):
    data = gaussian(covariance=OWN).load("cpu")
    x, y, _ = data.source.draw(torch.arange(100_000), Generator().manual_seed(1))
    found = torch.cat([x, y], 1).double().T.cov()
    # an entry's standard error is √((Σ_ii Σ_jj + Σ_ij²)/n), at most √(8/n)
    torch.testing.assert_close(found, torch.tensor(OWN).double(), rtol=0, atol=5 * math.sqrt(8 / 100_000))


def test_every_training_batch_is_new_and_follows_its_generator(gaussian):
    data, indices = gaussian().load("cpu"), torch.arange(5)
    generator = Generator().manual_seed(3)
    first, second = (data.batch("train", indices, generator) for _ in range(2))
    again = data.batch("train", indices, Generator().manual_seed(3))
    assert torch.equal(first.x, again.x) and torch.equal(first.y, again.y)
    assert not (first.x == second.x).any() and not (first.y == second.y).any()
    for name in ("train", "test"):  # evaluations see the same samples each time
        assert torch.equal(data.batch(name, indices).x, data.splits[name].x[:5])
    assert torch.equal(data.batch("test", indices, generator).x, data.splits["test"].x[:5])


def test_splits_follow_the_seed_and_the_test_split_nothing_else(gaussian):
    first, longer, other = (gaussian(**changed).load("cpu") for changed in ({}, {"samples": 900}, {"seed": 1}))
    assert torch.equal(first.splits["test"].x, longer.splits["test"].x)
    assert not (first.splits["test"].x == other.splits["test"].x).any()
    assert not (first.splits["train"].x[:300] == first.splits["test"].x).any()


def test_the_correlations_are_the_canonical_ones(gaussian):
    source = gaussian(x_dimensions=4, y_dimensions=3, correlations=[0.9, -0.5]).load("cpu").source
    exact = GaussianIB(source.covariance.numpy(), source.x_dimensions)
    assert sorted(1 - exact.eigenvalues) == pytest.approx([0, 0, 0.25, 0.81])


def test_the_entropy_of_y_is_that_of_its_law(gaussian):
    data = gaussian(covariance=OWN).load("cpu")
    assert data.label_entropy("test") == pytest.approx(0.5 * math.log(2 * math.pi * math.e * 1.5))
    source = JointGaussian(torch.tensor(OWN).double(), 1)
    assert source.y_entropy == pytest.approx(GaussianIB(OWN, 1).y_entropy)


@pytest.mark.parametrize(
    ("changed", "right"),
    [
        ({"covariance": [[1.0, 0.5], [0.5, 1.0]]}, "3 rows of 3"),
        ({"covariance": [*OWN[:2], [0.9, -0.4]]}, "3 rows of 3"),
        ({"covariance": [*OWN[:2], [0.9, 0.4, 1.5]]}, "symmetric"),
        ({"covariance": [*OWN[:2], [0.9, -0.4, 0.1]]}, "positive definite"),
        ({"covariance": [*OWN[:2], [0.9, -0.4, -1.0]]}, "positive definite"),
        ({"correlations": [0.5, 0.5]}, "dataset.correlations: must be 1 at most"),
    ],
)
def test_what_is_no_covariance_is_refused_in_one_line(gaussian, changed, right):
    with pytest.raises(ConfigError) as error:
        gaussian(**changed).load("cpu")
    message = str(error.value)
    assert message.startswith("dataset.") and right in message and "\n" not in message
