"""The neighbour search against a brute-force search in float64."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from torch import Tensor

from ib_cli.estimators import blocks, kraskov, ties
from ib_cli.estimators.blocks import BlockSearch
from ib_cli.estimators.neighbours import neighbourhoods
from ib_cli.estimators.tree import SortedLine, TreeSearch

N, K = 700, 4
METRICS = {"euclidean": "euclidean", "max": "chebyshev"}
Search = type[BlockSearch] | type[TreeSearch]


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def clusters(width: int, apart: float) -> tuple[Tensor, Tensor]:
    """Seven unit Gaussians on a line through the origin and oblique to the axes, and their labels."""
    labels = torch.arange(N) % 7
    return normal(N, width) + apart * labels[:, None] * torch.linspace(1, 2, width), labels


def against_brute_force(
    search: Search, variables: Sequence[Tensor], norm: str = "euclidean", labels: Tensor | None = None
) -> None:
    """Distances, counts (strict and inclusive) and spreads of `search` are those of whole float64 matrices."""
    matrices = [cdist(values.double(), values.double(), METRICS[norm]) for values in variables]
    joint = np.maximum.reduce(matrices)
    np.fill_diagonal(joint, np.inf)
    if labels is not None:
        joint[labels.numpy()[:, None] != labels.numpy()] = np.inf
    expected = np.sort(joint, 1)[:, :K]
    seen = torch.zeros(N, dtype=torch.int64)
    for block in search(variables, K, norm, labels):
        rows = block.rows.numpy()
        seen[block.rows] += 1
        assert np.allclose(block.distances.amax(0), expected[rows], rtol=1e-12, atol=0)
        for number, matrix in enumerate(matrices):
            assert np.allclose(np.take_along_axis(matrix[rows], block.neighbours.numpy(), 1), block.distances[number])
            for inclusive in (False, True):
                radius = block.distances[:, :, K - 2].amax(0)
                inside = matrix[rows] < radius.numpy()[:, None] * (1 + 1e-12 * (1 if inclusive else -1))
                inside[np.arange(len(rows)), rows] = False
                assert np.array_equal(block.count(number, radius, inclusive), inside.sum(1))
                weights = torch.linspace(1, 2, len(rows), dtype=torch.float64)
                assert np.allclose(block.spread(weights), weights.numpy() @ inside, rtol=1e-4)
    assert (seen == 1).all()


@pytest.mark.parametrize("search", [BlockSearch, TreeSearch])
@pytest.mark.parametrize("norm", ["euclidean", "max"])
@pytest.mark.parametrize("widths", [(1,), (3,), (1, 1), (2, 2), (3, 1), (4, 5)])
def test_neighbours_and_counts_of_gaussians(search: Search, norm: str, widths: tuple[int, ...]) -> None:
    against_brute_force(search, [normal(N, width, seed=width + i) for i, width in enumerate(widths)], norm)


@pytest.mark.parametrize("norm", ["euclidean", "max"])
def test_many_dimensions(norm: str) -> None:
    against_brute_force(BlockSearch, [normal(N, 60), normal(N, 40, seed=1, dtype=torch.float64)], norm)


@pytest.mark.parametrize("search", [BlockSearch, TreeSearch])
def test_offsets_and_scales(search: Search) -> None:
    against_brute_force(search, [normal(N, 2) * 1e-3 + 1e3, normal(N, 2, seed=1) * 1e-3 - 1e3])


@pytest.mark.parametrize("search", [BlockSearch, TreeSearch])
@pytest.mark.parametrize("width", [2, 6])
def test_clusters_a_thousand_deviations_apart(search: Search, width: int) -> None:
    values, labels = clusters(width, 1000.0)
    against_brute_force(search, [values], labels=labels)
    against_brute_force(search, [values, normal(N, 2, seed=1)])


def test_far_clusters_need_few_distances_in_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without centres of their own all rows of such clusters would be left to float64."""
    values, _ = clusters(20, 1000.0)
    monkeypatch.setattr(blocks, "FEW", 1)
    regions = BlockSearch([values], K, "euclidean")
    unsure = sum(len(block.unsure()) for block in regions)
    monkeypatch.setattr(blocks, "CENTRES", 1)
    alone = sum(len(block.unsure()) for block in BlockSearch([values], K, "euclidean"))
    assert unsure < N / 20 and alone > N / 2


