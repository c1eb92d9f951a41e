"""Estimators give on the device what they give on a CPU, to 1e-4 nats, with the same flags."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from ib_cli.estimators import entropy, information_plane, mutual_information, total_correlation
from ib_cli.estimators.categorical import categorical_information
from ib_cli.estimators.estimate import Estimate

pytestmark = pytest.mark.cuda
Samples = dict[str, torch.Tensor]


@pytest.fixture
def samples() -> Samples:
    """z = x + noise, labels that move z, and numbers that depend on z; float32."""
    numbers = torch.Generator().manual_seed(0)
    n, width = 1200, 4
    y = torch.randint(0, 5, (n,), generator=numbers)
    mean = torch.randn(n, width, generator=numbers) + y[:, None]
    scale = 0.3 + torch.rand(n, width, generator=numbers)
    z = mean + scale * torch.randn(n, width, generator=numbers)
    w = z[:, :2] + 0.5 * torch.randn(n, 2, generator=numbers)
    return {"z": z, "y": y, "mean": mean, "scale": scale, "w": w, "tied": (3 * w).round()}


def assert_agree(found: list[Estimate], expected: list[Estimate]) -> None:
    assert [(each.quantity, each.estimator) for each in found] == [(each.quantity, each.estimator) for each in expected]
    for ours, theirs in zip(found, expected):
        for field in ("value", "lower", "upper"):
            a, b = getattr(ours, field), getattr(theirs, field)
            assert (a is None) == (b is None), (ours, theirs)
            if b is not None:
                assert a == pytest.approx(b, rel=1e-4, abs=1e-4), (field, ours, theirs)
        assert ours.saturated == theirs.saturated, (ours.reason, theirs.reason)


CASES: dict[str, Callable[[Samples], list[Estimate]]] = {
    "plane of labels": lambda s: information_plane(
        s["z"], s["y"], estimators=["kraskov", "gaussian", "copula", "binned"], halve=True
    ),
    "plane with noise": lambda s: information_plane(
        s["z"], s["y"], mean=s["mean"], scale=s["scale"], estimators=["pairwise", "mixture"],
        generator=torch.Generator(s["z"].device).manual_seed(0),
    ),
    "plane of numbers": lambda s: information_plane(s["z"], s["w"], estimators=["kraskov", "gaussian", "copula"]),
    "entropy": lambda s: [entropy(s["z"], name) for name in ("kraskov", "gaussian", "copula")],
    "ksg": lambda s: [mutual_information(s["z"], s["w"], "kraskov")],
    "ross": lambda s: [mutual_information(s["z"], s["y"], "kraskov")],
    "gao": lambda s: [mutual_information(s["z"], s["tied"], "gao")],
    "correlation": lambda s: [total_correlation(s["z"], name) for name in ("gaussian", "copula")],
    "categorical": lambda s: list(
        categorical_information(s["scale"] / s["scale"].sum(1, True), s["y"], None, 0.0).values()
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_an_estimate_is_that_of_a_cpu(device: torch.device, samples: Samples, case: str) -> None:
    there = {name: values.to(device) for name, values in samples.items()}
    expected, found = CASES[case](samples), CASES[case](there)
    if case == "plane with noise":  # each device draws its own noise for the mixture
        for ours, theirs in zip(found, expected):
            if ours.value is not None:
                assert ours.value == pytest.approx(theirs.value, abs=0.05)
        found, expected = ([each for each in of if each.estimator == "pairwise"] for of in (found, expected))
    assert_agree(found, expected)


def test_blocks_of_neighbours_are_those_of_the_tree(device: torch.device) -> None:
    z = torch.randn(3000, 2, generator=torch.Generator().manual_seed(1))  # few dimensions: a tree on a CPU
    assert_agree([entropy(z.to(device))], [entropy(z)])
