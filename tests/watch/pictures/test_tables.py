"""The picture of discrete x and z: what it is drawn from, and that it is drawn."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ib_cli.watch.pictures.tables import Tables, draw_tables
from tests.families import family


def tables(decoder: bool, marginal: bool) -> Tables:
    """Of 3 values of x, 2 labels and 4 values of z."""
    joint = torch.tensor([[0.1, 0.2], [0.3, 0.1], [0.05, 0.25]]).double()
    encoder = torch.tensor([[1.0, 0, 0, 0], [0, 0.5, 0.5, 0], [0.1, 0.2, 0.3, 0.4]]).double()
    d = torch.tensor([[1.0, 0, 0], [0.2, 0.8, 0], [0, 1, 0], [0.5, 0.25, 0.25]]).double()
    return Tables(joint, encoder, torch.full((4,), 0.25).double() if marginal else None, d if decoder else None)


def test_distributions_follow_from_the_tables() -> None:
    of = tables(decoder=True, marginal=True)
    assert of.x.tolist() == pytest.approx([0.3, 0.4, 0.3])
    for y, of_label in enumerate(of.z_given_y):
        expected = [sum(of.joint[x, y] * of.encoder[x, z] for x in range(3)) / of.joint[:, y].sum() for z in range(4)]
        assert of_label.tolist() == pytest.approx([float(each) for each in expected])
    assert of.reconstruction[1].tolist() == pytest.approx([0.1, 0.9, 0])
    assert of.reconstruction.sum(1).tolist() == pytest.approx([1, 1, 1])
    assert tables(decoder=False, marginal=False).reconstruction is None


@pytest.mark.parametrize(
    "decoder, marginal", family([(True, True), (True, False), (False, True), (False, False)], every=2)
)
def test_the_picture_is_drawn_of_what_there_is(tmp_path: Path, decoder: bool, marginal: bool) -> None:
    draw_tables(tables(decoder, marginal), tmp_path / "figures" / "tables.png", "minimised: R + D", "R = 1 nats")
    (file,) = (tmp_path / "figures").iterdir()
    assert file.read_bytes().startswith(b"\x89PNG") and file.stat().st_size > 20_000
