"""How far z is from m(z) by a kernel, without a critic."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Gt, MinLen
from torch import Tensor, nn

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.passes import Spec
from ib_cli.estimators.discrepancy import Kernel, discrepancy_terms

Scales = Annotated[list[Annotated[float, Gt(0)]], MinLen(1)]


class Discrepancy(nn.Module):
    """z (B, K) and draws of m(z) (B, K) → terms (B,) whose mean is the unbiased MMD² (`discrepancy_terms`)."""

    def __init__(self, kernel: Kernel, scales: list[float]) -> None:
        super().__init__()
        self.kernel, self.scales = kernel, scales

    def forward(self, z: Tensor, prior: Tensor) -> Tensor:
        """The terms of each sample."""
        return discrepancy_terms(z, prior, self.kernel, self.scales)


class Rbf(Discrepancy):
    """k = exp(−d²/c)."""

    def __init__(self, size: int, spec: Spec, *, scales: Scales) -> None:
        super().__init__("rbf", scales)


class InverseMultiquadric(Discrepancy):
    """k = c/(c + d²), with heavier tails: z far from m(z) still has a gradient (Tolstikhin et al. 2018, §4)."""

    def __init__(self, size: int, spec: Spec, *, scales: Scales) -> None:
        super().__init__("inverse_multiquadric", scales)


def no_discrepancy(size: int, spec: Spec) -> Discrepancy:
    """Raises ConfigError: an objective that has MMD needs a kernel."""
    raise ConfigError("mmd=none: this objective has MMD, which needs a kernel: choose mmd=rbf or inverse_multiquadric")
