"""The comparison with pythae: what is compared is the same, and measured by one evaluation; nothing is timed here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy

from benchmarks.autoencoders import peer as peers
from benchmarks.autoencoders.cases import CASES, SIZE, WIDTH
from benchmarks.autoencoders.peer import Peer, translated
from benchmarks.autoencoders.sample_distance import frequencies, samples
from benchmarks.autoencoders.section import HEADER, Beside, Quality, quality
from benchmarks.experiments import Solo, made
from benchmarks.measure import PeerError, record
from benchmarks.page import table
from ib_cli.contracts.noise import Planner, Tape
from ib_cli.experiment.experiment import Experiment
from tests.families import family

BY_MODEL = {case.model: case for case in CASES}
PIXELS = 64


def experiment(model: str, *words: str) -> Experiment:
    """Our side of a case, on 8 × 8 digits."""
    return made(*BY_MODEL[model].words(), "dataset.train_size=200", "dataset.test_size=100", *words)


def their_parameters(model: str) -> dict[str, Tensor]:
    """Parameters as pythae names and shapes them."""
    torch.manual_seed(0)
    layers: dict[str, nn.Module] = {
        "encoder.layers.0.0": nn.Linear(PIXELS, WIDTH), "encoder.embedding": nn.Linear(WIDTH, SIZE),
        "decoder.layers.0.0": nn.Linear(SIZE, WIDTH), "decoder.layers.1.0": nn.Linear(WIDTH, PIXELS),
    }  # fmt: skip
    if model == "VQVAE":
        layers["quantizer.embeddings"] = nn.Embedding(512, 1)
    else:
        layers["encoder.log_var"] = nn.Linear(WIDTH, SIZE)
    if model == "VAMP":
        layers["pseudo_inputs.0"] = nn.Linear(50, PIXELS)
    return {f"{name}.{part}": p.detach() for name, layer in layers.items() for part, p in layer.named_parameters()}


def affine(theirs: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    return x @ theirs[f"{name}.weight"].T + theirs[f"{name}.bias"]


def encoded(theirs: dict[str, Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and logarithm of the variance, as pythae's encoder makes them of x, (B, 64)."""
    h = affine(theirs, "encoder.layers.0.0", x).relu()
    return affine(theirs, "encoder.embedding", h), affine(theirs, "encoder.log_var", h)


def decoded(theirs: dict[str, Tensor], z: Tensor) -> Tensor:
    return affine(theirs, "decoder.layers.1.0", affine(theirs, "decoder.layers.0.0", z).relu())


def test_a_vae_of_theirs_has_its_own_loss_in_our_evaluation() -> None:
    """pythae's loss, BCE + KLD, from its parameters and by our evaluation; five standard errors of the draws of z."""
    ours, theirs = experiment("VAE", "eval_samples=100"), their_parameters("VAE")
    ours.model.load_state_dict(translated(theirs, ours.model))
    x = ours.data.batch("test", torch.arange(100)).x.flatten(1)
    mean, log_var = encoded(theirs, x)
    kld = -0.5 * (1 + log_var - mean**2 - log_var.exp()).sum(1).mean()
    z = mean + (0.5 * log_var).exp() * torch.randn(100, *mean.shape)
    of_draw = binary_cross_entropy(decoded(theirs, z).sigmoid(), x.expand(100, -1, -1), reduction="none").sum(2).mean(1)
    measured = quality(ours, BY_MODEL["VAE"], lambda images: float(len(images)))
    error = float(of_draw.std()) / 100**0.5 * 2**0.5
    assert abs(measured.D - float(of_draw.mean())) <= 5 * error
    assert measured.bound == pytest.approx(measured.D + float(kld), abs=1e-3) and measured.distance == 5000


