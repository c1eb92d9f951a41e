"""Runs with codewords: resumed, stacked, pictured, refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ib_cli.contracts.errors import ConfigError
from ib_cli.engine import train
from ib_cli.procedures.fit.fit import Fit
from ib_cli.run.codebook_pictures import draw_codebook
from ib_cli.run.describe import doubts
from ib_cli.study.stackable import grouped
from ib_cli.system.signals import Interrupted, catch_signals
from tests.families import family
from tests.run.test_resume import Stopper

FIT = Fit(patience=None, watch="J")
LIVELY = ("bottleneck.codewords=32", "bottleneck.revive=2", "bottleneck.decay=0.5")  # codewords are moved all the time
KINDS = {
    "ema": ("objective=shannon_ae", "bottleneck.distance_weight=3", *LIVELY),
    "gradient": ("objective=vq_vae", "bottleneck.groups=2", "bottleneck.shared=false", *LIVELY),
    "model": ("objective=shannon_ae_model", *LIVELY),
    "critic": ("objective=generative_compression", "critic_x.widths=[8]", *LIVELY),
}


@pytest.mark.parametrize("words", family(KINDS, quick=["ema", "critic"]))
def test_an_interrupted_run_goes_on_bit_for_bit(
    experiment: Callable, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setattr(train, "SECONDS_BETWEEN_REPORTS", -1)
    words = (*words, "epochs=3")
    whole = experiment(*words)
    expected = FIT.run(whole, None)
    assert expected.measures["test"]["revived"] > 5
    part = experiment(*words, folder="part", observers=(Stopper(1, 2),))
    with catch_signals() as stop, pytest.raises(Interrupted):
        FIT.run(replace(part, stop=stop), None)
    part.records.close()
    rest = experiment(*words, folder="part")
    ended = FIT.run(rest, rest.records.load_checkpoint(torch.device("cpu")))
    assert ended.measures == expected.measures
    assert all(torch.equal(ended.params[name], p) for name, p in expected.params.items())
    buffers = dict(rest.model.named_buffers())
    assert all(torch.equal(buffers[name], each) for name, each in whole.model.named_buffers())
    assert rest.records.metrics.read() == whole.records.metrics.read()


@pytest.mark.parametrize("kind", family(["ema", "gradient", "model"], quick=["ema"]))
def test_stacked_runs_are_the_single_ones(experiment: Callable, kind: str) -> None:
    # A rounding may choose another codeword: few steps, before that happens.
    variants = [("seed=0", "optimizer.lr=1e-3"), ("seed=1", "optimizer.lr=3e-3")]
    if kind == "ema":
        variants = [("seed=0", "bottleneck.distance_weight=2"), ("seed=1", "bottleneck.distance_weight=5")]
    words = (*KINDS[kind], "bottleneck.revive=1", "epochs=3", "batch_size=200")
    made = [experiment(*words, *more, folder=f"stack{i}") for i, more in enumerate(variants)]
    together = dict(FIT.together(made, [None, None]))
    for i, more in enumerate(variants):
        single = experiment(*words, *more, folder=f"alone{i}")
        alone = FIT.run(single, None)
        assert together[i].measures["test"] == pytest.approx(alone.measures["test"], rel=1e-3, abs=1e-5)
        buffers = dict(made[i].model.named_buffers())
        for name, each in single.model.named_buffers():
            torch.testing.assert_close(buffers[name], each, rtol=1e-3, atol=1e-4)
        assert kind == "model" or alone.measures["test"]["revived"] > 0


def test_choices_of_two_kinds_are_not_stacked() -> None:
    configs = [{"bottleneck": {"distance_weight": weight}} for weight in (1.0, None, 2.0)]
    assert grouped(dict(enumerate(configs))) == [[0, 2], [1]]


@pytest.mark.slow
def test_a_higher_beta_buys_more_rate_and_less_distortion(experiment: Callable) -> None:
    words = ("objective=shannon_ae", "bottleneck.distance_weight=${beta}", "epochs=30", "optimizer.lr=3e-3")
    found = [FIT.run(experiment(*words, f"beta={beta}", folder=str(beta)), None).measures for beta in (0.2, 5)]
    low, high = (each["test"] for each in found)
    assert high["H[Ẑ]"] > low["H[Ẑ]"] + 0.5 and high["D"] < low["D"] - 1
    for each in (low, high):
        assert 0 <= each["H[Ẑ]"] <= math.log(64) and 1 <= each["perplexity"] <= 64


@pytest.mark.parametrize("words", [("bottleneck.size=2",), ("bottleneck.groups=4",), ("bottleneck.size=8",)])
def test_pictures_of_codewords(experiment: Callable, words: tuple[str, ...]) -> None:
    made = experiment("objective=shannon_ae", "epochs=1", "bottleneck.codewords=5", *words)
    draw_codebook(made, FIT.run(made, None).params)
    names = {file.name for file in Path(made.records.folder / "figures").iterdir()}
    one_place = "bottleneck.groups=4" not in words
    assert names == ({"codebook.png", "codewords.png"} if one_place else {"codebook.png"})


REFUSED = {
    "bottleneck.codewords=1": "bottleneck.codewords=1: must be greater than or equal to 2",
    "bottleneck=gaussian": "of codewords: choose bottleneck=codebook",
    "bottleneck.groups=3": "bottleneck.groups=3: must divide the 4 dimensions",
    "noise=information": "a codeword is chosen once for each x",
    "batch_size=1": "batch_size=1: codewords start at the encodings of several samples",
    "bottleneck.distance_weight=0": "bottleneck.distance_weight=0: must be greater than 0",
    "procedure=langevin": "procedure=langevin: draws the weights",
    "bottleneck.learned=gradient": "no term that moves codewords",
    "bottleneck.entropy_model=learned": "no H_model\\[Ẑ\\], which trains it",
    "dataset=therml_toy": "counts all samples alike",
}


@pytest.mark.parametrize("word", family(list(REFUSED), every=2))
def test_what_does_not_go_with_codewords_is_refused_in_a_line(experiment: Callable, word: str) -> None:
    with pytest.raises(ConfigError, match=REFUSED[word]) as error:
        experiment("objective=shannon_ae", word)
    assert "\n" not in str(error.value)


def test_a_term_that_moves_nothing_is_told(experiment: Callable) -> None:
    told = doubts(experiment("objective=vq_vae", "bottleneck.learned=ema"))
    assert any("codebook moves nothing" in line for line in told)
    assert not any("codebook" in line for line in doubts(experiment("objective=vq_vae", folder="other")))