def test_heavy_tails_and_lattices() -> None:
    against_brute_force(BlockSearch, [normal(N, 5, dtype=torch.float64) / normal(N, 1, seed=1) ** 3])
    lattice = (normal(N, 9) * 3).round() + 1e-9 * normal(N, 9, seed=1, dtype=torch.float64)
    against_brute_force(BlockSearch, [lattice])


def test_the_smallest_possible_class() -> None:
    labels = (torch.arange(N) >= K + 1).long()
    for search in (BlockSearch, TreeSearch):
        against_brute_force(search, [normal(N, 3)], labels=labels)


def test_groups_of_columns_hold_the_smallest() -> None:
    joint = normal(50, 1600)
    columns, left_out = blocks.nearest(joint, 4)
    values, expected = joint.topk(5, largest=False)
    assert torch.equal(columns, expected[:, :4]) and (left_out == values[:, 4]).all()


def test_no_matrix_of_all_pairs_is_held() -> None:
    search = BlockSearch([normal(30_000, 2), normal(30_000, 3)], 3, "euclidean")
    held = sum(buffer.numel() * 4 for buffer in search.buffers(torch.float32))
    assert held <= 3 * blocks.BLOCK_BYTES


def test_the_precision_of_products_is_put_back() -> None:
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        against_brute_force(BlockSearch, [normal(N, 30)])
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


def test_the_way_follows_the_width() -> None:
    ways = [type(next(neighbourhoods([normal(50, width)], 3))).__name__ for width in (2, 50)]
    assert ways == ["TreeBlock", "Block"]
    with pytest.raises(ValueError, match="norm must be 'euclidean' or 'max', not 'cosine'"):
        next(neighbourhoods([normal(50, 2)], 3, "cosine"))


def test_a_sorted_line_counts_by_rounded_differences() -> None:
    values = 1e3 + np.random.default_rng(0).normal(size=200).round(1)
    radius = np.abs(values - values[::-1])
    inside = np.abs(values[:, None] - values) <= radius[:, None]
    line = SortedLine(values)
    assert np.array_equal(line.count(values, radius), inside.sum(1))
    assert np.allclose(line.spread(values, radius, values), values @ inside)


def test_copies_are_counted_across_variables() -> None:
    x = torch.tensor([[0.0, 1.0], [-0.0, 1.0], [0.0, 2.0], [0.0, 1.0]])
    z = torch.tensor([[1.0], [1.0], [1.0], [3.0]])
    assert ties.copies(x).tolist() == [3, 3, 1, 3] and ties.copies(x, z).tolist() == [2, 2, 1, 1]
    grid = torch.cartesian_prod(torch.arange(60.0), torch.arange(60.0)).double()
    assert ties.copies(grid).max() == 1 and ties.copies(grid[:, :1], grid[:, 1:]).max() == 1


def test_noise_parts_coinciding_samples_and_is_the_same_every_time() -> None:
    values = 1e3 + normal(N, 2)
    values[1] = values[0]
    first, note, atoms = ties.set_apart(values, "z")
    assert ties.copies(first).max() == 1 and "0.29% of the samples of z coincide" in note and not atoms
    assert torch.equal(first, ties.set_apart(values, "z")[0])
    assert (torch.cdist(first, first) - torch.cdist(values.double(), values.double())).abs().max() < 1e-6


def test_halves_keep_the_classes() -> None:
    labels = torch.arange(90) % 3
    first, second = kraskov.shuffled_halves(labels, 4)
    assert sorted(torch.cat([first, second]).tolist()) == list(range(90))
    assert torch.bincount(labels[first]).tolist() == [15, 15, 15]
    assert kraskov.shuffled_halves(labels, 16) == ()
