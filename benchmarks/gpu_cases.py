"""The rows of the GPU section: each function measures one case at a scale."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from benchmarks import toy
from benchmarks.estimators import BARE, K, samples
from benchmarks.experiments import Solo, Together, made, now, with_gammas
from benchmarks.gpu_floors import Floors, products_in
from benchmarks.gpu_scale import FULL, Scale
from benchmarks.measure import Figure, Measure, Ratio, Row, in_turns, microseconds, rate, seconds
from ib_cli.estimators.ksg import ksg
from ib_cli.estimators.ross import ross
from ib_cli.experiment.experiment import Experiment

BATCH = 100
ADAM = (
    8 * 4
)  # bytes that a step of Adam moves per parameter: it reads p, g, m, v and writes p, m, v; g is written before
RESNET = 6 * 0.556e9  # operations per 32×32 image of ResNet18: 0.556 G multiply-adds, twice, forward and two backward
DIMENSIONS = 50


def large(scale: Scale, floors: Floors, folder: Path, repeats: int) -> list[Row]:
    """The large network: together, and against one at a time."""
    name = f"{scale.points} of MLP 784–{'–'.join(map(str, (*scale.large[0], scale.large[1])))}"
    reset_memory()
    turns = stacked(scale, scale.large, folder, repeats)
    together = [ours for ours, _ in turns]
    return [
        Figure(f"{name} together, per model and step", together, microseconds, *target(scale, 40e-6, "≤ 40 µs")),
        Ratio(f"{name}; other: one at a time", turns, microseconds, 10 if scale is FULL else None),
        against_floor(name, together, floors, parameters(scale.large), "fp32"),
        *memory(name),
    ]


def large_in_fewer_bits(scale: Scale, floors: Floors, folder: Path, repeats: int) -> list[Row]:
    """The large network together, with matrix products in TF32 and in bfloat16."""
    rows: list[Row] = []
    name = f"{scale.points} of MLP 784–{'–'.join(map(str, (*scale.large[0], scale.large[1])))} together"
    for precision in ("tf32", "bf16"):
        with products_in(precision):
            how = ("precision=bf16",) if precision == "bf16" else ()
            turns = in_turns([many(scale, scale.large, folder, *how).step], repeats)
        found = [turn[0] for turn in turns]
        case = f"{name}, {precision}"
        rows.append(Figure(f"{case}, per model and step", found, microseconds, *target(scale, 40e-6, "≤ 40 µs")))
        rows.append(against_floor(case, found, floors, parameters(scale.large), precision))
    return rows


def small(scale: Scale, floors: Floors, folder: Path, repeats: int) -> list[Row]:
    """The small network: together against one at a time."""
    name = f"{scale.points} of MLP 784–{'–'.join(map(str, (*scale.small[0], scale.small[1])))}"
    turns = stacked(scale, scale.small, folder, repeats)
    return [
        Ratio(f"{name}; other: one at a time", turns, microseconds, 40 if scale is FULL else None),
        against_floor(name, [ours for ours, _ in turns], floors, parameters(scale.small), "fp32"),
    ]


def graphs(scale: Scale, floors: Floors, folder: Path, repeats: int) -> list[Row]:
    """Both networks together, compiled as one step, against the same uncompiled."""
    how = ("compile=step",) if scale.compiled else ()
    rows: list[Row] = []
    for sizes in (scale.small, scale.large):
        name = f"{scale.points} of MLP 784–{'–'.join(map(str, (*sizes[0], sizes[1])))}"
        sides: Sequence[Measure] = (many(scale, sizes, folder, *how).step, many(scale, sizes, folder).step)
        rows.append(Ratio(f"{name}, compile=step; other: compile=false", in_turns(sides, repeats), microseconds))
    return rows


def resnet(scale: Scale, floors: Floors, folder: Path, repeats: int) -> list[Row]:
    """Steps of ResNet18 with augmentation, in bfloat16; batches in full and as in sweeps/resnet18_cifar10.yaml."""
    rows: list[Row] = []
    for size in scale.resnet_batches:
        reset_memory()
        words = ("architecture=resnet18", "objective=ce", "optimizer=sgd", "precision=bf16", f"batch_size={size}")
        data = ("dataset.crop=4", "dataset.flip=true", f"dataset.path={images(folder, scale.colours, 3, scale.side)}")
        run = Solo(made(*common(scale), *words, *data))
        steps = [turn[0] for turn in in_turns([run.step], repeats)]
        name = f"ResNet18, bf16, batches of {size}"
        first = size == scale.resnet_batches[0]
        goal = target(scale, size / 25_000, "≥ 25,000 images/s") if first else (None, "")
        rows.append(Figure(name, steps, rate(size, "images"), *goal))
        least = floors.seconds(RESNET * size, 0, "bf16")
        rows.append(Figure(f"{name}: times the bare products", [step / least for step in steps], times))
        rows += memory(name)
    return rows


def toys(scale: Scale, floors: Floors, folder: Path, repeats: int) -> list[Row]:
    """All steps of TherML's toy models together, after one epoch that compiles."""
    how = ("compile=step",) if scale.compiled else ()
    group = Together(with_gammas(made(*toy.WORDS, *device(scale), *how), toy.spread(scale.toys)))
    group.step()
    steps = 100 * scale.toy_epochs
    spent = [sum(group.step() for _ in range(scale.toy_epochs)) * 100 * scale.toys for _ in range(repeats)]
    name = f"{scale.toys} of TherML's toy, compiled: {steps:,} steps of all after warm-up"
    return [Figure(name, spent, seconds, *target(scale, 2, "≤ 2 s"))]


