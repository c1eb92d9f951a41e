"""evaluate(model, data) → {name: float}: every functional that the model has the parts for, and the accuracy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import torch
from torch import Tensor

from ib_cli.contracts import Pass
from ib_cli.datasets.data import Data
from ib_cli.engine.loss import Tensors, forward, plan, predicted
from ib_cli.engine.seeds import generator
from ib_cli.functionals import functionals
from ib_cli.model import Model
from ib_cli.objective import Objective
from ib_cli.tape import Tape, draw


def measures(p: Pass) -> dict[str, Tensor]:
    """Every functional whose parts the pass has, and the accuracies, for each sample, (B,)."""
    values = {
        symbol: entry.nats(p)
        for symbol, entry in functionals().items()
        if all(getattr(p, need) is not None for need in entry.needs)
    }
    if p.class_logits is not None:
        values["H_model[Y|Z]"] = values["C"]
        values["accuracy"] = (predicted(p) == p.y).float()
        values["error_single"] = (p.class_logits.argmax(-1) != p.y).float().mean(0)
    return values


@torch.no_grad()
def evaluate(
    model: Model,
    params: Tensors,
    objective: Objective,
    multipliers: Mapping[str, float],
    data: Data,
    split: str,
    *,
    samples: int,
    batch_size: int,
    precision: str,
    seed: int,
) -> dict[str, float]:
    """Means over a split in evaluation mode with `samples` draws of z, in nats.

    `accuracy` and `error` are of the label with the largest mean probability over the draws, `error_single`
    of one draw (the mean over the draws of their errors); `H[Y]` is the entropy of the split's label counts.
    The noise depends on the seed and the split alone, so that evaluations of one run differ by the model only.
    """
    was_training = model.training
    model.eval()
    buffers = dict(model.named_buffers())
    N, device = len(data.splits[split]), data.splits[split].x.device
    noise, requests = generator(device, seed, "evaluate", split), {}
    sums: dict[str, Tensor] = defaultdict(lambda: torch.zeros((), dtype=torch.float64, device=device))
    for indices in torch.arange(N, device=device).split(batch_size):
        batch = data.batch(split, indices)
        if len(indices) not in requests:
            requests[len(indices)] = plan(model, batch, samples, precision)
        p = forward(model, params, buffers, batch, Tape(draw(requests[len(indices)], noise)), samples, precision)
        for name, values in measures(p).items():
            sums[name] += values.sum(dtype=torch.float64)
    model.train(was_training)
    means = {name: total.item() / N for name, total in sums.items()}
    means["J"] = float(objective.total(means, multipliers))
    if "accuracy" in means:
        means["error"] = 1 - means["accuracy"]
        means["H[Y]"] = data.label_entropy(split)
    return means
