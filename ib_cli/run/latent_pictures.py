"""The pictures of a run's z: by label, beside the prior, and decoded on the way between two samples."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import torch
from torch import Tensor

from ib_cli.engine.generation import decoded, draws_of_prior
from ib_cli.engine.passes import passes
from ib_cli.engine.seeds import generator
from ib_cli.experiment.experiment import Experiment
from ib_cli.watch.pictures.curves import image_grid
from ib_cli.watch.pictures.latent import draw_prior, draw_scatter

SAMPLES = 2000  # most samples of the test split whose z are drawn
STEPS = 10  # images from one end to the other
PAIRS = 4  # ends
SMALLEST = 1e-6  # sine of an angle below which a way on the sphere is a straight one


@torch.no_grad()
def draw_latent(experiment: Experiment, params: Mapping[str, Tensor]) -> None:
    """Draw figures/latent.png, z of the test split by label; prior.png, its law and m(z) in each dimension; and with a
    decoder interpolations.png.

    A discrete or quantised z has none of them, a z of one dimension no latent.png; a model without an encoder has the
    last alone, between draws of m(z).
    """
    model, folder = experiment.model, experiment.records.folder / "figures"
    if model.bottleneck.discrete or model.draws_codewords:
        return
    buffers, seed = dict(model.named_buffers()), experiment.settings.seed
    drawable = model.marginal is not None and model.marginal.drawable
    prior = None
    if drawable:
        prior = draws_of_prior(model, params, buffers, SAMPLES, generator(experiment.device, seed, "pictures of m(z)"))
    ends = None if prior is None else prior[: 2 * PAIRS]
    if model.encodes:
        z, ends = _encoded(experiment, params, buffers)
        _draw_encoded(experiment, z, prior, folder)
    if model.decoder is not None and ends is not None and len(ends) > 1:
        rows, titles = [], []
        for first, last in zip(ends[::2], ends[1::2]):
            rows += [straight(first, last, STEPS), on_the_sphere(first, last, STEPS)]
            titles += ["straight", "on the sphere"]
        made = decoded(model, params, buffers, torch.cat(rows)).cpu()
        image_grid(list(made.split(STEPS)), folder / "interpolations.png", titles, experiment.data.spec.interval)


def _draw_encoded(experiment: Experiment, z: Tensor, prior: Tensor | None, folder: Path) -> None:
    spec = experiment.data.spec
    y = experiment.data.splits["test"].y[: len(z)]
    if z.shape[1] > 1:
        labels = y if spec.classes is not None else y.flatten(1)[:, 0]
        name = "first of y" if spec.classes is None and y.flatten(1).shape[1] > 1 else "y"
        draw_scatter(z.cpu().numpy(), labels.cpu().numpy(), folder / "latent.png", spec.classes, name)
    if prior is not None:
        draw_prior(z.cpu().numpy(), prior.float().cpu().numpy(), folder / "prior.png")


def _encoded(
    experiment: Experiment, params: Mapping[str, Tensor], buffers: Mapping[str, Tensor]
) -> tuple[Tensor, Tensor]:
    """A draw of z of each of the first test samples, (N, K), and the mean of q(z|x) of the first few of them."""
    device, settings = experiment.device, experiment.settings
    draws: list[Tensor] = []
    means: list[Tensor] = []
    found = passes(
        experiment.model, experiment.data, "test", params=params, buffers=buffers,
        noise=generator(device, settings.seed, "pictures of z"), batch_size=settings.eval_batch_size,
        members=torch.arange(min(SAMPLES, len(experiment.data.splits["test"])), device=device),
    )  # fmt: skip
    with closing(found):
        for p in found:
            draws.append(p.z[0].float())
            means.append(p.z[0].float() if p.encoder is None else p.encoder.mean.float().expand(len(p.y), -1))
    return torch.cat(draws), torch.cat(means)[: 2 * PAIRS]


def straight(first: Tensor, last: Tensor, steps: int) -> Tensor:
    """(1 − t) z_0 + t z_1 for t from 0 to 1, both (K,): (steps, K)."""
    t = torch.linspace(0, 1, steps, device=first.device).unsqueeze(1)
    return (1 - t) * first + t * last


def on_the_sphere(first: Tensor, last: Tensor, steps: int) -> Tensor:
    """The way along the great circle of the directions, with lengths in between: (steps, K).

    In many dimensions draws of N(0, I) lie near a sphere, and the straight way between two leaves it (White 2016).
    Ends of one direction, or of opposite ones, have a straight way.
    """
    t = torch.linspace(0, 1, steps, device=first.device).unsqueeze(1)
    lengths = torch.stack([first.norm(), last.norm()])
    if not bool((lengths > 0).all()):
        return straight(first, last, steps)
    a, b = first / lengths[0], last / lengths[1]
    angle = (a @ b).clamp(-1, 1).acos()
    if angle.sin() < SMALLEST:
        return straight(first, last, steps)
    direction = (((1 - t) * angle).sin() * a + (t * angle).sin() * b) / angle.sin()
    return ((1 - t) * lengths[0] + t * lengths[1]) * direction
