"""An architecture whose process dies without a word, as at the hands of a kernel that is out of memory."""

from __future__ import annotations

import os
import signal

from torch import Tensor

from ib_cli.contracts.noise import Tape
from ib_cli.model.architectures.mlp import Mlp


class Dying(Mlp):
    """An mlp until it is used."""

    def forward(self, x: Tensor, tape: Tape) -> Tensor:
        """Does not return."""
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("still alive")
