"""Moments of z in each class over a run's last batches, for variances that one batch is too small to estimate."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor, nn

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.moments import sums_of_classes
from ib_cli.contracts.passes import Pass, Spec


class Running(nn.Module):
    """Decaying sums over earlier batches: a batch t steps back counts (1 − 1/`batches`)^t.

    With the present batch (t = 0) the window counts `batches` batches in all; `batches=1` has no earlier ones. Raises
    ConfigError if y is continuous.
    """

    kept: Tensor
    sums: Tensor

    def __init__(self, size: int, spec: Spec, *, batches: Annotated[float, Ge(1)]) -> None:
        super().__init__()
        if spec.classes is None:
            raise ConfigError(
                "window=running: this objective has variances in each class, but y is continuous: choose an objective "
                "without them, such as surrogate_logvar"
            )
        # A tensor, so that runs trained together may have different values.
        self.register_buffer("kept", torch.tensor(1 - 1 / batches, dtype=torch.float64), persistent=False)
        self.register_buffer("sums", torch.zeros(spec.classes, 1 + 3 * size, dtype=torch.float64))

    def forward(self, p: Pass) -> Tensor:
        """Decayed `sums_of_classes` of earlier batches, (classes, 1 + 3K); then adds this batch. 0 in evaluations."""
        if not self.training:
            return torch.zeros_like(self.sums)
        earlier = self.kept * self.sums
        self.sums.copy_((earlier + sums_of_classes(p)).detach())
        return earlier
