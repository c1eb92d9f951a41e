"""Estimators on the other device: nothing mixes, and the estimates are those of a CPU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest
import torch
from torch import Tensor

from ib_cli.estimators import Estimate, entropy, information_plane, mutual_information, total_correlation
from ib_cli.estimators.information_plane import ESTIMATORS
from tests.families import family
from tests.other_device.device import DEVICE, NAME, checked_generators, generator

N = 300
Samples = dict[str, Tensor]
CASES: dict[str, Callable[[Samples], Any]] = {
    **{f"entropy: {name}": lambda of, name=name: entropy(of["z"], name)
       for name in ("kraskov", "weighted", "gaussian", "copula", "binned")},
    **{f"information: {name}": lambda of, name=name: mutual_information(of["z"], of["w"], name)
       for name in ("kraskov", "gao", "gaussian", "copula")},
    **{f"information about labels: {name}": lambda of, name=name: mutual_information(of["z"], of["y"], name)
       for name in ("kraskov", "gao", "gaussian", "binned")},
    **{f"correlation: {name}": lambda of, name=name: total_correlation(of["z"], name)
       for name in ("kraskov", "gaussian", "copula")},
    **{f"plane: {name}": lambda of, name=name: information_plane(
        of["z"], of["y"], mean=of["mean"], scale=of["scale"], estimators=[name], halve=True,
        generator=generator(of["z"].device).manual_seed(1)) for name in ESTIMATORS},
    "plane of numbers": lambda of: information_plane(
        of["z"], of["w"], mean=of["mean"], scale=0.3, estimators=ESTIMATORS, y_entropy=1.0,
        generator=generator(of["z"].device).manual_seed(1)),
    "ties": lambda of: mutual_information((of["z"] * 4).round(), of["w"], "gao"),
    "labels on the CPU": lambda of: mutual_information(of["z"], of["y"].cpu(), "kraskov"),
    "noise on the CPU": lambda of: information_plane(of["z"], of["y"].cpu(), mean=of["mean"], scale=of["scale"].cpu()),
}  # fmt: skip


def samples() -> Samples:
    """z = mean + scale ε with labels y, and w near z."""
    numbers = torch.Generator().manual_seed(0)
    y = torch.randint(3, (N,), generator=numbers)
    mean = torch.randn(N, 2, generator=numbers) + y[:, None]
    scale = 0.2 + torch.rand(N, 2, generator=numbers)
    z = mean + scale * torch.randn(N, 2, generator=numbers)
    return {"y": y, "mean": mean, "scale": scale, "z": z, "w": z + torch.randn(N, 2, generator=numbers)}


def told(found: Any) -> list[Estimate]:
    return found if isinstance(found, list) else [found]


@pytest.mark.parametrize("estimate", family(CASES, every=4))
def test_an_estimate_is_that_of_a_cpu(estimate: Callable[[Samples], Any]) -> None:
    here = samples()
    with checked_generators():
        found = told(estimate({name: value.to(DEVICE) for name, value in here.items()}))
    expected = told(estimate(here))
    assert found and len(found) == len(expected)
    for ours, theirs in zip(found, expected):
        a, b = asdict(ours), asdict(theirs)
        for name in ("quantity", "estimator", "k", "n", "saturated"):
            assert a[name] == b[name], (a, b)
        if b["value"] is None:
            assert a["value"] is None and a["reason"] == b["reason"]
        else:
            assert a["value"] == pytest.approx(b["value"], rel=1e-4, abs=1e-4), (NAME, a, b)
