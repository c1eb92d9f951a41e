"""Priors of a unit's noisy activation z = ε f(x), ln ε ~ N(m, α²), and the divergences from them in nats."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

SMALLEST = 1e-4  # least f(x) whose logarithm is taken, as in the authors' code


class LogUniform(nn.Module):
    """q δ_0 + c/z: a mass q at 0 and, elsewhere, ln z uniform, which is no density (Achille and Soatto 2018, Prop. 2).

    KL(p(z|x) ‖ prior) = −ln α − ½ ln 2πe − ln c for f(x) ≠ 0. c is free; here it is such that KL = 0 at the largest α:

        KL = −ln(α/largest) ≥ 0.

    For f(x) = 0 the paper's KL is −ln q (`zero=mass`). The authors' code charges −ln(α/largest) all the same
    (`zero=alpha`).
    """

    largest: Tensor
    zero_mass: Tensor

    def __init__(self, largest: float, zero: Literal["alpha", "mass"], zero_mass: float) -> None:
        super().__init__()
        self.zero = zero
        # Tensors, so that runs trained together may have different values.
        self.register_buffer("largest", torch.tensor(largest), persistent=False)
        self.register_buffer("zero_mass", torch.tensor(zero_mass), persistent=False)

    def forward(self, clean: Tensor, alpha: Tensor, shift: Tensor | float) -> Tensor:
        """KL of each unit for f(x) = `clean` and α, (B, *units) each; the mean of ln ε does not matter."""
        kl = -(alpha / self.largest).log()
        return kl if self.zero == "alpha" else kl.where(clean != 0, -self.zero_mass.log())


class LogNormal(nn.Module):
    """ln z ~ N(μ, σ²), with μ and σ learned, one of each for the layer (Achille and Soatto 2018, Prop. 3).

    KL(p(z|x) ‖ prior) = (α² + (ln f(x) + E ln ε − μ)²)/(2σ²) − ln(α/σ) − ½, with f(x) ≥ 10⁻⁴ in the logarithm. The
    paper's eq. (5) has μ² for the squared distance of the means.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(1))
        self.log_deviation = nn.Parameter(torch.zeros(1))

    def forward(self, clean: Tensor, alpha: Tensor, shift: Tensor | float) -> Tensor:
        """KL of each unit for f(x) = `clean`, α and E ln ε = `shift`, (B, *units) each."""
        distance = clean.clamp_min(SMALLEST).log() + shift - self.mean
        precision = (-2 * self.log_deviation).exp()
        return (alpha.square() + distance.square()) * precision / 2 - alpha.log() + self.log_deviation - 0.5
