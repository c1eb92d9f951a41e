"""The frozen representation of a finished run: what its network makes of the samples of a split."""

from __future__ import annotations

import torch
from torch import Generator, Tensor
from torch.nn.functional import one_hot

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.noise import Planner, Request, Tape, draw
from ib_cli.contracts.passes import Pass, needed
from ib_cli.engine.loss import forward, plan
from ib_cli.engine.portions import Portions
from ib_cli.experiment.finished_run import FinishedRun
from ib_cli.model.blocks import layers
from ib_cli.model.bottlenecks.dropout import Dropout
from ib_cli.model.model import Model
from ib_cli.model.noise.layer import NoiseLayer

Z = "z"  # the name of the bottleneck's output
RATES = {layers.Dropout: "p", Dropout: "dropout"}  # dropout → its buffer, which is 0 where nothing is dropped


class Representation:
    """z of a finished run, or the output of one of its layers of noise; its parameters stay as they are.

    With `noise`, each is drawn, and so are weights that the run drew; a discrete z is a unit vector. Without, the noise
    layers are off, nothing is dropped, z is the mean of q(z|x), or its most probable value where z is discrete, and
    weights are at their means. Raises ConfigError for a layer that the network lacks.
    """

    def __init__(self, run: FinishedRun, layer: str, noise: bool) -> None:
        self.layer, self.keep = layer, () if layer == Z else (layer,)
        self.data, self.precision, self.noise = run.data, run.settings.precision, noise
        self._portions = Portions(run.settings.eval_batch_size)
        whole = run.model
        if not whole.encodes:
            raise ConfigError(f"procedure.run={run.folder}: has no encoder, so nothing of x is in its z")
        # The parts behind z cost as much as those before it, and are not needed.
        self.model = whole if whole.weights is not None else Model(whole.architecture, whole.bottleneck).eval()
        self.params = {name: run.params[name] for name, _ in self.model.named_parameters()}
        self.buffers = {name: run.buffers[name] for name, _ in self.model.named_buffers()}
        if not noise:
            self.buffers = self.model.without_noise(self.buffers) | nothing_dropped(self.model)
        self._plans: dict[int, list[Request]] = {}
        names = [Z, *noise_layers(self.model)]
        if layer not in names:
            raise ConfigError(f"procedure.layer={layer}: no layer of {run.folder}; there are {', '.join(names)}")

    @property
    def drawn(self) -> bool:
        """Whether a sample's representation is another one each time."""
        return self.noise and (self.model.bottleneck.discrete or bool(self._requests("train", torch.arange(1))))

    @torch.no_grad()
    def of(self, split: str, indices: Tensor, noise: Generator) -> Tensor:
        """The representation of a split's samples at `indices` (B,), (B, *shape) in float32; `noise` draws it."""
        batch = self.data.batch(split, indices.to(self.data.device))
        numbers = draw(self._requests(split, indices), noise) if self.noise else ()
        tape = Tape(numbers, self.keep) if self.noise else Planner(self.data.device, self.keep)
        p = forward(self.model, self.params, self.buffers, batch, tape, 1, self.precision)
        return (self._z(p, noise) if self.layer == Z else p.kept[self.layer].activation).float()

    def of_split(self, split: str, noise: Generator) -> Tensor:
        """The representation of every sample of a split in order, (N, *shape); less at a time where memory runs out."""
        indices = torch.arange(len(self.data.splits[split]), device=self.data.device)
        start = noise.get_state()

        def found() -> Tensor:
            noise.set_state(start)
            return torch.cat([self.of(split, part, noise) for part in indices.split(self._portions.samples)])

        return self._portions.fitted(found, len(indices))

    def _requests(self, split: str, indices: Tensor) -> list[Request]:
        """The random numbers of a pass of so many samples."""
        if len(indices) not in self._plans:
            batch = self.data.batch(split, indices.to(self.data.device))
            self._plans[len(indices)] = plan(self.model, batch, 1, self.precision)
        return self._plans[len(indices)]

    def _z(self, p: Pass, noise: Generator) -> Tensor:
        """(B, K)."""
        if p.z_weight is not None:
            q = needed(p.code_logits).softmax(-1)
            chosen = torch.multinomial(q, 1, generator=noise)[:, 0] if self.noise else q.argmax(-1)
            return one_hot(chosen, q.shape[-1])
        return p.z[0]


def noise_layers(model: Model) -> list[str]:
    """The names of a model's layers of noise, from the input up."""
    return [module.name for module in model.modules() if isinstance(module, NoiseLayer)]


def nothing_dropped(model: Model) -> dict[str, Tensor]:
    """The buffers, by name, with which dropout drops nothing."""
    return {
        f"{path}.{buffer}": torch.zeros_like(getattr(module, buffer))
        for path, module in model.named_modules()
        for kind, buffer in RATES.items()
        if isinstance(module, kind)
    }
