"""What the device can do: bare matrix products and copies, measured in the same minutes as the rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import NamedTuple

import torch

from benchmarks.experiments import now
from benchmarks.gpu_scale import Scale
from benchmarks.measure import Figure, Row

TURNS = 10
PRODUCTS = {"fp32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16}


class Floors(NamedTuple):
    """Rates of the device."""

    flops: dict[str, list[float]]  # of square matrix products per second, by precision: one for each turn
    bandwidth: list[float]  # bytes read and written per second

    def seconds(self, flops: float, moved: float, precision: str = "fp32") -> float:
        """The least seconds for so many operations of matrix products, and after them so many bytes moved."""
        return flops / median(self.flops[precision]) + moved / median(self.bandwidth)


@contextmanager
def products_in(precision: str) -> Iterator[None]:
    """Within the block, float32 products take TF32 on CUDA if the precision is tf32."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def measured(scale: Scale) -> Floors:
    """The device's rates, by products of square matrices and by copies within its memory."""
    n, flops = scale.matrix, {}
    for precision, dtype in PRODUCTS.items():
        a, b = (torch.randn(n, n, device=scale.device, dtype=dtype) for _ in range(2))
        out = torch.empty_like(a)
        with products_in(precision):
            flops[precision] = [2 * n**3 / each for each in turns(lambda: torch.mm(a, b, out=out), scale)]  # noqa: B023
    source = torch.zeros(scale.bytes, dtype=torch.uint8, device=scale.device)
    target = torch.empty_like(source)
    return Floors(flops, [2 * scale.bytes / each for each in turns(lambda: target.copy_(source), scale)])


def turns(work: Callable[[], object], scale: Scale) -> list[float]:
    """Seconds of each turn, after three that are not counted."""
    for _ in range(3):
        work()
    found = []
    for _ in range(TURNS):
        begin = now(scale.device)
        work()
        found.append(now(scale.device) - begin)
    return found


def floor_rows(floors: Floors) -> list[Row]:
    """The floors as rows."""
    rows: list[Row] = [
        Figure(f"floor: matrix products in {precision}", rates, lambda rate: f"{rate / 1e12:,.2f} TFLOP/s")
        for precision, rates in floors.flops.items()
    ]
    copies = Figure("floor: copies, read and written", floors.bandwidth, lambda rate: f"{rate / 1e9:,.0f} GB/s")
    return [*rows, copies]
