"""torchvision can be imported whatever torch it is beside."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import sys
from ib_cli.system.torchvision_import import import_torchvision
assert "torchvision" not in sys.modules
assert import_torchvision() is import_torchvision()
import torch, torchvision
torchvision.models.resnet18(weights=None).eval()(torch.zeros(1, 3, 32, 32))
"""


@pytest.mark.slow
def test_models_and_data_sets_work_in_a_fresh_process():
    subprocess.run([sys.executable, "-c", CODE], check=True)