def test_a_vampprior_of_theirs_keeps_its_pseudo_inputs() -> None:
    ours, theirs = experiment("VAMP"), their_parameters("VAMP")
    ours.model.load_state_dict(translated(theirs, ours.model))
    inputs = torch.eye(50) @ theirs["pseudo_inputs.0.weight"].T + theirs["pseudo_inputs.0.bias"]
    mean, log_var = encoded(theirs, inputs.clamp(0, 1))
    tape = Planner("cpu")
    m = ours.model.marginal(lambda u: ours.model.bottleneck.density(ours.model.architecture(u, tape)))
    components = m.component_distribution.base_dist
    torch.testing.assert_close(components.mean, mean, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(components.stddev, (0.5 * log_var).exp(), atol=1e-4, rtol=1e-4)


def test_codewords_of_theirs_are_chosen_and_decoded_as_theirs() -> None:
    ours, theirs = experiment("VQVAE"), their_parameters("VQVAE")
    model = ours.model.eval()
    model.load_state_dict(translated(theirs, model))
    words = theirs["quantizer.embeddings.weight"]

    def chosen_by_them(x: Tensor) -> Tensor:
        """The nearest codeword of each dimension, (B, 16)."""
        e = affine(theirs, "encoder.embedding", affine(theirs, "encoder.layers.0.0", x.flatten(1)).relu())
        return (e.unsqueeze(-1) - words[:, 0]).abs().argmin(-1)

    x = ours.data.batch("test", torch.arange(100)).x
    _, z, codes = model.bottleneck(model.architecture(x, Tape(())), Tape(()), 1)
    index = chosen_by_them(x)
    assert torch.equal(codes.chosen.argmax(-1), index)
    torch.testing.assert_close(
        model.decoder(z).mean[0].flatten(1), decoded(theirs, words[index, 0]), atol=1e-5, rtol=1e-4
    )
    index = chosen_by_them(ours.data.batch("train", torch.arange(200)).x)
    counts = torch.stack([torch.bincount(place, minlength=512) for place in index.T])
    torch.testing.assert_close(frequencies(ours), counts / 200, atol=1e-6, rtol=0)


def test_samples_of_a_vae_are_decoded_draws_of_the_prior() -> None:
    ours = experiment("VAE")
    found = samples(ours, 4000)
    z = torch.randn(4000, SIZE)
    expected = ours.model.decoder(z.unsqueeze(0)).mean[0]
    error = (expected.var(0) + found.var(0)).div(4000).sqrt()
    assert found.shape == (4000, 1, 8, 8)
    assert ((found.mean(0) - expected.mean(0)).abs() <= 5 * error).all()


@pytest.mark.parametrize("case", family(CASES, every=3), ids=lambda case: case.model)
def test_our_side_of_each_case_trains_with_its_critics(case: object) -> None:
    ours = experiment(case.model)  # type: ignore[attr-defined]
    before = {name: p.detach().clone() for name, p in ours.model.named_parameters()}
    assert Solo(ours).step() > 0
    moved = {name.partition(".")[0] for name, p in ours.model.named_parameters() if not torch.equal(p, before[name])}
    assert {"architecture", "bottleneck", "decoder", *ours.model.critics} <= moved
    assert len(ours.model.critics) == (case.trainer != "BaseTrainer")  # type: ignore[attr-defined]


ANSWERS = """
import sys, numpy as np
for line in sys.stdin:
    word = line.strip()
    if word != "epoch":
        np.savez(word, w=np.ones(3))
    print(0.25, flush=True)
"""


def test_the_other_side_answers_epochs_and_parameters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (script := tmp_path / "side.py").write_text(ANSWERS)
    monkeypatch.setattr(peers, "SCRIPT", script)
    with Peer(Path(sys.executable), CASES[0], tmp_path / "images.npz", 2, 0) as peer:
        assert peer.epoch() == peer.epoch() == 0.25
        assert torch.equal(peer.parameters(tmp_path / "parameters.npz")["w"], torch.ones(3).double())


def test_another_side_that_ends_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (script := tmp_path / "side.py").write_text("raise ValueError('no such model')")
    monkeypatch.setattr(peers, "SCRIPT", script)
    with (
        Peer(Path(sys.executable), CASES[0], tmp_path / "images.npz", 2, 0) as peer,
        pytest.raises(PeerError, match=r"^--peer: pythae ended: ValueError: no such model$"),
    ):
        peer.epoch()


def test_a_row_says_what_ours_does_not_meet() -> None:
    theirs = Quality(100.0, 80.0, 10.0)
    even = Beside("VAE", [(1.0, 2.0), (1.2, 2.0)], Quality(100.4, 80.4, 10.9), theirs)
    assert even.met and even.worse == [] and even.cells().ratio == "0.55 (0.50–0.60)"
    assert record(even)["values"]["seconds"] == [(1.0, 2.0), (1.2, 2.0)]
    behind = Beside("VAE", [(1.3, 2.0)], Quality(100.6, 80.6, 11.1), theirs)
    assert behind.worse == ["time", "−ELBO", "D", "distance"] and not behind.met
    aae = Beside("AAE", [(1.0, 2.0)], Quality(120.0, 80.0, 10.0), theirs, minimises_bound=False)
    assert aae.met and aae.cells().bound == "120.00 / 100.00"
    unbounded = Beside("VQ-VAE", [(1.0, 2.0)], Quality(None, 80.0, 10.0), Quality(None, 80.0, 10.0))
    assert unbounded.met and unbounded.cells().bound == "–"
    lines = table([even, behind], HEADER).splitlines()
    assert len(lines) == 4 and all(line.count("|") == len(HEADER) + 1 for line in lines)
