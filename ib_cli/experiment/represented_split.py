"""z of every sample of a split, as arrays."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from ib_cli.contracts.passes import Pass, needed
from ib_cli.engine.draws_that_fit import check_result
from ib_cli.engine.passes import passes
from ib_cli.engine.portions import Portions
from ib_cli.engine.seeds import generator
from ib_cli.experiment.experiment import Experiment
from ib_cli.model.model import Model


@torch.no_grad()
def represented_split(
    experiment: Experiment, model: Model, split: str, samples: int, seed: int
) -> dict[str, np.ndarray]:
    """`z` (N, K), or (samples, N, K) for several draws, and `mean` and `scale` (N, K) of a Gaussian q(z|x).

    A discrete z has `probabilities` (N, K), q(z|x), in place of `z`. A z without noise comes once. Less at a time where
    memory runs out. Raises TooLargeError where the arrays take more than is free.
    """
    settings, data = experiment.settings, experiment.data
    portions = Portions(settings.eval_batch_size)

    def of_split(draws: int, **keys: Any) -> Generator[Pass, None, None]:
        return passes(
            model,
            data,
            split,
            params=dict(model.named_parameters()),
            buffers=dict(model.named_buffers()),
            noise=generator(experiment.device, seed, "represent", split),
            samples=draws,
            precision=settings.precision,
            **{"batch_size": portions.samples, **keys},
        )

    def size(draws: int) -> int:
        """Bytes of all arrays."""
        first = torch.arange(1, device=data.device)
        with closing(of_split(draws, batch_size=1, members=first)) as found:
            return sum(values.numel() * 4 for values in _of(next(found)).values()) * len(data.splits[split])

    def found() -> dict[str, np.ndarray]:
        with closing(of_split(samples)) as made:
            parts = [_of(p) for p in made]
        joined = {name: torch.cat([part[name] for part in parts], dim=-2) for name in parts[0]}
        return {name: values.float().cpu().numpy() for name, values in joined.items()}

    whole = size(1) + (size(2) - size(1)) * (samples - 1)
    check_result(whole, experiment.device, f"{samples} draws of z of {len(data.splits[split])} samples")
    return portions.fitted(found, len(data.splits[split]))


def _of(p: Pass) -> dict[str, Tensor]:
    if p.z_weight is not None:
        return {"probabilities": needed(p.code_logits).softmax(-1)}
    found = {"z": p.z[0] if len(p.z) == 1 else p.z}
    if isinstance(p.encoder, Independent) and isinstance(p.encoder.base_dist, Normal):
        found |= {"mean": p.encoder.mean, "scale": p.encoder.stddev}
    return {name: values.expand(*values.shape[:-2], len(p.y), -1) for name, values in found.items()}
