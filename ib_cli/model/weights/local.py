"""Local reparameterisation: the noise of independent Gaussian weights, drawn on a layer's output."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ib_cli.model.blocks.layers import Linear

Local = Literal["none", "linear", "all"]


def is_local(layer: nn.Module, local: Local) -> bool:
    """Whether the noise of this layer's weights is added to its output."""
    linear = local != "none" and isinstance(layer, Linear | nn.Linear)
    convolution = local == "all" and isinstance(layer, nn.Conv2d) and layer.padding_mode == "zeros"
    return linear or convolution


def output_deviation(layer: nn.Module, x: Tensor, variances: dict[str, Tensor]) -> Tensor:
    """Standard deviation of each output of the layer for x: √(x² Var[W] + Var[b]).

    With Gaussian weights the output is Gaussian with this deviation; its mean is the output of the mean weights
    (Kingma, Salimans and Welling 2015, eq. 6). `variances`: parameter name → variance of each entry.
    """
    weight, bias = variances["weight"], variances.get("bias")
    match layer:
        case Linear():
            variance = x.square() @ weight + variances["bias"]
        case nn.Linear():
            variance = F.linear(x.square(), weight, bias)
        case nn.Conv2d():
            variance = F.conv2d(x.square(), weight, bias, layer.stride, layer.padding, layer.dilation, layer.groups)
    # At 0, where all inputs are 0, the root has no gradient; and fast convolutions can return slightly less than 0.
    return variance.clamp_min(torch.finfo(variance.dtype).tiny).sqrt()
