"""What may not have been meant about numbers: it is said in one line, once, and nothing is said of what is as usual."""

from __future__ import annotations

import numpy as np
import pytest

from ib_cli.contracts.errors import ConfigError

N = 600
RNG = np.random.default_rng(0)
U = RNG.random((N, 3))
Y = (U[:, 0] > 0.5).astype(int)
STAMPS = 1.7e9 + 100 * U


def doubts(npz, **given) -> tuple[str, ...]:
    return npz(**{"x": U, "y": Y, "normalise": "standard"} | given).load("cpu").doubts


def with_outlier(values: np.ndarray, outlier: float) -> np.ndarray:
    values = values.copy()
    values[(0,) * values.ndim] = outlier
    return values


@pytest.mark.parametrize("outlier", [1e4, 1e6, -1e8, 1e10, 1e12])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_outlier_in_x_or_y_is_told(npz, outlier, dtype):
    x = with_outlier(U.astype(dtype), outlier)
    ruled, *merged = doubts(npz, x=x, y=Y, x_test=U[:9].astype(dtype), y_test=Y[:9])
    assert ruled.startswith("dataset: few values rule the scale of column 0 of x: ")
    assert [line.partition(" most values of ")[2] for line in merged] == ["column 0 of x apart"] * (abs(outlier) >= 1e8)
    ruled, *merged = doubts(npz, y=x[:, 0], x_test=U[:9], y_test=U[:9, 0])
    assert ruled.startswith("dataset: few values rule the scale of column 0 of y: ")


def test_an_outlier_is_told_of_sparse_columns_whole_numbers_and_channels(npz):
    sparse = with_outlier(np.where(RNG.random((N, 2)) < 0.9, 0, 1), 1e9)
    for x in (sparse, with_outlier((1000 * U).astype(np.int64), 2**60)):
        assert "rule the scale of column 0 of x: " in doubts(npz, x=x, x_test=x[1:9], y_test=Y[1:9])[0]
    images = with_outlier(RNG.normal(size=(N, 3, 4, 4)), 1e9)
    assert "rule the scale of channel 0 of x: " in doubts(npz, x=images, x_test=images[1:9], y_test=Y[1:9])[0]


def test_an_outlier_outside_training_is_told(npz):
    (line,) = doubts(npz, x_test=with_outlier(U, 1e6), y_test=Y)
    assert line.startswith("dataset: column 0 of x in test lies up to 3.") and "e+06 deviations" in line


def test_two_clusters_with_what_float32_takes_away_are_told(npz):
    (line,) = doubts(npz, x=np.where(Y, 1e12, 0)[:, None] + U)
    assert line == "dataset: float32 does not tell most values of column 0, 1, 2 of x apart"


@pytest.mark.parametrize("scale", [1e-46, 1e-50, 1e-200])
def test_what_is_too_small_for_float32_is_told_before_the_cast(npz, scale):
    (of_x,) = doubts(npz, x=scale * U)
    assert of_x.startswith("dataset: column 0, 1, 2 of x varies by ") and "too little for float32" in of_x
    assert f"e-{-round(np.log10(scale)):d}" in of_x
    (of_y,) = doubts(npz, y=scale * (9 * U[:, 0]))
    assert of_y.startswith("dataset: column 0 of y varies by ") and "too little for float32" in of_y
    for given in ({"x": scale * U, "normalise": "none"}, {"y": scale * U, "targets": "stored"}):
        with pytest.raises(ConfigError, match=r"float32 rounds column 0, 1, 2 of [^\n]*: multiply them[^\n]*$"):
            doubts(npz, **given)


@pytest.mark.parametrize("shape", [(16, 16, 10), (8, 8, 5), (28, 20, 10), (20, 28, 10), (32, 3, 32)])
def test_images_that_may_have_their_channels_last_are_told(npz, shape):
    (line,) = doubts(npz, x=RNG.random((60, *shape)), y=Y[:60])
    C, H, W = shape
    assert line.startswith(f"dataset: x is taken as (N, C, H, W): {C} channels of {H} × {W} pixels; ")


@pytest.mark.parametrize("shape", [(16, 5, 5), (3, 16, 10), (1, 10, 16), (2, 8, 9), (3, 3, 10)])
def test_nothing_is_told_of_images_as_they_are_usual(npz, shape):
    assert doubts(npz, x=RNG.random((60, *shape)), y=Y[:60]) == ()


@pytest.mark.parametrize("coarse", ["x", "x_test", "both"])
def test_a_split_too_coarse_for_its_numbers_is_told(npz, coarse):
    x, x_test = (STAMPS.astype(np.float32 if coarse in (name, "both") else float) for name in ("x", "x_test"))
    (line,) = doubts(npz, x=x, x_test=x_test, y_test=Y)
    where = "x in test" if coarse == "x_test" else "x"
    assert line.startswith(f"dataset: column 0, 1, 2 of {where} varies in its last bits alone")


def test_splits_of_two_precisions_are_told_where_it_matters(npz):
    wide = 1.7e9 + 3000 * U
    (line,) = doubts(npz, x=wide, x_test=wide.astype(np.float32), y_test=Y)
    assert "of x is only as precise as float32 in test, which rounds by up to 63.9, where" in line
    whole = 1_700_000_000_000_000_000 + (600 * U).astype(np.int64)
    of_test, merged = doubts(npz, x=whole, x_test=whole.astype(float), y_test=Y)
    assert "of x in test varies in its last bits alone" in of_test and "does not tell most values" in merged
    assert doubts(npz, x=U, x_test=U.astype(np.float32), y_test=Y) == ()


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float64])
def test_a_column_that_is_constant_in_training_alone_is_told(npz, dtype):
    x = (100 * U).astype(dtype)
    constant = x.copy()
    constant[:, 1] = 5
    (line,) = doubts(npz, x=constant, x_test=x, y_test=Y)
    assert line == "dataset: column 1 of x is constant in training, but not the same in test"
    assert doubts(npz, x=constant, x_test=constant, y_test=Y) == ()


@pytest.mark.parametrize(
    "x",
    [
        RNG.lognormal(0, 1, (N, 2)),
        np.where(RNG.random((N, 2)) < 0.95, 0, RNG.random((N, 2))),
        np.eye(20)[RNG.integers(20, size=N)],
        np.where(Y, 2**62, -(2**62))[:, None],
        np.where(Y, 0.3, 1.0)[:, None] * np.where(U > 0.3, 1, 1 + 2e-16),
        1000 * RNG.standard_t(3, (N, 2)),
    ],
    ids=["lognormal", "sparse", "one-hot", "the ends of int64", "rounding", "heavy tails"],
)
def test_nothing_is_told_of_numbers_as_they_are_usual(npz, x):
    assert doubts(npz, x=x) == ()
