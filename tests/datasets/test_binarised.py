"""Static binarisation: grey levels that become 0 or 1 once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from ib_cli.contracts.errors import ConfigError
from ib_cli.datasets.cluttered_mnist import ClutteredMnist
from ib_cli.datasets.mnist import Mnist
from ib_cli.datasets.transfer import Transfer
from ib_cli.run.run_ids import run_id


def test_a_pixel_is_one_with_the_probability_of_its_level(npz):
    """4.5 standard errors for each level of 20,000 pixels; 0 and the highest level are certain."""
    levels = torch.tensor([0, 1, 64, 128, 254, 255], dtype=torch.uint8)
    x = levels.repeat(20_000, 1).view(20_000, 1, 2, 3).numpy()
    data = npz(x=x, y=np.arange(20_000) % 2, test_fraction=0.5, normalise="unit", binarise=True).load("cpu")
    for name, split in data.splits.items():
        seen = data.batch(name, torch.arange(len(split))).x.flatten(1)
        assert set(seen.unique().tolist()) == {0.0, 1.0}
        p = levels.double() / 255
        error = (p * (1 - p) / len(split)).sqrt()
        assert ((seen.double().mean(0) - p).abs() <= 4.5 * error).all()
    assert data.spec.levels == 2 and data.spec.interval == (0.0, 1.0)
    assert not torch.equal(data.splits["train"].x, data.splits["test"].x)


def test_a_sample_is_drawn_once_whatever_is_kept_with_it(digits):
    whole = digits(binarise=True).load("cpu").splits
    grey = digits().load("cpu").splits["train"]
    drawn = {bytes(before.numpy()): bytes(after.numpy()) for before, after in zip(grey.x, whole["train"].x)}
    kept = {"binarise": True, "train_size": 50, "validation_size": 30, "classes": [7, 2]}
    some = digits(**kept).load("cpu").splits
    grey_some = digits(**kept | {"binarise": False}).load("cpu").splits
    for name in ("train", "validation"):
        for before, after in zip(grey_some[name].x, some[name].x):
            assert drawn[bytes(before.numpy())] == bytes(after.numpy())
    assert torch.equal(whole["test"].x, digits(binarise=True).load("cpu").splits["test"].x)
    assert not torch.equal(whole["test"].x, digits(binarise=True, seed=1).load("cpu").splits["test"].x)


def test_classes_left_out_are_binarised_as_those_that_are_seen(digits):
    left, _ = digits(binarise=True, classes=[0, 1]).left_out()
    whole = digits(binarise=True).load("cpu").splits["test"]
    assert torch.equal(left.x, whole.x[whole.y > 1])


def test_both_tasks_of_a_transfer_are_binarised(options, digits):
    chosen = {"of": "digits", "of_target": None, "source": [0, 1], "target": [2, 3], "labels": "kept"}
    way = {"path": "mixture", "regularisation": 0.02, "coupled": 100, "root": "data", "download": False}
    data = Transfer(**options | chosen | way | {"binarise": True}).load("cpu")
    whole = digits(binarise=True).load("cpu").splits["train"]
    for t, classes in ((0.0, [0, 1]), (1.0, [2, 3])):
        there = data.at(t).splits["train"]
        seen = there.x if there.weight is None else there.x[there.weight > 0]
        expected = whole.x[torch.isin(whole.y, torch.tensor(classes))]
        assert sorted(map(bytes, seen.numpy())) == sorted(map(bytes, expected.numpy()))


def test_mnist_keeps_its_mean(published, options):
    data = Mnist(root=str(published), download=False, **options | {"binarise": True, "normalise": "unit"}).load("cpu")
    grey = Mnist(root=str(published), download=False, **options).load("cpu").splits["test"].x.double() / 255
    error = (grey * (1 - grey)).sum().sqrt().item() / grey.numel()
    assert data.splits["test"].x.double().mean().item() == pytest.approx(grey.mean().item(), abs=4.5 * error)


@pytest.mark.parametrize("kind", ["real", "painted"])
def test_what_has_no_levels_or_is_made_later_is_refused(kind, npz, published, options):
    chosen: dict[str, Any] = {"binarise": True}
    if kind == "real":
        data = npz(x=np.random.default_rng(0).normal(size=(20, 3)), y=np.arange(20) % 2, **chosen)
    else:
        size = {"size": 60, "distractors": 4, "distractor_size": 8}
        data = ClutteredMnist(root=str(published), download=False, **size, **options | chosen)
    with pytest.raises(ConfigError, match=r"^dataset.binarise: must be false for (real|images)"):
        data.load("cpu")


@pytest.mark.parametrize("most", [1, 16, 126])
def test_bytes_that_are_other_levels_are_refused_and_told_of(most, npz):
    x = np.random.default_rng(0).integers(0, most + 1, (20, 1, 4, 4)).astype(np.uint8)
    x[0] = most
    y = np.arange(20) % 2
    with pytest.raises(ConfigError, match=f"^dataset.binarise: a pixel v becomes 1 .* the largest is {most}"):
        npz(x=x, y=y, test_fraction=0.1, binarise=True).load("cpu")
    doubts = npz(x=x, y=y, test_fraction=0.1, normalise="unit").load("cpu").doubts
    assert any(f"the largest byte of x is {most}, and normalise=unit" in doubt for doubt in doubts)
    assert not npz(x=x, y=y, test_fraction=0.1, normalise="standard").load("cpu").doubts


def test_grey_images_keep_their_ids(config):
    plain, drawn = config("dataset=mnist"), config("dataset=mnist", "dataset.binarise=true")
    assert plain["dataset"].pop("binarise") is False
    assert run_id(plain, "") == run_id(config("dataset=mnist"), "") != run_id(drawn, "")
