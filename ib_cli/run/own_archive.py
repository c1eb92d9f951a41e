"""A person's own samples, from an .npz file."""

from __future__ import annotations

import logging
import zipfile
import zlib
from pathlib import Path

import numpy as np

from ib_cli.contracts.errors import ConfigError

log = logging.getLogger(__name__)


def own_samples(file: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """The arrays x and, where there is one, y of an .npz file. Raises ConfigError where it holds no x."""
    try:
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ConfigError(f"--data {file}: must be an .npz file with an array x, not a single array")
        with archive:
            names = archive.files
            found = {name: archive[name] for name in ("x", "y") if name in names}
    except OSError as error:
        raise ConfigError(f"--data {file}: {error.strerror or 'cannot be read'}") from None
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error):
        raise ConfigError(f"--data {file}: must be an .npz file of plain arrays, as numpy.savez writes it") from None
    if "x" not in found:
        raise ConfigError(f"--data {file}: must hold an array x (and y), but has {', '.join(names) or 'none'}")
    if "x_test" in names:
        log.warning("--data %s: x is taken, and x_test is not", file)
    return found["x"], found.get("y")