def neighbours(scale: Scale, floors: Floors, folder: Path, repeats: int) -> list[Row]:
    """KSG and Ross, bare and with their checks; the least is the distances' products, written and read once."""
    x, z, y = (values.to(scale.device) for values in samples(scale.samples, DIMENSIONS))
    n = scale.samples
    rows: list[Row] = []
    for name, variables, bare, checked in (
        ("KSG", 2, lambda: ksg(x, z, k=K, **BARE), lambda: ksg(x, z, k=K)),
        ("Ross", 1, lambda: ross(z, y, k=K, **BARE), lambda: ross(z, y, k=K)),
    ):
        least = variables * floors.seconds(2 * n**2 * DIMENSIONS, 8 * n**2)
        for estimate, how in ((bare, "bare"), (checked, "with its checks")):
            found = [turn[0] for turn in in_turns([lambda: clocked(estimate, scale)], 1, warm_up=how == "bare")]  # noqa: B023
            case = f"{name}, N = {n:,}, d = {DIMENSIONS}, {how}"
            rows.append(Figure(case, found, seconds))
            if how == "bare":
                rows.append(Figure(f"{case}: times its floor", [each / least for each in found], times))
    return rows


def clocked(work: Measure, scale: Scale) -> float:
    """Seconds of some work on the device."""
    begin = now(scale.device)
    work()
    return now(scale.device) - begin


def stacked(scale: Scale, sizes: tuple[tuple[int, ...], int], folder: Path, repeats: int) -> list[tuple[float, ...]]:
    """Seconds per model and step: together, and one at a time."""
    return in_turns([many(scale, sizes, folder).step, Solo(network(scale, sizes, folder)).step], repeats)


def many(scale: Scale, sizes: tuple[tuple[int, ...], int], folder: Path, *how: str) -> Together:
    """A stack of networks with different γ."""
    gammas = [10 ** (-4 + 4 * i / scale.points) for i in range(scale.points)]
    return Together(with_gammas(network(scale, sizes, folder, *how), gammas))


def network(scale: Scale, sizes: tuple[tuple[int, ...], int], folder: Path, *how: str) -> Experiment:
    """A VIB on images of MNIST's shape."""
    widths, size = sizes
    words = (f"architecture.widths={list(widths)}", f"bottleneck.size={size}", f"batch_size={BATCH}")
    return made(*common(scale), f"dataset.path={images(folder, scale.images, 1, 28)}", *words, *how)


def parameters(sizes: tuple[tuple[int, ...], int]) -> int:
    """Parameters of a network, without biases."""
    widths = (784, *sizes[0], 2 * sizes[1])
    return sum(a * b for a, b in pairwise(widths)) + 10 * sizes[1]


def against_floor(name: str, found: Sequence[float], floors: Floors, count: int, precision: str) -> Row:
    """How many times the floor of a step is: its matrix products, and the optimiser's way through memory."""
    least = floors.seconds(6 * BATCH * count, ADAM * count, precision)
    return Figure(f"{name}: times its floor, {microseconds(least)}", [each / least for each in found], times)


def target(scale: Scale, most: float, words: str) -> tuple[float | None, str]:
    """A target, which holds in full only."""
    return (most, words) if scale is FULL else (None, "")


def times(ratio: float) -> str:
    return f"{ratio:.2f}×"


def device(scale: Scale) -> tuple[str, ...]:
    return (f"device={scale.device.type}",)


def common(scale: Scale) -> tuple[str, ...]:
    return ("dataset=npz", "estimators=none", *device(scale))


@cache
def images(folder: Path, count: int, channels: int, side: int) -> Path:
    """A file of random images with ten classes."""
    file, rng = folder / f"{count}x{channels}x{side}.npz", np.random.default_rng(0)
    x = rng.integers(0, 256, (2 * count, channels, side, side), dtype=np.uint8)
    y = np.arange(count) % 10
    np.savez(file, x=x[:count], y=y, x_test=x[count:], y_test=y)
    return file


def reset_memory() -> None:
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def memory(case: str) -> list[Row]:
    """The peak of tensors' memory since it was reset; nothing without a GPU."""
    if not torch.cuda.is_available():
        return []
    return [Figure(f"{case}: memory", [torch.cuda.max_memory_allocated()], lambda value: f"{value / 2**30:.2f} GiB")]
