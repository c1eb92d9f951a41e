"""The pictures of a run at its end: its curves, and what its decoder makes."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ib_cli.contracts.noise import Planner
from ib_cli.contracts.passes import needed
from ib_cli.engine.generation import decoded, draws_of_prior
from ib_cli.engine.loss import forward
from ib_cli.engine.passes import passes
from ib_cli.engine.seeds import generator
from ib_cli.experiment.estimates import tabulated
from ib_cli.experiment.experiment import Experiment
from ib_cli.run.codebook_pictures import draw_codebook
from ib_cli.run.latent_pictures import draw_latent
from ib_cli.system.matplotlib_import import default_style
from ib_cli.watch.pictures.curves import image_grid, training_curves, write
from ib_cli.watch.pictures.i_diagram import atoms, i_diagrams
from ib_cli.watch.pictures.path import path_pictures
from ib_cli.watch.pictures.tables import Tables, draw_tables

log = logging.getLogger(__name__)
COLUMNS = 10  # images a row
ROWS = 8  # rows of samples


def draw_figures(experiment: Experiment, params: Mapping[str, Tensor]) -> None:
    """Draw figures/ as `_draw` does. A picture that cannot be drawn is a warning: what has been trained is kept.

    With `debug`, its error is raised.
    """
    try:
        _draw(experiment, params)
    except Exception as error:
        if experiment.settings.debug:
            raise
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        log.warning("figures: could not all be drawn (%s); the run is done all the same", why)


@torch.no_grad()
@default_style()
def _draw(experiment: Experiment, params: Mapping[str, Tensor]) -> None:
    """Draw figures/: training.png; path.png of a path on the equilibrium surface; i_diagram.png if there are estimates;
    reconstructions.png with a decoder, and samples.png with a marginal as well; codebook.png with codewords, and
    codewords.png, these decoded; latent.png, prior.png and interpolations.png of a continuous z.

    Where x and z are both discrete, distributions.png replaces all that follow estimates.
    """
    folder, model, data = experiment.records.folder / "figures", experiment.model, experiment.data
    training_curves(
        experiment.records.metrics.read(),
        folder / "training.png",
        experiment.lagrangian,
        evaluated=experiment.settings.evaluate_train,
    )
    path_pictures(experiment.records.metrics.read(), folder / "path.png")
    estimates = experiment.records.estimates.read()
    if estimated := atoms(estimates):
        named = {f"{name}, {estimates[-1]['split']} split": parts for name, parts in estimated.items()}
        write(i_diagrams(named), folder / "i_diagram.png")
    model.eval()
    if model.bottleneck.discrete and data.spec.one_hot:
        measured = [line for line in experiment.records.metrics.read() if line["split"] == "test"][-1]
        caption = "   ".join(f"{name} = {measured[name]:.4g}" for name in ("R", "C", "D", "S") if name in measured)
        title = f"minimised: {experiment.lagrangian}"
        draw_tables(tables_of(experiment, params), folder / "distributions.png", title, f"test split: {caption} nats")
        return
    draw_codebook(experiment, params)
    draw_latent(experiment, params)
    if model.decoder is None:
        return
    seed, device = experiment.settings.seed, experiment.device
    (p,) = passes(
        model,
        data,
        "test",
        params=params,
        buffers=dict(model.named_buffers()),
        noise=generator(device, seed, "figures"),
        batch_size=COLUMNS,
        members=torch.arange(min(COLUMNS, len(data.splits["test"])), device=device),
    )
    made = needed(p.decoder).mean[0]
    if model.encodes:
        image_grid([p.x.cpu(), made.cpu()], folder / "reconstructions.png", ["x, test", "E d(x|z)"], data.spec.interval)
    if not model.generates:
        return
    buffers = dict(model.named_buffers())
    z = draws_of_prior(model, params, buffers, ROWS * COLUMNS, generator(device, seed, "samples"))
    images = decoded(model, params, buffers, z)
    image_grid([images.cpu()], folder / "samples.png", ["E d(x|z), z ~ m(z)"], data.spec.interval)


@torch.no_grad()
def tables_of(experiment: Experiment, params: Mapping[str, Tensor]) -> Tables:
    """The distributions of a model whose x and z are discrete, with p(x, y) of the test split."""
    model, data, buffers = experiment.model, experiment.data, dict(experiment.model.named_buffers())
    encodings, y, weight = tabulated(model, data, experiment.settings, params, buffers, "test")
    samples = data.batch("test", torch.arange(len(y), device=data.device))
    p = forward(model, params, buffers, samples, Planner(data.device), 1, "fp32")  # drawn weights at their means
    share = (torch.ones(len(y), device=y.device) if weight is None else weight).double()
    x = p.x.double() * (share / share.sum()).unsqueeze(1)
    labels = one_hot(y, needed(data.spec.classes)).double()
    return Tables(
        joint=(x.T @ labels).cpu(),
        encoder=(x.T @ encodings.double() / x.sum(0).unsqueeze(1)).cpu(),
        marginal=None if p.marginal is None else p.marginal.mean.double().cpu(),
        decoder=None if p.decoder is None else p.decoder.mean[:, 0].double().cpu(),
    )
