"""Whether a quantised z goes with the rest of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from ib_cli.config.public_names import short_name
from ib_cli.contracts.errors import ConfigError
from ib_cli.functionals.objective import Objective
from ib_cli.model.blocks.layers import is_monte_carlo
from ib_cli.model.bottlenecks.bottleneck import Bottleneck
from ib_cli.model.noise.layer import NoiseLayer


def check_codebook(
    config: Mapping[str, Any], objective: Objective, architecture: nn.Module, bottleneck: Bottleneck, weights: bool
) -> None:
    """Raises ConfigError where codewords are asked for and not there, or there and cannot be learned.

    `weights`: whether the samples have weights.
    """
    weighted = objective.weighted(config)
    chosen = f"bottleneck={short_name('bottleneck', config['bottleneck']['_target_'])}"
    if not getattr(bottleneck, "quantised", False):
        for each in weighted:
            if "codes" in each.needs:
                raise ConfigError(
                    f"{chosen}: this objective has {each.symbol}, which is of codewords: choose bottleneck=codebook"
                )
        return
    symbols, name = {each.symbol for each in weighted}, config["objective"]["name"]
    if weights:
        raise ConfigError(
            f"{chosen}: counts all samples alike, and those of this data set have weights: choose another bottleneck, "
            "such as categorical"
        )
    if is_monte_carlo(architecture) or any(isinstance(module, NoiseLayer) for module in architecture.modules()):
        raise ConfigError(
            f"{chosen}: a codeword is chosen once for each x, not for each draw of noise within the network: choose "
            "noise=none and architecture.monte_carlo=false"
        )
    if config["batch_size"] < 2:
        raise ConfigError(f"batch_size={config['batch_size']}: codewords start at the encodings of several samples")
    keys = config["bottleneck"]
    if keys.get("learned") == "gradient" and "codebook" not in symbols:
        raise ConfigError(
            f"bottleneck.learned=gradient: objective={name} has no term that moves codewords: choose ema, or "
            "+objective.minimise.codebook=1"
        )
    if keys.get("entropy_model") == "learned" and "H_model[Ẑ]" not in symbols:
        raise ConfigError(
            f"bottleneck.entropy_model=learned: objective={name} has no H_model[Ẑ], which trains it: choose usage, or "
            "objective=shannon_ae_model"
        )
