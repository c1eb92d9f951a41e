"""The pictures of a run whose z is made of codewords."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing

import torch
from torch import Tensor
from torch.func import functional_call

from ib_cli.contracts.passes import needed
from ib_cli.engine.passes import passes
from ib_cli.engine.seeds import generator
from ib_cli.experiment.experiment import Experiment
from ib_cli.model.bottlenecks.codebook import Codebook
from ib_cli.model.bottlenecks.quantiser import Quantiser
from ib_cli.watch.pictures.codebook import Codewords, draw_codewords
from ib_cli.watch.pictures.curves import image_grid

MOST = 40  # codewords that are decoded, those chosen most often
SAMPLES = 10_000


class _Decode(torch.nn.Module):
    """The decoder's mean as a module's forward, so that functional_call can call it."""

    def __init__(self, decoder: torch.nn.Module) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, z: Tensor) -> Tensor:
        return self.decoder(z.unsqueeze(0)).mean[0]


@torch.no_grad()
def draw_codebook(experiment: Experiment, params: Mapping[str, Tensor]) -> None:
    """Draw figures/codebook.png, and with one place and a decoder codewords.png; nothing where z is not quantised."""
    model, data, folder = experiment.model, experiment.data, experiment.records.folder / "figures"
    if not isinstance(model.bottleneck, Codebook):
        return
    encodings, chosen = [], []
    found = passes(
        model, data, "test", params=params, buffers=dict(model.named_buffers()),
        noise=generator(experiment.device, experiment.settings.seed, "figures"),
        batch_size=experiment.settings.eval_batch_size,
        members=torch.arange(min(SAMPLES, len(data.splits["test"])), device=experiment.device),
    )  # fmt: skip
    with closing(found):
        for p in found:
            codes = needed(p.codes)
            encodings.append(codes.encoding.cpu())
            chosen.append(codes.chosen.sum(0).cpu())
    path, everything = "bottleneck.quantiser.", {**params, **dict(model.named_buffers())}
    own = {f"part.{name.removeprefix(path)}": value for name, value in everything.items() if name.startswith(path)}
    words = functional_call(_Words(model.bottleneck.quantiser), own, ())
    e, usage = torch.cat(encodings), torch.stack(chosen).sum(0) / sum(map(len, encodings))
    words = words.expand(len(usage), -1, -1)
    draw_codewords(Codewords(usage.numpy(), words.cpu().numpy(), e.numpy()), folder / "codebook.png")
    if model.decoder is None or len(usage) > 1:
        return
    most = usage[0].argsort(descending=True)[:MOST].to(words.device)
    of_decoder = {name: value for name, value in params.items() if name.startswith("decoder.")}
    decoded = functional_call(_Decode(model.decoder), of_decoder, (words[0][most],))
    image_grid([decoded.cpu()], folder / "codewords.png", ["E d(x|ẑ), ẑ by usage"], data.spec.interval)


class _Words(torch.nn.Module):
    """The codewords as a module's forward."""

    def __init__(self, quantiser: Quantiser) -> None:
        super().__init__()
        self.part = quantiser

    def forward(self) -> Tensor:
        return self.part.codewords
