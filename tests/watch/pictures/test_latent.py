"""Pictures of z: what they show, and where they are drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ib_cli.experiment.experiment import Experiment
from ib_cli.run.latent_pictures import draw_latent, on_the_sphere, straight
from ib_cli.watch.pictures.latent import draw_prior, draw_scatter, farthest, principal
from tests.families import family


def test_two_dimensions_are_shown_as_they_are_and_more_by_their_principal_components() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(4000, 2))
    assert principal(z)[0] is z
    turned = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    wide = rng.normal(size=(4000, 5)) * np.array([3, 1, 0.1, 0.1, 0.1])
    places, names = principal(wide @ turned.T + 7)
    np.testing.assert_allclose(np.abs(places), np.abs(wide[:, :2] - wide[:, :2].mean(0)), atol=0.5)
    np.testing.assert_allclose(places.var(0), wide[:, :2].var(0), rtol=0.01)
    assert "90 %" in names[0] and "9.7 %" in names[1]


def test_the_dimensions_that_differ_most_from_the_prior_come_first() -> None:
    rng = np.random.default_rng(0)
    prior = rng.normal(size=(3000, 4))
    z = rng.normal(size=(3000, 4)) * np.array([1, 0.01, 1, 1.3]) + np.array([0, 0, 2, 0])
    assert farthest(z, prior) == [1, 2, 3, 0]


def test_a_way_on_the_sphere_keeps_the_length_that_the_straight_one_loses() -> None:
    first, last = torch.tensor([3.0, 0, 0]), torch.tensor([0.0, 0, 5])
    line, arc = straight(first, last, 5), on_the_sphere(first, last, 5)
    for way in (line, arc):
        torch.testing.assert_close(way[0], first)
        torch.testing.assert_close(way[-1], last, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(arc.norm(dim=1), torch.linspace(3, 5, 5))
    torch.testing.assert_close(arc[2], torch.tensor([1.0, 0, 1]) * 4 / 2**0.5)
    torch.testing.assert_close(line[2], torch.tensor([1.5, 0, 2.5]))
    steps = (arc[1:] / arc[1:].norm(dim=1, keepdim=True) * (arc[:-1] / arc[:-1].norm(dim=1, keepdim=True))).sum(1)
    torch.testing.assert_close(steps, steps[0].expand(4))  # equal angles


@pytest.mark.parametrize("last", [[2.0, 0], [-2.0, 0], [0.0, 0]])
def test_ends_on_one_line_have_a_straight_way(last: list[float]) -> None:
    first = torch.tensor([1.0, 0])
    torch.testing.assert_close(on_the_sphere(first, torch.tensor(last), 7), straight(first, torch.tensor(last), 7))


@pytest.mark.parametrize("classes, K", family([(10, 2), (15, 6), (40, 3), (None, 3)], every=2))
def test_a_scatter_has_a_colour_for_each_label(tmp_path: Path, classes: int | None, K: int) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(400) % classes if classes else rng.normal(size=400)
    draw_scatter(rng.normal(size=(400, K)), y, tmp_path / "latent.png", classes)
    pixels = np.asarray(Image.open(tmp_path / "latent.png").convert("RGB")).reshape(-1, 3).astype(int)
    coloured = pixels[(pixels.max(1) - pixels.min(1)) > 60]
    assert len(np.unique(coloured // 32, axis=0)) >= 8


@pytest.mark.parametrize("K", family([1, 3, 30], quick=[1, 3]))
def test_the_prior_is_drawn_in_each_dimension(tmp_path: Path, K: int) -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(300, K))
    z[:, 0] = 5.0  # collapsed
    draw_prior(z, rng.normal(size=(300, K)), tmp_path / "prior.png")
    assert np.asarray(Image.open(tmp_path / "prior.png")).std() > 1


@pytest.mark.parametrize(
    "words, files",
    family(
        [
            (("objective=vae",), {"latent", "prior", "interpolations"}),
            (("objective=vib",), {"latent", "prior"}),
            (("objective=vib", "bottleneck.size=1"), {"prior"}),
            (("objective=ce",), {"latent"}),
            (("objective=autoencoder",), {"latent", "interpolations"}),
            (("objective=gan",), {"interpolations"}),
            (("objective=vq_vae",), set()),
            (("objective=vib", "dataset=gaussian"), {"latent", "prior"}),
        ],
        every=2,
    ),
    ids=lambda value: "+".join(sorted(value)),
)
def test_each_model_has_the_pictures_of_its_parts(
    experiment: Callable[..., Experiment], words: tuple[str, ...], files: set[str]
) -> None:
    made = experiment(*words)
    made.records.folder.mkdir(parents=True, exist_ok=True)
    draw_latent(made, dict(made.model.named_parameters()))
    assert {file.stem for file in (made.records.folder / "figures").glob("*.png")} == files
