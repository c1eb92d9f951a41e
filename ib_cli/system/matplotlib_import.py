"""The import of Matplotlib, and its own defaults to draw with, whatever the environment or a file of settings says."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

BACKEND, SETTINGS = "MPLBACKEND", "MATPLOTLIBRC"


def import_matplotlib() -> ModuleType:
    """The Matplotlib module, also if its settings are wrong.

    A notebook leaves MPLBACKEND in the environment of its commands, and Matplotlib does not import with a backend that
    is not installed, or with a matplotlibrc that is no text. Pictures in files need neither.
    """
    try:
        return importlib.import_module("matplotlib")
    except ValueError:  # UnicodeDecodeError is one
        for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
            del sys.modules[name]  # parts of the module that could not be made
    before = {name: os.environ.pop(name, None) for name in (BACKEND, SETTINGS)}
    os.environ[SETTINGS] = os.devnull  # also keeps a matplotlibrc in this folder or in the home folder from being read
    try:
        return importlib.import_module("matplotlib")
    finally:
        del os.environ[SETTINGS]
        os.environ.update({name: value for name, value in before.items() if value is not None})


@contextmanager
def default_style() -> Iterator[None]:
    """Matplotlib's own defaults within the block, so that a picture is the same on every machine.

    `text.usetex: true` in a person's matplotlibrc would also stop every picture where LaTeX is missing. The person's
    settings are there again after the block.
    """
    matplotlib = import_matplotlib()
    own = {name: value for name, value in matplotlib.rcParamsDefault.items() if not name.startswith("backend")}
    with matplotlib.rc_context(own):
        yield
