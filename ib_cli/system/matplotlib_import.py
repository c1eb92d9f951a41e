"""The import of Matplotlib, and its own defaults to draw with, whatever the environment or a file of settings says."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from ib_cli.contracts.errors import ConfigError

BACKEND, SETTINGS = "MPLBACKEND", "MATPLOTLIBRC"


def import_matplotlib() -> ModuleType:
    """The Matplotlib module, also if its settings are wrong.

    A notebook leaves MPLBACKEND in the environment of its commands, and Matplotlib does not import with a backend that
    is not installed, or with a matplotlibrc that is no text. Pictures in files need neither. Nor do they need a home
    folder: where Matplotlib cannot keep its list of fonts there, it makes one for this process, without a word.

    Raises ConfigError where no folder for temporary files can be written.
    """
    with _quiet():
        try:
            matplotlib = _imported()
            matplotlib.get_cachedir()
        except OSError as error:
            raise ConfigError(
                "TMPDIR: Matplotlib needs a folder for temporary files, and none can be written; name one, as in "
                "TMPDIR=/path"
            ) from error
        importlib.import_module("matplotlib.font_manager")
    return matplotlib


@contextmanager
def _quiet() -> Iterator[None]:
    """Within the block Matplotlib tells nothing: neither of folders that it cannot use, nor that it looks for fonts."""
    logger = logging.getLogger("matplotlib")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _imported() -> ModuleType:
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
