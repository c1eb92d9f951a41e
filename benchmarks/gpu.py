"""Steps of training on a CUDA device; without one the rows say that they were not run."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from benchmarks import toy
from benchmarks.experiments import Solo, Together, made
from benchmarks.measure import Figure, NotRun, Options, Ratio, Row, in_turns, microseconds, rate, seconds
from benchmarks.step import LARGE, SMALL, mnist

TITLE = "On a GPU"
POINTS, BATCH = 64, 1000
TARGETS = (
    ("64 of MLP 784–1024–1024–512 together", "≤ 40 µs per point and step"),
    ("64 of MLP 784–1024–1024–512; other: one at a time", "≥ 10×"),
    ("64 of MLP 784–256–32; other: one at a time", "≥ 40×"),
    ("ResNet18 on CIFAR-10, bf16", "≥ 25,000 images/s"),
    ("100 of TherML's toy, compiled: 10,000 steps of all after warm-up", "≤ 2 s"),
)


def rows(options: Options) -> Iterator[Row]:
    """64 models at once against one at a time, 100 toys, ResNet18 in 16 bits, and memory."""
    if not torch.cuda.is_available():
        yield from (NotRun(*each) for each in TARGETS)
        return
    torch.cuda.reset_peak_memory_stats()
    large = stacked(LARGE, options)
    yield Figure(TARGETS[0][0], [ours for ours, _ in large], microseconds, 40e-6, TARGETS[0][1])
    yield Ratio(TARGETS[1][0], large, microseconds, 10)
    yield memory("64 of MLP 784–1024–1024–512: device memory")
    yield Ratio(TARGETS[2][0], stacked(SMALL, options), microseconds, 40)
    yield Ratio("the same with compile=step, as a CUDA graph", stacked(SMALL, options, "compile=step"), microseconds)
    toys = Together([made(*toy.WORDS, "device=cuda", f"gamma={g}", "compile=step") for g in toy.spread(toy.POINTS)])
    steps = [turn[0] * toy.POINTS * 10_000 for turn in in_turns([toys.step], options.repeats)]
    yield Figure(TARGETS[4][0], steps, seconds, 2, TARGETS[4][1])
    torch.cuda.reset_peak_memory_stats()
    words = ("dataset=cifar10", f"dataset.root={options.root}", "dataset.download=false", "architecture=resnet18")
    run = Solo(made(*words, f"batch_size={BATCH}", "precision=bf16", "device=cuda"))
    steps = [turn[0] for turn in in_turns([run.step], options.repeats)]
    yield Figure(TARGETS[3][0], steps, rate(BATCH, "images"), BATCH / 25_000, TARGETS[3][1])
    yield memory(f"ResNet18, batches of {BATCH}: device memory")


def stacked(sizes: tuple[list[int], int], options: Options, *how: str) -> list[tuple[float, ...]]:
    """Seconds per point and step of 64 models with different γ: together (with the words `how`), and one at a time."""
    words = (*mnist(options, *sizes)[:-1], "device=cuda", "dataset.train_size=10000")
    many = Together([made(*words, *how, f"gamma={10 ** (-4 + i / 16)}") for i in range(POINTS)])
    return in_turns([many.step, Solo(made(*words)).step], options.repeats)


def memory(case: str) -> Row:
    """The peak of the memory of tensors since the last reset."""
    return Figure(case, [torch.cuda.max_memory_allocated()], lambda value: f"{value / 2**30:.2f} GiB")
