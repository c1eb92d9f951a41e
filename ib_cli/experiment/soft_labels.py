"""Labels that are not certain: which functionals can take them."""

from __future__ import annotations

import torch

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.noise import Tape, draw
from ib_cli.contracts.passes import Pass
from ib_cli.datasets.data import Data
from ib_cli.engine.loss import forward, plan
from ib_cli.engine.seeds import generator
from ib_cli.experiment.evaluation import measurable
from ib_cli.experiment.experiment import Experiment
from ib_cli.functionals.functional import Functional

SAMPLES = 16  # of a batch on which functionals are tried


@torch.no_grad()
def check_soft_labels(experiment: Experiment, data: Data, labelled: int | None = None) -> None:
    """Raises ConfigError, naming it, where a functional reads y although p(y|x) counts, and the data have one.

    `labelled`: how many labels are known, where these are why p(y|x) counts; None: it is the way between two laws.

    Each is tried: with p(y|x) as it is and other labels y it must stay the same. It holds for a functional of one's own
    as well, and for a part of the model that reads y, such as b(z|y).
    """
    if data.splits["train"].y_probabilities is None or data.spec.classes is None:
        return
    model, precision = experiment.model, experiment.settings.precision
    was_training = model.training
    model.eval()
    try:
        indices = torch.arange(min(SAMPLES, len(data.splits["train"])), device=data.device)
        batch = data.batch("train", indices)
        numbers = draw(plan(model, batch, 1, precision), generator(data.device, 0, "soft labels"))
        params, buffers = dict(model.named_parameters()), dict(model.named_buffers())
        other = batch._replace(y=(batch.y + 1) * (batch.y + 1 < data.spec.classes))
        first, second = (forward(model, params, buffers, of, Tape(numbers), 1, precision) for of in (batch, other))
    finally:
        model.train(was_training)
    if labelled is not None:
        for term in experiment.objective.terms:
            if term.functional.continuous and "classes" in term.functional.needs:
                symbol = term.functional.symbol
                raise ConfigError(
                    f"dataset.labelled={labelled}: {symbol} counts the samples of each class, and most labels are not "
                    f"known: choose an objective without {symbol}"
                )
    known = {entry.symbol: entry for entry in measurable(first, experiment.objective)}
    known |= {term.symbol: term.functional for term in experiment.objective.terms}
    for symbol, entry in known.items():
        if entry.measurable(first) and not _same(entry, first, second):
            why, remedy = (
                ("dataset.path=transport: labels are probabilities on the way", "dataset.path=mixture, or ")
                if labelled is None
                else (f"dataset.labelled={labelled}: the other labels are not known", "")
            )
            raise ConfigError(f"{why}, and {symbol} reads y itself: choose {remedy}an objective without {symbol}")


def _same(entry: Functional, first: Pass, second: Pass) -> bool:
    return torch.equal(torch.nan_to_num(entry.nats(first)), torch.nan_to_num(entry.nats(second)))
