"""Crops and flips against a loop over the images."""

from __future__ import annotations

import pytest
import torch

from ib_cli.datasets.augmentation import CropFlip


def one_by_one(images, indices, crop, down, across, mirrored):
    """The same crops and flips, image by image and without padding anything."""
    height, width = images.shape[-2:]
    result = torch.zeros(len(indices), *images.shape[1:], dtype=images.dtype)
    for b, index in enumerate(indices.tolist()):
        for row in range(height):
            for column in range(width):
                source = row + int(down[b]) - crop, column + int(across[b]) - crop
                if 0 <= source[0] < height and 0 <= source[1] < width:
                    target = width - 1 - column if mirrored[b] else column
                    result[b, :, row, target] = images[(index, slice(None), *source)]
    return result


@pytest.mark.parametrize(("crop", "flip"), [(2, True), (2, False), (0, True)])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_it_equals_cropping_and_flipping_one_by_one(crop, flip, dtype):
    images = torch.randint(1, 256, (12, 3, 6, 5), generator=torch.Generator().manual_seed(0)).to(dtype)
    augmentation = CropFlip(images, crop, flip)
    indices = torch.tensor([3, 3, 0, 11, 7] * 8)
    count = len(indices)
    generator = torch.Generator().manual_seed(1)
    none = torch.zeros(count, dtype=torch.int64)
    down, across = augmentation.offsets(count, generator) if crop else (none, none)
    mirrored = augmentation.mirrored(count, generator) if flip else none
    augmented = augmentation(indices, torch.Generator().manual_seed(1))
    assert augmented.dtype == dtype
    assert torch.equal(augmented, one_by_one(images, indices, crop, down, across, mirrored))


def test_every_offset_and_side_occurs():
    augmentation = CropFlip(torch.zeros(1, 1, 4, 4), 2, True)
    generator = torch.Generator().manual_seed(0)
    for offsets in augmentation.offsets(2000, generator):
        assert (torch.bincount(offsets, minlength=5) > 300).all() and len(torch.bincount(offsets)) == 5
    assert 900 < augmentation.mirrored(2000, generator).sum() < 1100


def test_the_same_state_of_the_generator_makes_the_same_batch(digits):
    data = digits(normalise="unit", crop=1, flip=True).load("cpu")
    generator, indices = torch.Generator().manual_seed(3), torch.arange(64)
    state = generator.get_state()
    first, second = data.batch("train", indices, generator), data.batch("train", indices, generator)
    again = data.batch("train", indices, generator.set_state(state))
    assert torch.equal(first.x, again.x) and torch.equal(first.y, again.y)
    assert not torch.equal(first.x, second.x)


def test_only_training_with_a_generator_is_augmented(digits):
    plain, data = digits(normalise="unit").load("cpu"), digits(normalise="unit", crop=2, flip=True).load("cpu")
    indices = torch.arange(50)
    assert torch.equal(data.batch("train", indices).x, plain.batch("train", indices).x)
    generator = torch.Generator().manual_seed(0)
    assert torch.equal(data.batch("test", indices, generator).x, plain.batch("test", indices).x)
    assert not torch.equal(data.batch("train", indices, generator).x, plain.batch("train", indices).x)


def test_the_border_is_black_after_normalising(digits):
    data = digits(normalise="symmetric", crop=8).load("cpu")
    x = data.batch("train", torch.arange(1437), torch.Generator().manual_seed(0)).x
    assert (x.flatten(1) == -1).all(1).any()  # cropped wholly beyond the image
