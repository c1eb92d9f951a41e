"""A person's own table p(x, y), from a NumPy archive."""

import zipfile
import zlib
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np

from ib_cli.contracts.errors import ConfigError
from ib_cli.datasets.joint import Joint
from ib_cli.system.home import expanded
from ib_cli.system.places import is_file

UNREADABLE = (OSError, ValueError, EOFError, KeyError, IndexError, TypeError, zipfile.BadZipFile, zlib.error)
TOLERANCE = 1e-6  # largest deviation of a table's sum from 1, enough for float32


@dataclass(frozen=True, kw_only=True)
class Table(Joint):
    """The array p (X, Y) of an .npz file: p(x, y), entries that are not negative and sum to one."""

    path: str  # of the .npz file; relative: to the working directory

    def fingerprint(self) -> str:
        """A hash of the file, so that another table under an old name makes a new run."""
        return blake2b(self._file().read_bytes(), digest_size=16).hexdigest()

    def table(self) -> np.ndarray:
        """Raises ConfigError where the file or the array is missing, or is no joint distribution."""
        try:
            with np.load(self._file(), allow_pickle=False) as archive:
                p = archive["p"]
        except UNREADABLE as error:
            raise self._error("must be an .npz file with an array p, as numpy.savez(path, p=…) writes it") from error
        if p.ndim != 2 or min(p.shape) < 2 or p.dtype.kind not in "iuf":
            raise self._error(f"must hold real numbers p (X, Y), at least 2 × 2, not {p.dtype} {p.shape}")
        p = p.astype(np.float64)
        if not np.isfinite(p).all() or p.min() < 0:
            raise self._error(f"must hold probabilities, finite and none negative, but p has {_worst(p)}")
        if abs(p.sum() - 1) > TOLERANCE:
            raise self._error(f"must hold probabilities whose sum is one, not {p.sum():.7g}")
        return p / p.sum()

    def _file(self) -> Path:
        path = expanded(self.path)
        if not is_file(path):
            raise self._error("is not a file; it must be an .npz file with an array p (X, Y)")
        return path

    def _error(self, right: str) -> ConfigError:
        return ConfigError(f"dataset.path: {self.path} {right}")


def _worst(p: np.ndarray) -> float:
    """The first entry that is not finite, else the smallest."""
    return float(p[~np.isfinite(p)][0] if not np.isfinite(p).all() else p.min())
