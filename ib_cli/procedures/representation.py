"""The frozen representation of a finished run: what its network makes of the samples of a split."""

from __future__ import annotations

import torch
from torch import Generator, Tensor
from torch.nn.functional import one_hot

from ib_cli.contracts.noise import Planner, Request, Tape, draw
from ib_cli.contracts.passes import Pass, needed
from ib_cli.engine.loss import forward, plan
from ib_cli.experiment.finished_run import FinishedRun
from ib_cli.model.blocks import layers
from ib_cli.model.bottlenecks.dropout import Dropout
from ib_cli.model.model import Model

# Layers of noise → the buffer that is 0 where the noise is off.
SWITCHES = {layers.Dropout: "p", Dropout: "dropout"}


class Representation:
    """z of a finished run, whose parameters stay as they are; a discrete z is a unit vector.

    With `noise`, z is drawn from q(z|x), and so are weights that the run drew. Without, z is the mean of q(z|x), its
    most probable value where z is discrete, and what is computed without dropout; weights are at their means.
    """

    def __init__(self, run: FinishedRun, noise: bool) -> None:
        self.data, self.precision, self.noise = run.data, run.settings.precision, noise
        self.batch_size = run.settings.eval_batch_size
        whole = run.model
        # The parts behind z cost as much as those before it, and are not needed.
        self.model = whole if whole.weights is not None else Model(whole.architecture, whole.bottleneck).eval()
        own = dict(self.model.named_buffers())
        self.params = {name: run.params[name] for name, _ in self.model.named_parameters()}
        self.buffers = {name: run.buffers[name] for name in own} | ({} if noise else silenced(self.model))
        self._plans: dict[int, list[Request]] = {}

    @property
    def drawn(self) -> bool:
        """Whether a sample's representation is another one each time."""
        return self.noise and (self.model.bottleneck.discrete or bool(self._requests("train", torch.arange(1))))

    @torch.no_grad()
    def of(self, split: str, indices: Tensor, noise: Generator) -> Tensor:
        """The representation of a split's samples at `indices` (B,), (B, *shape) in float32; `noise` draws it."""
        batch = self.data.batch(split, indices.to(self.data.device))
        tape = Tape(draw(self._requests(split, indices), noise)) if self.noise else Planner(self.data.device)
        p = forward(self.model, self.params, self.buffers, batch, tape, 1, self.precision)
        return self._z(p, noise).float()

    def of_split(self, split: str, noise: Generator) -> Tensor:
        """The representation of every sample of a split in order, (N, *shape)."""
        indices = torch.arange(len(self.data.splits[split]), device=self.data.device)
        return torch.cat([self.of(split, part, noise) for part in indices.split(self.batch_size)])

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


def silenced(model: Model) -> dict[str, Tensor]:
    """The buffers, by name, that switch the noise of a model's layers off."""
    return {
        f"{path}.{buffer}": torch.zeros_like(getattr(module, buffer))
        for path, module in model.named_modules()
        for kind, buffer in SWITCHES.items()
        if isinstance(module, kind)
    }
