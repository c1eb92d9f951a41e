"""Samples from whatever holds them: numbers in floating point, labels as integers."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
import torch
from torch import Tensor

Samples = Any  # a tensor, a NumPy array, a pandas object or nested lists, with a sample a row


def given(values: Samples, name: str) -> Tensor:
    """`values` as a tensor: numbers (N, …) in floating point, labels (N,) or (N, K) in int64.

    Labels are integers, booleans and strings; strings are numbered in alphabetical order. Numbers of more than 64 bits
    become float64. Raises ValueError for what is neither: no samples, complex numbers, dates, rows of different
    lengths, missing values among labels, numbers among strings.
    """
    held = values.detach() if isinstance(values, Tensor) else torch.from_numpy(_array(values, name))
    if held.layout != torch.strided or held.is_quantized:
        raise ValueError(f"{name} must be a dense tensor, not {held.layout} {held.dtype}")
    if held.is_complex():
        raise ValueError(f"{name} must be real")
    if held.dim() == 0 or not held.numel():
        raise ValueError(f"{name} must have the shape (samples,) or (samples, dimensions), not {tuple(held.shape)}")
    return held if held.is_floating_point() else held.to(torch.int64)


def labelled(values: Tensor) -> bool:
    """Whether a tensor from `given` holds labels."""
    return not values.is_floating_point()


def labels(values: Samples, name: str = "labels") -> Tensor:
    """Labels (N,) in int64, from (N,) or (N, 1); ValueError for numbers in floating point and other shapes."""
    y = given(values, name)
    if not labelled(y):
        raise ValueError(f"{name} must be integers, not {y.dtype}")
    if y.dim() == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.dim() != 1:
        raise ValueError(f"{name} must have the shape (samples,), one for each sample, not {tuple(y.shape)}")
    return y


def numbers(values: Samples, name: str, instead: str) -> Tensor:
    """Numbers in floating point, (N, …). ValueError for labels; `instead` says what takes them."""
    z = given(values, name)
    if labelled(z):
        raise ValueError(f"{name} holds labels (integers, booleans or strings), not floating point: {instead}")
    return z


def neighbours(k: Any) -> int | list[int]:
    """k as an int or a list of ints, from integers of any kind and sequences of them; ValueError for anything else."""
    if whole_number(k):
        return int(k)
    if isinstance(k, Sequence | np.ndarray | Tensor) and not isinstance(k, str | bytes):
        held = k.tolist() if isinstance(k, np.ndarray | Tensor) else list(k)
        if isinstance(held, list) and all(map(whole_number, held)):
            return [int(number) for number in held]
    raise ValueError(f"k must be one or more positive integers, not {k!r}")


def whole_number(value: Any) -> bool:
    """Whether this is one integer, of Python or NumPy, and no truth value."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def _array(values: Samples, name: str) -> np.ndarray:
    """An array of a type that torch takes."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.getmaskarray(values).any():
        raise ValueError(f"{name} has masked values: leave these samples out")
    try:
        array = np.asarray(values)
    except (ValueError, TypeError, RuntimeError):
        raise ValueError(f"{name} must be an array of numbers or labels, with rows of one length") from None
    if array.dtype == object:
        array = _of_objects(array, name)
    kind = array.dtype.kind
    if kind in "UST" or (kind == "u" and array.size and array.max() > np.iinfo(np.int64).max):
        return np.unique(array, return_inverse=True)[1].reshape(array.shape)
    if kind not in "biufc":
        raise ValueError(f"{name} must be numbers or labels, not {array.dtype}")
    if kind == "c":
        return array.astype(np.complex128)
    own = {"b": np.int64, "i": np.int64, "u": np.int64, "f": np.float64}[kind]
    if kind == "f" and array.dtype.itemsize in (2, 4):
        own = np.float16 if array.dtype.itemsize == 2 else np.float32
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is told as that
        return np.array(array, dtype=own, order="C")  # a copy: torch warns of arrays that cannot be written


def _of_objects(array: np.ndarray, name: str) -> np.ndarray:
    """An array of Python objects as one of strings, integers or float64; ValueError for a mixture."""
    held = array.ravel().tolist()
    for kinds, dtype in (((str,), np.str_), ((bool, np.bool_), np.bool_), ((int, np.integer), np.int64)):
        if held and all(isinstance(value, kinds) for value in held):
            return _integers(array) if dtype is np.int64 else array.astype(dtype)
    try:
        if any(isinstance(value, str | bytes) for value in held):
            raise TypeError
        return array.astype(np.float64)
    except (TypeError, ValueError):
        found = ", ".join(sorted({type(value).__name__ for value in held})[:4])
        raise ValueError(f"{name} must be all numbers or all labels, but it has {found}") from None


def _integers(array: np.ndarray) -> np.ndarray:
    """Python integers as int64: their own values, or where these are too large their numbers in ascending order."""
    try:
        return array.astype(np.int64)
    except OverflowError:
        return np.unique(array, return_inverse=True)[1].reshape(array.shape)
