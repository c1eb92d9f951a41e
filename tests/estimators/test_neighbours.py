"""The neighbour search against a brute-force search in float64."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from torch import Tensor

from ib_cli.estimators import kraskov, ties
from ib_cli.estimators.neighbours import blocks
from ib_cli.estimators.neighbours import class_balls as crossing
from ib_cli.estimators.neighbours import local_regions as regions
from ib_cli.estimators.neighbours.balls import BlockBalls, TreeBalls, class_balls
from ib_cli.estimators.neighbours.blocks import BlockSearch
from ib_cli.estimators.neighbours.search import neighbourhoods
from ib_cli.estimators.neighbours.tree import SortedLine, TreeSearch
from tests.families import family

N, K = 700, 4
METRICS = {"euclidean": "euclidean", "max": "chebyshev"}
Search = type[BlockSearch] | type[TreeSearch]


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def clusters(width: int, apart: float) -> tuple[Tensor, Tensor]:
    """Seven unit Gaussians on a line through the origin and oblique to the axes, and their labels."""
    labels = torch.arange(N) % 7
    return normal(N, width) + apart * labels[:, None] * torch.linspace(1, 2, width), labels


def against_brute_force(search: Search, variables: Sequence[Tensor], norm: str = "euclidean") -> None:
    """Distances, counts (strict and inclusive) and spreads of `search` are those of whole float64 matrices."""
    matrices = [cdist(values.double(), values.double(), METRICS[norm]) for values in variables]
    joint = np.maximum.reduce(matrices)
    np.fill_diagonal(joint, np.inf)
    expected = np.sort(joint, 1)[:, :K]
    seen = torch.zeros(N, dtype=torch.int64)
    for block in search(variables, K, norm):
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


def balls_against_brute_force(
    search: type[TreeBalls] | type[BlockBalls],
    values: Tensor,
    labels: Tensor,
    norm: str = "euclidean",
    numbers: Sequence[int] = (1, 3, K),
) -> None:
    """Neighbours of the own class, counts over all classes and spreads are those of a whole float64 matrix."""
    matrix = cdist(values.double(), values.double(), METRICS[norm])
    np.fill_diagonal(matrix, np.inf)
    own = np.where(labels.numpy()[:, None] == labels.numpy(), matrix, np.inf)
    expected = np.sort(own, 1)[:, : numbers[-1]]
    balls = search(values, numbers, norm, labels)
    assert torch.equal(balls.rows, torch.arange(len(values)))
    assert np.allclose(balls.distances[0], expected, rtol=1e-12, atol=0)
    assert np.allclose(np.take_along_axis(own, balls.neighbours.numpy(), 1), expected, rtol=1e-12, atol=0)
    weights = 1 + torch.rand(len(numbers), len(values), dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    spread = balls.spread(weights)
    for ball, number in enumerate(numbers):
        inside = matrix < expected[:, number - 1, None] * (1 - 1e-12)
        assert np.array_equal(balls.counts[ball], inside.sum(1))
        assert np.allclose(spread[ball], weights[ball].numpy() @ inside, rtol=1e-5, atol=1e-12)  # marks: float32


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
    values, _ = clusters(width, 1000.0)
    against_brute_force(search, [values])
    against_brute_force(search, [values, normal(N, 2, seed=1)])


def test_far_clusters_need_few_distances_in_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without centres of their own all rows of such clusters would be left to float64."""
    values, _ = clusters(20, 1000.0)
    monkeypatch.setattr(blocks, "FEW", 1)
    unsure = sum(len(block.unsure()) for block in BlockSearch([values], K, "euclidean"))
    monkeypatch.setattr(regions, "CENTRES", 1)
    alone = sum(len(block.unsure()) for block in BlockSearch([values], K, "euclidean"))
    assert unsure < N / 20 and alone > N / 2


def test_heavy_tails_and_lattices() -> None:
    against_brute_force(BlockSearch, [normal(N, 5, dtype=torch.float64) / normal(N, 1, seed=1) ** 3])
    lattice = (normal(N, 9) * 3).round() + 1e-9 * normal(N, 9, seed=1, dtype=torch.float64)
    against_brute_force(BlockSearch, [lattice])


