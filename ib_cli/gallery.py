"""The pictures of a run at its end: its curves, and what its decoder makes."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.func import functional_call

from ib_cli.engine.loss import forward, plan
from ib_cli.engine.seeds import derived_seed, generator
from ib_cli.experiment import Experiment
from ib_cli.model import Model
from ib_cli.pictures import image_grid, training_curves
from ib_cli.tape import Planner, Tape, draw

COLUMNS = 10  # images a row
ROWS = 8  # rows of samples


class _Generate(torch.nn.Module):
    """`Model.generate` as a forward, which is what functional_call calls."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, count: int) -> Tensor:
        return self.model.generate(count, Planner("cpu"))


@torch.no_grad()
def draw_figures(experiment: Experiment, params: Mapping[str, Tensor]) -> None:
    """figures/training.png; for models with a decoder reconstructions.png, with a marginal as well samples.png."""
    folder, model, data = experiment.records.folder / "figures", experiment.model, experiment.data
    training_curves(
        experiment.records.metrics.read(),
        folder / "training.png",
        experiment.objective.lagrangian(experiment.multipliers),
    )
    if model.decoder is None:
        return
    model.eval()
    seed, device = experiment.settings.seed, experiment.device
    batch = data.batch("test", torch.arange(min(COLUMNS, len(data.splits["test"])), device=device))
    numbers = draw(plan(model, batch, 1, "fp32"), generator(device, seed, "figures"))
    p = forward(model, params, dict(model.named_buffers()), batch, Tape(numbers), 1, "fp32")
    image_grid(
        [batch.x.cpu(), p.decoder.mean[0].cpu()], folder / "reconstructions.png", ["x", "E d(x|z)"], data.spec.interval
    )
    if model.marginal is None:
        return
    with torch.random.fork_rng():
        torch.manual_seed(derived_seed(seed, "samples"))
        named = {f"model.{name}": value for name, value in params.items()}
        images = functional_call(_Generate(model), named, (ROWS * COLUMNS,))
    image_grid([images.cpu()], folder / "samples.png", ["E d(x|z), z ~ m(z)"], data.spec.interval)
