"""The import of torchvision, also beside a torch that its compiled operators were not built for."""

from __future__ import annotations

import importlib
import sys
from functools import cache
from importlib.util import find_spec
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
    sets, models and transforms need none of the operators: it is enough that two of them are declared. They are
    declared only after a plain import has failed for want of them: a second declaration ends the process, and the file
    that makes the first has another name in some versions.

    Raises ModuleNotFoundError if torchvision is not installed.
    """
    if find_spec("torchvision") is None:
        raise ModuleNotFoundError("No module named 'torchvision'", name="torchvision")
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::" not in str(error):  # another fault than a missing operator
            raise
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    _declare_operators()
    return importlib.import_module("torchvision")


@cache  # a second declaration would be an error, and the library's declarations live as long as it does
def _declare_operators() -> torch.library.Library:
    library = torch.library.Library("torchvision", "DEF")
    for schema in SCHEMAS:
        library.define(schema)
    return library
