"""Pickles of plain values and NumPy arrays: nothing else that a pickle names is called."""

from __future__ import annotations

import io
import pickle
from typing import Any

# What a pickle of arrays names, in files of Python 2 and 3 and of each version of NumPy.
ARRAYS = frozenset(
    (module, name)
    for module in ("numpy", "numpy.core.multiarray", "numpy._core.multiarray")
    for name in ("_reconstruct", "ndarray", "dtype", "scalar")
) | {("_codecs", "encode")}


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """The class or function that the pickle names. Raises UnpicklingError for what makes no array."""
        if (module, name) not in ARRAYS:
            raise pickle.UnpicklingError(f"it names {module}.{name}, and arrays have no use for it")
        return super().find_class(module, name)


def plain_pickle(content: bytes) -> Any:
    """What a pickle holds, texts of Python 2 as Latin-1. Raises pickle.UnpicklingError for more than plain values."""
    return _Plain(io.BytesIO(content), encoding="latin1").load()
