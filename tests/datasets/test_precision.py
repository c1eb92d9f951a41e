"""Numbers far from 0, too small or too large for float32: what tells them apart reaches the model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from ib_cli.contracts.errors import ConfigError

N = 600
RNG = np.random.default_rng(0)
SIGNAL = RNG.uniform(0, 60, N)
LABELS = np.arange(N) % 2


def of_train(data, name: str = "train") -> np.ndarray:
    split = data.splits[name]
    return data.batch(name, torch.arange(len(split))).x.double().numpy()


def standard(values: np.ndarray) -> np.ndarray:
    whole = values.dtype.kind != "f"  # numbers that are subtracted as such
    exact = (values - values.min(0) if whole else values).astype(np.longdouble)
    return ((exact - exact.mean(0)) / exact.std(0)).astype(np.float64)


FAR = {
    "float32 of four neighbours": (16e6 + np.arange(N) % 4).astype(np.float32),
    "time stamps in seconds": 1.7e9 + SIGNAL,
    "time stamps below 0": -1.7e9 + SIGNAL,
    "nanoseconds as int64": 1_700_000_000_000_000_000 + (10 * SIGNAL).astype(np.int64),
    "nanoseconds as uint64": np.uint64(1_700_000_000_000_000_000) + (10 * SIGNAL).astype(np.uint64),
    "seconds as int32": (1_700_000_000 + SIGNAL).astype(np.int32),
    "seconds as uint32": (3_000_000_000 + SIGNAL).astype(np.uint32),
    "of another byte order": (1.7e9 + SIGNAL).astype(">f8"),
    "extended precision": (1.7e9 + SIGNAL).astype(np.longdouble),
    "float16": (1000 + np.arange(N) % 4).astype(np.float16),
    "nearly constant": 1e9 + 1e-3 * SIGNAL,
    "the largest of float32": (SIGNAL - 30).astype(np.float32) * np.float32(1e37),
    "the smallest normal of float32": (SIGNAL - 30) * 1e-37,
}


@pytest.mark.parametrize("values", FAR.values(), ids=FAR)
def test_x_is_standardised_in_the_precision_that_it_came_in(npz: Callable, values: np.ndarray) -> None:
    x = np.stack([values, values[::-1]], 1)
    data = npz(x=x, y=LABELS, x_test=x[:50], y_test=LABELS[:50], normalise="standard").load("cpu")
    np.testing.assert_allclose(of_train(data), standard(x), rtol=0, atol=4e-6)
    np.testing.assert_allclose(of_train(data, "test"), standard(x)[:50], rtol=0, atol=4e-6)
    assert data.batch("train", torch.arange(3)).x.dtype == torch.float32 and data.doubts == ()


@pytest.mark.parametrize("values", FAR.values(), ids=FAR)
@pytest.mark.parametrize(("kind", "low"), [("unit", 0), ("symmetric", -1)])
def test_x_fills_its_interval_in_the_precision_that_it_came_in(npz, values, kind, low) -> None:
    x = of_train(
        npz(x=values[:, None], y=LABELS, x_test=values[:2, None], y_test=LABELS[:2], normalise=kind).load("cpu")
    )
    exact = values.astype(np.longdouble)
    share = ((exact - exact.min()) / (exact.max() - exact.min())).astype(np.float64)
    np.testing.assert_allclose(x[:, 0], low + (1 - low) * share, rtol=0, atol=4e-6)


@pytest.mark.parametrize("values", FAR.values(), ids=FAR)
@pytest.mark.parametrize("targets", ["auto", "standard"])
def test_y_is_standardised_in_the_precision_that_it_came_in(npz, values, targets) -> None:
    if targets == "auto" and values.dtype.kind != "f":
        return
    data = npz(x=SIGNAL[:, None], y=values, x_test=SIGNAL[:9, None], y_test=values[:9], targets=targets).load("cpu")
    exact = standard(values[:, None])
    np.testing.assert_allclose(data.splits["train"].y.numpy(), exact, rtol=0, atol=4e-6)
    np.testing.assert_allclose(data.splits["test"].y.numpy(), exact[:9], rtol=0, atol=4e-6)
    assert data.splits["train"].y.dtype == torch.float32 and data.target_variance("train") == pytest.approx(1, abs=1e-5)


def test_images_far_from_0_are_standardised_by_channel(npz) -> None:
    x = 1e9 + RNG.normal(size=(N, 2, 3, 4))
    x[:, 1] = 200 + (x[:, 1] > 1e9)
    flat = np.moveaxis(x, 1, -1).reshape(-1, 2)
    wanted = np.moveaxis(standard(flat).reshape(N, 3, 4, 2), -1, 1)
    data = npz(x=x, y=LABELS, x_test=x, y_test=LABELS, normalise="standard").load("cpu")
    np.testing.assert_allclose(of_train(data), wanted, rtol=0, atol=4e-6)


def test_bytes_far_from_0_are_standardised(npz) -> None:
    x = (200 + np.arange(N) % 3).astype(np.uint8)[:, None]
    data = npz(x=x, y=LABELS, x_test=x, y_test=LABELS, normalise="standard").load("cpu")
    np.testing.assert_allclose(of_train(data), standard(x), rtol=0, atol=1e-6)
    assert data.splits["train"].x.dtype == torch.uint8


def test_near_numbers_stay_float32_and_constant_columns_constant(npz) -> None:
    near = RNG.normal(size=(N, 2))
    assert npz(x=near, y=LABELS, normalise="standard").load("cpu").splits["train"].x.dtype == torch.float32
    x = np.stack([1.7e9 + SIGNAL, np.full(N, 1000.1)], 1)
    assert (of_train(npz(x=x, y=LABELS, normalise="standard").load("cpu"))[:, 1] == 0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["standard", "unit", "symmetric"])
@pytest.mark.parametrize("offset", [0, 3e-39])
def test_what_varies_too_little_for_float32_is_constant_and_said_to_be(npz, dtype, kind, offset) -> None:
    x = np.stack([SIGNAL, offset + 3e-41 * RNG.normal(size=N)], 1).astype(dtype)
    data = npz(x=x, y=LABELS, normalise=kind).load("cpu")
    seen = of_train(data)
    assert np.isfinite(seen).all() and np.ptp(seen[:, 1]) < 1e-6 < np.ptp(seen[:, 0])
    (doubt,) = data.doubts
    assert doubt.startswith("dataset: column 1 of x varies by") and "counts as constant" in doubt


def test_a_y_that_varies_too_little_or_not_at_all_is_said_to(npz) -> None:
    y = np.stack([SIGNAL, 3e-41 * SIGNAL, np.full(N, 2.5)], 1)
    data = npz(x=SIGNAL[:, None], y=y).load("cpu")
    assert [doubt.partition(" of y ")[0] for doubt in data.doubts] == ["dataset: column 1", "dataset: column 2"]
    assert (data.splits["train"].y[:, 1:].abs() < 1e-6).all()


def test_what_may_be_rounding_alone_is_said_to(npz) -> None:
    x = np.stack([SIGNAL, np.where(LABELS, 0.3, 0.1 + 0.2)], 1)
    (doubt,) = npz(x=x, y=LABELS, normalise="standard").load("cpu").doubts
    assert doubt.startswith("dataset: column 1 of x") and "rounding" in doubt


@pytest.mark.parametrize("given", [{"normalise": "none"}, {"normalise": "standard", "targets": "stored"}])
def test_what_float32_would_take_away_is_refused(npz, given) -> None:
    far = 1.7e9 + SIGNAL
    x, y = (far[:, None], LABELS) if given["normalise"] == "none" else (SIGNAL[:, None], far)
    key = "dataset.normalise=none: " if given["normalise"] == "none" else "dataset.targets=stored: "
    with pytest.raises(ConfigError, match=f"^{key}float32 rounds column 0 of .* by up to [^\n]*standard$"):
        npz(x=x, y=y, **given).load("cpu")


def test_what_float32_holds_may_stay_as_it_is(npz) -> None:
    x = (16e6 + LABELS)[:, None]
    assert set(of_train(npz(x=x, y=LABELS, normalise="none").load("cpu"))[:, 0]) == {16e6, 16e6 + 1}


@pytest.mark.parametrize(
    ("values", "right"),
    [
        (np.uint64(2**63) + (10 * SIGNAL).astype(np.uint64), "integers below 2^63"),
        (np.longdouble(1e9) + SIGNAL.astype(np.longdouble) * np.longdouble(1e-10), "float64 tells apart"),
    ],
)
def test_what_no_type_here_can_hold_is_refused(npz, values, right) -> None:
    with pytest.raises(ConfigError, match=r"^dataset\.path: ") as error:
        npz(x=values[:, None], y=LABELS).load("cpu")
    assert right in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("scale", [1e-80, 1e80])
def test_a_covariance_of_what_float32_cannot_hold_is_refused(ib_train: Callable, scale: float) -> None:
    rows = f"[[{scale},0],[0,1]]"
    ended = ib_train(
        "dataset=gaussian", "dataset.x_dimensions=1", "dataset.y_dimensions=1", f"dataset.covariance={rows}"
    )
    assert ended.code == 2 and ended.err.startswith("ib-train: dataset.covariance: ") and "\n" not in ended.err.strip()


TRAINED = (
    "dataset=npz",
    "dataset.path=own.npz",
    "architecture.widths=[32]",
    "bottleneck.size=4",
    "optimizer.lr=1e-2",
    "gamma=1e-4",
    "epochs=12",
    "evaluate_every=50",
    "checkpoint_every=50",
    "figures=false",
    "estimators=none",
    "device=cpu",
)


@pytest.mark.slow
def test_runs_learn_what_lies_far_from_0(ib_train: Callable) -> None:
    """Neighbours in float32, time stamps and a continuous y: an error of 0, below 0.05, and r² above 0.99."""
    from ib_cli.run.library import load_run

    x = RNG.normal(size=(N, 2))
    files = {
        "error": ((16e6 + np.arange(N) % 4).astype(np.float32)[:, None], np.arange(N) % 4, ()),
        "late": (1.7e9 + SIGNAL[:, None], (SIGNAL > 30).astype(int), ()),
        "r2": (x, 1.7e9 + x @ [1, -2], ("classifier=gaussian", "epochs=30")),
    }
    test = {}
    for name, (given, y, words) in files.items():
        np.savez("own.npz", x=given, y=y)
        assert ib_train(*TRAINED, *words, f"name={name}").code == 0
        (folder,) = (path for path in Path("outputs", name).iterdir() if path.name[0] != ".")
        test[name] = load_run(folder).result["test"]
    assert test["error"]["error"] == 0 and test["late"]["error"] < 0.05
    assert test["r2"]["r2"] > 0.99 and test["r2"]["mse"] == pytest.approx(1 - test["r2"]["r2"], rel=0.3)


def test_the_library_encodes_x_as_it_is_stored(ib_train: Callable) -> None:
    from ib_cli.run.library import load_run

    np.savez("own.npz", x=1.7e9 + SIGNAL[:, None], y=LABELS)
    assert ib_train(*TRAINED, "epochs=1").code == 0
    (folder,) = (path for path in Path("outputs", "runs").iterdir() if path.name[0] != ".")
    run = load_run(folder)
    apart = run.encode(1.7e9 + np.array([[0.0], [60.0]])).mean
    assert (apart[0] - apart[1]).abs().max() > 1e-3
