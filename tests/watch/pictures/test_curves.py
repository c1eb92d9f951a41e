"""The pictures of a run are drawn from whatever it left."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
import torch
from PIL import Image

from ib_cli.watch.pictures.curves import image_grid, panels, training_curves
from tests.families import family


def lines(epochs, **measures):
    return [
        {"epoch": epoch, "step": epoch, "split": split} | {name: value / epoch for name, value in measures.items()}
        for epoch in range(1, epochs + 1)
        for split in ("train", "test")
    ]


def pixels(file):
    with Image.open(file) as image:
        assert image.format == "PNG"
        return image.convert("RGB")


def test_the_panels_are_those_that_were_measured_or_minimised():
    measured = lines(2, accuracy=1.0, R_Y=2.0, C=1.0, error=0.1, R=1.0, J=1.0, **{"H_model[Y|X]": 1.0})
    assert panels(measured, "C + 0.01 R_Y") == ["J", "R", "C", "R_Y", "accuracy"]
    assert panels(measured, "H_model[Y|X] + R_Y") == ["J", "R", "C", "R_Y", "H_model[Y|X]", "accuracy"]
    assert panels(lines(1, accuracy=1.0, X=1.0), "H_model[Y|X]") == ["accuracy"]


@pytest.mark.parametrize("epochs", family([1, 30], every=2))
def test_training_curves_of_one_and_many_epochs(tmp_path, epochs):
    file = tmp_path / "figures" / "training.png"
    training_curves(lines(epochs, J=1.0, R=12.0, C=2.0, accuracy=0.9), file, "C + 0.01 R − γ $x")
    image = pixels(file)
    assert 900 < image.width < 1600 and 600 < image.height < 1200
    colours = {colour for _, colour in image.getcolors(maxcolors=1 << 24)}
    assert {(0, 114, 178), (213, 94, 0)} <= colours  # train and test
    assert [file.name for file in file.parent.iterdir()] == ["training.png"]
    training_curves(lines(epochs, J=1.0, R=12.0, C=2.0, accuracy=0.9), file, "C + 0.01 R − γ $x", evaluated=True)
    assert pixels(file).tobytes() != image.tobytes()  # the legend


def test_values_that_are_not_finite_or_missing(tmp_path):
    file = tmp_path / "training.png"
    some = lines(4, J=1.0, R=1.0)
    some[0]["J"], some[1]["J"], some[2]["J"] = math.nan, math.inf, None
    for line in some:
        line["R"] = math.nan
    training_curves(some, file, "J")
    assert pixels(file).width > 300
    training_curves([], tmp_path / "none.png", "C")
    assert not (tmp_path / "none.png").exists()


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 16, 16), (2, 8, 12), (5,), (60,)])
def test_reconstructions_of_images_and_vectors(tmp_path, shape):
    file = tmp_path / "reconstructions.png"
    original = torch.rand(8, *shape)
    original[0].view(-1)[0] = torch.nan
    image_grid([original, original * 0.5], file, ["original", "reconstruction"])
    image = pixels(file)
    assert image.width > 800 and image.height > 150
    assert len(image.getcolors(maxcolors=1 << 24)) > 10


def test_an_interval_fixes_black_and_white(tmp_path):
    file = tmp_path / "samples.png"
    image_grid([torch.zeros(12, 1, 8, 8)], file, ["samples"], interval=(-1.0, 1.0))
    image = pixels(file)
    assert image.getpixel((image.width // 2, 70))[0] in range(126, 130)


@pytest.mark.slow
def test_nothing_of_matplotlib_is_imported_or_changed_by_the_import():
    code = "import sys, ib_cli.watch.pictures.curves; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
