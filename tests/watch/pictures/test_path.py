"""The picture of a run's path."""

from __future__ import annotations

import math

from PIL import Image

from ib_cli.watch.pictures.path import path_pictures


def lines(steps, **more):
    fit = [{"epoch": 1, "step": 5, "split": split, "R": 3.0, "C": 1.0} for split in ("train", "test")]
    path = [
        {
            "epoch": 2 + step, "step": 5, "split": split, "path_step": step, "lambda": 0.25 + step, "gamma": 4.0 + step,
            "R": 10.0 + step, "D": 90.0 - step, "D_error": 30.0 - step, "C": 0.1, "F": 40.0 + step, "accuracy": 0.97,
            "maxwell": 0.01, "maxwell_stderr": 0.02, **more,
        }
        for step in range(steps) for split in ("train", "test")
    ]  # fmt: skip
    return fit + path


def size(file):
    with Image.open(file) as image:
        return image.size


def test_a_path_has_a_picture_and_a_start_alone_has_none(tmp_path):
    path_pictures(lines(5), tmp_path / "path.png")
    width, height = size(tmp_path / "path.png")
    assert width > 1400 and height > 700  # two rows of three panels
    for some in (lines(1), lines(0), []):
        path_pictures(some, tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


def test_panels_without_values_are_left_out(tmp_path):
    path_pictures(lines(50, maxwell=None, F=math.nan, accuracy=None), tmp_path / "path.png")
    width, height = size(tmp_path / "path.png")
    assert width > 1400 and height < 500  # one row


def test_an_equilibration_is_drawn_over_its_epochs(tmp_path):
    pair = lines(2)
    between = [
        {"epoch": 2 + k, "step": 5, "split": "test", "lambda": 1.0, "R": 10.0, "C": 0.1, "F": 40.0 + k} for k in (1, 2)
    ]
    pair[4:4] = between
    path_pictures(pair, tmp_path / "path.png")
    width, height = size(tmp_path / "path.png")
    assert width > 1400 and height < 500  # F, R and C
