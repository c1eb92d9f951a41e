"""The other side: VIB on MNIST as a plain script, with nothing of ours but torchvision's import.

Alemi et al. 2016, eq. 17, with the same network, batch size and draws as our runs: torchvision's data set with a
transform behind a DataLoader, Adam with its defaults, and `.item()` at every step for the averages.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, nll_loss, softplus
from torch.utils.data import DataLoader, Subset

from benchmarks.measure import Measure
from ib_cli.system.torchvision_import import import_torchvision

BATCH, DRAWS, GAMMA = 100, 12, 1e-2


class Vib(nn.Module):
    """x → N(μ(x), diag s(x)²) → z → logits."""

    def __init__(self, widths: Sequence[int], size: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Flatten()]
        for inputs, outputs in pairwise([784, *widths]):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        self.encoder = nn.Sequential(*layers, nn.Linear(widths[-1], 2 * size))
        self.classifier = nn.Linear(size, 10)

    def forward(self, x: Tensor, draws: int = 1) -> tuple[Tensor, Tensor]:
        """Logits (draws, B, 10), and R of each sample in nats, (B,)."""
        mean, rho = self.encoder(x).chunk(2, dim=-1)
        scale = softplus(rho - 5)
        z = mean + scale * torch.randn(draws, *mean.shape)
        R = 0.5 * (mean**2 + scale**2 - 1 - 2 * scale.log()).sum(-1)
        return self.classifier(z), R


class Script:
    """The network, its data and its loops."""

    def __init__(self, root: str, widths: Sequence[int], size: int, images: int | None) -> None:
        vision = import_torchvision()
        pixels = vision.transforms.ToTensor()
        train = vision.datasets.MNIST(root, transform=pixels)
        test = vision.datasets.MNIST(root, train=False, transform=pixels)
        self.train_batches = DataLoader(train if images is None else Subset(train, range(images)), BATCH, shuffle=True)
        self.test_batches = DataLoader(test, BATCH)
        self.model = Vib(widths, size)
        self.optimizer = torch.optim.Adam(self.model.parameters())

    def train(self) -> dict[str, float]:
        """Train for an epoch; returns the averages over its batches."""
        self.model.train()
        totals = {"C": 0.0, "R": 0.0, "accuracy": 0.0}
        for x, y in self.train_batches:
            logits, rate = self.model(x)
            C, R = cross_entropy(logits[0], y), rate.mean()
            self.optimizer.zero_grad()
            (C + GAMMA * R).backward()
            self.optimizer.step()
            totals["C"] += C.item()
            totals["R"] += R.item()
            totals["accuracy"] += (logits[0].argmax(-1) == y).float().mean().item()
        return {name: total / len(self.train_batches) for name, total in totals.items()}

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """The averages on the test set, with 12 draws of z."""
        self.model.eval()
        totals = {"C": 0.0, "R": 0.0, "accuracy": 0.0}
        for x, y in self.test_batches:
            logits, rate = self.model(x, DRAWS)
            logs = logits.log_softmax(-1)
            totals["C"] += nll_loss(logs.flatten(0, 1), y.repeat(DRAWS)).item()
            totals["R"] += rate.mean().item()
            totals["accuracy"] += (logs.exp().mean(0).argmax(-1) == y).float().mean().item()
        return {name: total / len(self.test_batches) for name, total in totals.items()}


def step(root: str, widths: Sequence[int], size: int, images: int) -> Measure:
    """A measure of seconds per step, over an epoch of the first `images` images."""
    script = Script(root, widths, size, images)

    def measure() -> float:
        begin = time.perf_counter()
        script.train()
        return (time.perf_counter() - begin) / len(script.train_batches)

    return measure


def epoch(root: str, widths: Sequence[int], size: int) -> Measure:
    """A measure of the seconds of an epoch with its evaluation."""
    script = Script(root, widths, size, None)

    def measure() -> float:
        begin = time.perf_counter()
        script.train()
        script.evaluate()
        return time.perf_counter() - begin

    return measure
