"""Images under digits: on made-up ones, pixel for pixel, and on the real ones."""

from __future__ import annotations

from hashlib import sha256

import pytest
import torch

from ib_cli.config.schema import check
from ib_cli.contracts.errors import ConfigError
from ib_cli.datasets.fashion_mnist import FashionMnist
from ib_cli.datasets.mnist import Mnist
from ib_cli.datasets.occluded import Occluded, _laid_over
from ib_cli.run.run_ids import run_id
from tests.families import family

KEYS = {"background": "fashion_mnist", "placement": "uniform", "label": "object", "download": False}


@pytest.fixture
def occluded(published, options):
    return lambda **changed: Occluded(**options | KEYS | {"root": str(published)} | changed)


def test_a_digit_is_white_ink_over_its_image(occluded, published, options):
    """Against exact fractions of single pixels, rounded."""
    made = occluded()
    data = made.load("cpu")
    for name in ("train", "test"):
        split, over = data.splits[name], made.plan(name)["digit"]
        digits, clothes = (
            kind(**options, root=str(published), download=False).load("cpu").splits[name]
            for kind in (Mnist, FashionMnist)
        )
        assert len(split) == len(clothes) and split.x.dtype == torch.uint8
        for i in (0, 1, len(split) - 1):
            ink, below = digits.x[over[i], 0].double(), clothes.x[i, 0].double()
            assert torch.equal(split.x[i, 0].double(), ((1 - ink / 255) * below + ink).round())
        assert torch.equal(split.y, clothes.y) and torch.equal(split.labels["object"], clothes.y)
        assert torch.equal(split.labels["nuisance"], digits.y[torch.from_numpy(over)])
        assert len(set(over.tolist())) == len(split)  # no digit twice


def test_places_in_a_larger_image(options):
    made = Occluded(**options | KEYS | {"root": "", "background": "cifar10"})
    plan = made.plan("train")
    assert plan["place"].shape == (50_000, 2)
    for axis in (0, 1):
        assert torch.bincount(torch.from_numpy(plan["place"][:, axis])).tolist() == pytest.approx(
            [10_000] * 5, rel=0.05
        )
    centred = Occluded(**options | KEYS | {"root": "", "background": "cifar10", "placement": "centre"})
    assert (centred.plan("train")["place"] == 2).all()
    ink, below = torch.full((2, 28, 28), 255, dtype=torch.uint8), torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    over = _laid_over(ink.numpy(), below.numpy(), plan["place"][:2])
    for image, (row, column) in zip(over, plan["place"][:2], strict=True):
        assert (image[:, row : row + 28, column : column + 28] == 255).all() and image.sum() == 3 * 28 * 28 * 255


def test_label_picks_y(occluded):
    one, other = (occluded(label=label).load("cpu") for label in ("object", "nuisance"))
    assert torch.equal(one.splits["test"].x, other.splits["test"].x)
    assert torch.equal(other.splits["test"].y, one.splits["test"].labels["nuisance"])
    assert one.spec.labels == other.spec.labels == {"object": 10, "nuisance": 10}
    assert occluded(label="object").fingerprint() == occluded(label="nuisance").fingerprint()


def test_a_fingerprint_tells_what_is_made(occluded):
    others = [{}, {"seed": 1}, {"background": "cifar10"}, {"background": "cifar10", "placement": "centre"}]
    assert len({occluded(**other).fingerprint() for other in others}) == 4


@pytest.mark.parametrize(
    ("changed", "right"),
    [
        ({"label": "digit"}, "dataset.label=digit: must be 'object' or 'nuisance'"),
        ({"label": None}, "dataset.label=null: must be 'object' or 'nuisance'"),
        ({"background": "svhn"}, "dataset.background=svhn: must be 'cifar10' or 'fashion_mnist'"),
        ({"placement": "left"}, "dataset.placement=left: must be 'uniform' or 'centre'"),
        ({"root": "elsewhere"}, "dataset.root: there is no elsewhere/MNIST/raw/"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(options, changed, right):
    keys = options | KEYS | {"root": ""} | changed
    with pytest.raises(ConfigError) as error:
        check("dataset", Occluded, keys)
        Occluded(**keys).load("cpu")
    assert str(error.value).startswith(right) and "\n" not in str(error.value)


def test_a_missing_background_is_refused_by_the_command(ib_train, published):
    ended = ib_train("dataset=occluded", f"dataset.root={published}", "dataset.download=false")
    assert ended.code == 2 and ended.err.count("\n") == 1
    assert (
        "cifar-10-batches-py/data_batch_1; set dataset.download=true or point dataset.root, or IB_DATA, at" in ended.err
    )


def test_each_label_is_another_run(config):
    ids = [run_id(config("dataset=occluded", f"dataset.label={label}"), "") for label in ("object", "nuisance")]
    assert ids[0] != ids[1]


@pytest.mark.parametrize(
    ("background", "digest", "fingerprint"),
    family(
        [
            ("cifar10", "c3bf344f14c72f88a0f28243640891f2", "6e2253580743c138008ffba3c8ca9807"),
            ("fashion_mnist", "df5dd546fa6e5174e9938a19e6487a67", "fa768e7b88fc6f0e4bf2c282f920858b"),
        ],
        quick=[("fashion_mnist", "df5dd546fa6e5174e9938a19e6487a67", "fa768e7b88fc6f0e4bf2c282f920858b")],
    ),
)
def test_the_bytes_made_of_the_real_images_stay(real_data, options, background, digest, fingerprint):
    """Another digest needs another `recipe`, as runs on other bytes are other runs."""
    made = Occluded(**options | KEYS | {"root": real_data, "background": background})
    found = sha256()
    for split in made.load("cpu").splits.values():
        found.update(split.x.numpy().tobytes() + split.y.numpy().astype("<i8").tobytes())
    assert (found.hexdigest()[:32], made.fingerprint()) == (digest, fingerprint)
