"""What a model makes without a sample to encode: draws of m(z), and their decoded means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call

from ib_cli.contracts.noise import Planner, Tape, draw
from ib_cli.model.model import Model


class _Prior(nn.Module):
    """`Model.prior_draws` as a module's forward, so that functional_call can call it with parameters."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, count: int, tape: Tape) -> Tensor:
        return self.model.prior_draws(1, count, tape)[0]


class _Decoder(nn.Module):
    """The decoder's mean as a module's forward."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, z: Tensor) -> Tensor:
        assert self.model.decoder is not None  # of callers that decode
        return self.model.decoder(z.unsqueeze(0)).mean[0]


@torch.no_grad()
def draws_of_prior(
    model: Model, params: Mapping[str, Tensor], buffers: Mapping[str, Tensor], count: int, noise: Generator
) -> Tensor:
    """Draws z ~ m(z), (count, K); of codewords by the entropy model where z is quantised. The model must generate."""
    part, named, planner = _Prior(model), _named(params, buffers), Planner(noise.device)
    with _evaluating(model):
        functional_call(part, named, (count, planner))
        return functional_call(part, named, (count, Tape(draw(planner.requests, noise))))


@torch.no_grad()
def decoded(model: Model, params: Mapping[str, Tensor], buffers: Mapping[str, Tensor], z: Tensor) -> Tensor:
    """Means of d(x|z) at z (n, K): (n, *input_shape). Needs a decoder."""
    with _evaluating(model):
        return functional_call(_Decoder(model), _named(params, buffers), (z,))


@contextmanager
def _evaluating(model: Model) -> Iterator[None]:
    """Within the block the model is in evaluation mode."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def _named(params: Mapping[str, Tensor], buffers: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"model.{name}": value for name, value in {**params, **buffers}.items()}
