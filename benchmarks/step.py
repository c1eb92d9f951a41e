"""A training step: many points at once, ours one at a time, and a plain loop; a convolutional network in 16 bits."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from benchmarks import plain
from benchmarks.experiments import Solo, Together, made
from benchmarks.measure import Apart, Options, Ratio, Row, columns, in_turns, microseconds, seconds

TITLE = "A step of training"
IMAGES = 3000
SMALL, LARGE = ([256], 32), ([1024, 1024], 512)


def mnist(options: Options, widths: list[int], size: int) -> tuple[str, ...]:
    """The overrides of a VIB on MNIST."""
    return (
        "dataset=mnist",
        f"dataset.root={options.root}",
        "dataset.download=false",
        f"architecture.widths={widths}",
        f"bottleneck.size={size}",
        "device=cpu",
    )


def rows(options: Options) -> Iterator[Row]:
    """A small network at 32 points and a large one at 8, each against both other ways; then ResNet18."""
    yield from stacked("784–256–32", *SMALL, points=32, seeds=4, targets=(1.2, 5), options=options)
    yield from stacked("784–1024–1024–512", *LARGE, points=8, seeds=2, targets=(1.0, 1.5), options=options)
    yield from resnet(options)


def stacked(
    name: str,
    widths: list[int],
    size: int,
    points: int,
    seeds: int,
    targets: tuple[float, float],
    options: Options,
) -> Iterator[Row]:
    """Microseconds per point and step; the points have different γ, and some have different seeds."""
    words = (*mnist(options, widths, size), f"dataset.train_size={IMAGES}")
    grid = [(10 ** (-4 + 4 * (i // seeds) / (points // seeds)), i % seeds) for i in range(points)]
    many = Together([made(*words, f"gamma={gamma}", f"seed={seed}") for gamma, seed in grid])
    alone = Solo(made(*words))
    with Apart(plain.step, str(options.root), widths, size, IMAGES) as loop:
        turns = in_turns([many.step, alone.step, loop], options.repeats)
    case = f"MLP {name}, {points} points"
    yield Ratio(f"{case}; other: ours one at a time", columns(turns, 0, 1), microseconds, targets[0])
    yield Ratio(f"{case}; other: plain loop", columns(turns, 0, 2), microseconds, targets[1])
    yield Ratio(f"MLP {name}, one point; other: plain loop", columns(turns, 1, 2), microseconds)


def resnet(options: Options) -> Iterator[Row]:
    """CIFAR-10, augmented: both precisions of ours against float32 as torch has it, channels first.

    Where the processor has no 16-bit kernels, a few images show what emulating them costs.
    """
    native = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    for precision, batch_size in (("fp32", 64), ("bf16", 64 if native else 8)):
        words = ("dataset=cifar10", f"dataset.root={options.root}", "dataset.download=false", "architecture=resnet18")
        words = (*words, f"dataset.train_size={2 * batch_size}", f"batch_size={batch_size}", "device=cpu")
        ours, other = made(*words, f"precision={precision}"), made(*words)
        other.model.to(memory_format=torch.contiguous_format)
        emulated = precision == "bf16" and not native
        turns = in_turns([Solo(ours).step, Solo(other).step], 1 if emulated else options.repeats, not emulated)
        note = " (emulated here, 1 turn)" if emulated else ""
        case = f"ResNet18, batches of {batch_size}, {precision}{note}; other: eager float32"
        yield Ratio(case, turns, seconds, 2 if precision == "bf16" else None)