@pytest.fixture(params=family(["one tile", "many tiles", "marked", "listed again", "marked again"], every=2))
def small(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every way in which the balls of 700 samples can be compared with other classes."""
    if request.param != "one tile":
        monkeypatch.setattr(crossing, "TILE_BYTES", 2**16)
    if "again" in request.param:
        monkeypatch.setattr(crossing, "KEPT_BYTES", 5000)
    if "marked" in request.param:
        monkeypatch.setattr(crossing, "DENSE", 0.02)
    if "listed" in request.param:
        monkeypatch.setattr(crossing, "DENSE", 1.0)


SIZES = {
    "seven": torch.arange(N) % 7,
    "one large": (torch.arange(N) >= K + 1).long(),
    "small ones": torch.arange(N) // (K + 1),
    "unequal": (torch.arange(N).double() / 44).sqrt().long(),
    "two": (torch.arange(N) * 7919 % 11 > 4).long(),
}


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize(
    ("width", "norm"), family([(1, "euclidean"), (30, "euclidean"), (3, "max")], quick=[(3, "max")])
)
@pytest.mark.usefixtures("small")
def test_balls_of_classes(sizes: str, width: int, norm: str) -> None:
    labels = SIZES[sizes]
    values = normal(N, width) * (1 + 0.2 * (labels % 5)[:, None]) + 0.3 * labels[:, None] % 3
    balls_against_brute_force(BlockBalls, values, labels, norm)


@pytest.mark.parametrize("sizes", SIZES)
def test_balls_of_classes_by_trees(sizes: str) -> None:
    for width, norm in ((1, "euclidean"), (3, "max")):
        balls_against_brute_force(TreeBalls, normal(N, width), SIZES[sizes], norm)


@pytest.mark.parametrize(("width", "apart"), family(product([2, 20], [1000.0, 1e5]), quick=[(2, 1000.0), (20, 1e5)]))
@pytest.mark.usefixtures("small")
def test_balls_of_classes_far_apart(width: int, apart: float) -> None:
    """Each class its own cluster; clusters that hold all classes; a wide class around all others."""
    values, labels = clusters(width, apart)
    balls_against_brute_force(BlockBalls, values, labels)
    balls_against_brute_force(BlockBalls, values, torch.arange(N) // 7 % 3)
    wide = torch.where((labels == 3)[:, None], normal(N, width, seed=1) * 4 * apart, values)
    balls_against_brute_force(BlockBalls, wide, labels)


@pytest.mark.usefixtures("small")
def test_balls_with_ties_and_tails() -> None:
    labels = torch.arange(N) % 7
    copied = normal(N, 9)[torch.arange(N) // 4]  # every sample has copies, of other classes
    balls_against_brute_force(BlockBalls, copied, labels, numbers=(K,))
    balls_against_brute_force(BlockBalls, (normal(N, 9) * 1.5).round(), labels, numbers=(2, 3, 4, 6, 9, 20))
    balls_against_brute_force(BlockBalls, torch.zeros(N, 8), labels)
    balls_against_brute_force(BlockBalls, normal(N, 8, dtype=torch.float64) / normal(N, 1, seed=1) ** 3, labels)
    balls_against_brute_force(BlockBalls, normal(N, 8) * 1e-18 + 1e-12, labels)


def test_each_pair_of_classes_is_multiplied_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crossing, "TILE_BYTES", 4 * 112**2)
    multiplied, multiply = [], crossing.Products.multiply

    def noted(self: crossing.Products, left: Tensor, columns: slice, out: Tensor) -> None:
        multiplied.append(out.numel())
        multiply(self, left, columns, out)

    monkeypatch.setattr(crossing.Products, "multiply", noted)
    BlockBalls(normal(N, 30), (3,), "euclidean", torch.arange(N) % 7)
    assert sum(multiplied) == 7 * 100 * 112 + 21 * 100**2  # within classes, in whole groups of columns, and between


def test_groups_of_columns_hold_the_smallest() -> None:
    joint = normal(50, 1600)
    columns, left_out = blocks.nearest(joint, 4)
    values, expected = joint.topk(5, largest=False)
    assert torch.equal(columns, expected[:, :4]) and (left_out == values[:, 4]).all()


def test_no_matrix_of_all_pairs_is_held() -> None:
    search = BlockSearch([normal(30_000, 2), normal(30_000, 3)], 3, "euclidean")
    held = sum(buffer.numel() * 4 for buffer in search.buffers(torch.float32))
    assert held <= 1.5 * blocks.BLOCK_BYTES


def test_the_precision_of_products_is_put_back() -> None:
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        against_brute_force(BlockSearch, [normal(N, 30)])
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


def test_the_way_follows_the_width() -> None:
    for width, block, balls in ((2, "TreeBlock", TreeBalls), (50, "Block", BlockBalls)):
        values = normal(50, width)
        assert type(next(neighbourhoods([values], 3))).__name__ == block
        assert isinstance(class_balls(values, (3,), "euclidean", torch.arange(50) % 2), balls)
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
    assert ties.copies(first).max() == 1 and "0.29 % of the samples of z coincide" in note and not atoms
    assert torch.equal(first, ties.set_apart(values, "z")[0])
    assert (torch.cdist(first, first) - torch.cdist(values.double(), values.double())).abs().max() < 1e-6


def test_halves_keep_the_classes() -> None:
    labels = torch.arange(90) % 3
    first, second = kraskov.shuffled_halves(labels, 4)
    assert sorted(torch.cat([first, second]).tolist()) == list(range(90))
    assert torch.bincount(labels[first]).tolist() == [15, 15, 15]
    assert kraskov.shuffled_halves(labels, 16) == ()
