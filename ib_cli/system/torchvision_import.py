"""The import of torchvision, also beside a torch that its compiled operators were not built for."""

from __future__ import annotations

import importlib
import sys
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import torch

# While it is imported, torchvision registers kernels for these two operators, and fails if they do not exist.
SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def import_torchvision() -> ModuleType:
    """The torchvision module, also if its compiled operators cannot load.

    The wheel of the package index is built for CUDA, so it does not find its libraries beside a CPU-only torch. Data
    sets, models and transforms need none of the operators: it is enough that two of them are declared. If the operators
    do load, this is a plain import.

    Raises ModuleNotFoundError if torchvision is not installed.
    """
    if "torchvision" not in sys.modules and not _operators_load():
        _declare_operators()
    return importlib.import_module("torchvision")


def _operators_load() -> bool:
    """Whether the compiled operators load; they are searched for in the same way as by torchvision itself."""
    package = find_spec("torchvision")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("No module named 'torchvision'", name="torchvision")
    extension = FileFinder(str(Path(package.origin).parent), (ExtensionFileLoader, EXTENSION_SUFFIXES)).find_spec("_C")
    if extension is None or extension.origin is None:
        return False
    try:
        torch.ops.load_library(extension.origin)
    except OSError:
        return False
    return True


@cache  # a second declaration would be an error, and the library's declarations live as long as it does
def _declare_operators() -> torch.library.Library:
    library = torch.library.Library("torchvision", "DEF")
    for schema in SCHEMAS:
        library.define(schema)
    return library
