"""Measures of an auto-encoder at a run's end against closed forms: linear Gaussian models and uniform decoders."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, MultivariateNormal, Normal

from ib_cli.contracts.errors import ConfigError
from ib_cli.estimators.discrepancy import discrepancy_terms
from ib_cli.experiment import generative_measures
from ib_cli.experiment.evaluation import Evaluation
from ib_cli.experiment.experiment import Experiment
from ib_cli.experiment.generative_measures import GenerativeMeasures
from ib_cli.run.run_ids import run_id
from tests.conftest import Ended
from tests.families import family

LINEAR = ("objective=vae", "architecture.widths=[]", "decoder.widths=[]", "decoder.likelihood=gaussian",
          "bottleneck.scale=exp", "bottleneck.offset=0", "dataset.normalise=standard")  # fmt: skip
S = 0.7  # deviation of d(x|z)


def with_values(made: Experiment, **values: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Parameters and buffers, with other values of those named by their last two words, all others 0."""
    params = {name: torch.zeros_like(value) for name, value in made.model.named_parameters()}
    for name, value in values.items():
        (full,) = (each for each in params if each.replace(".", "_").endswith(name))
        params[full] = value.float()
    return params, dict(made.model.named_buffers())


def of(made: Experiment, params: dict[str, Tensor], buffers: dict[str, Tensor]) -> dict[str, dict[str, float]]:
    """All measures of these parameters, by split."""
    found = {split: Evaluation(made).of(params, split, buffers=buffers) for split in made.data.splits}
    more, _ = GenerativeMeasures(made).of(params, buffers, found)
    return {split: {**found[split], **more[split]} for split in found}


@pytest.mark.parametrize("draws, at_once", family([(1, 20_000), (7, 20_000), (7, 300), (10, 300), (5, 1)], every=2))
def test_the_bound_is_ln_p_for_the_exact_posterior_however_many_draws(
    experiment: Callable[..., Experiment], monkeypatch: pytest.MonkeyPatch, draws: int, at_once: int
) -> None:
    """x = w z + s ε: with q(z|x) the posterior every weight is p(x) = N(x; 0, w wᵀ + s² I)."""
    monkeypatch.setattr(generative_measures, "AT_ONCE", at_once)
    made = experiment(*LINEAR, "bottleneck.size=1", f"decoder.scale={S}", f"iw_samples={draws}", "eval_batch_size=30")
    w = torch.linspace(-0.2, 0.3, 64, dtype=torch.float64)
    variance = 1 / (1 + w.square().sum() / S**2)
    encoder = torch.stack([variance * w / S**2, torch.zeros(64)], 1)
    bias = torch.stack([torch.zeros(()), variance.sqrt().log()])
    params, buffers = with_values(made, z_weight=encoder, z_bias=bias, layers_0_weight=w[None])
    found = of(made, params, buffers)
    x = made.data.batch("test", torch.arange(100)).x.flatten(1).double()
    law = MultivariateNormal(torch.zeros(64).double(), torch.outer(w, w) + S**2 * torch.eye(64).double())
    assert found["test"]["NLL_iw"] == pytest.approx(-law.log_prob(x).mean().item(), rel=1e-5)
    assert "NLL_iw" not in found["train"] and "bits_per_pixel" not in found["test"]  # a density has no bits


def test_the_bound_falls_from_the_elbo_towards_ln_p(experiment: Callable[..., Experiment]) -> None:
    """With q(z|x) = m(z) one draw gives D, as R = 0, and 2,000 draws nearly −ln p(x)."""
    w = torch.linspace(-0.2, 0.3, 64, dtype=torch.float64)
    bounds = {}
    for draws in (1, 2000):
        made = experiment(*LINEAR, "bottleneck.size=1", f"decoder.scale={S}", f"iw_samples={draws}", folder=str(draws))
        params, buffers = with_values(made, layers_0_weight=w[None])
        bounds[draws] = of(made, params, buffers)["test"]
    x = made.data.batch("test", torch.arange(100)).x.flatten(1).double()
    law = MultivariateNormal(torch.zeros(64).double(), torch.outer(w, w) + S**2 * torch.eye(64).double())
    exact = -law.log_prob(x).mean().item()
    elbo = bounds[1]["D"] + bounds[1]["R"]
    errors = Independent(Normal(torch.zeros(1, 64), S), 1).log_prob(torch.randn(4000, 1) * w.float())
    assert bounds[1]["R"] == 0
    assert abs(bounds[1]["NLL_iw"] - elbo) < 6 * errors.std().item() / 10
    assert exact - 0.02 < bounds[2000]["NLL_iw"] < exact + 0.1 < elbo


@pytest.mark.parametrize("shift", family([0.0, 0.5, 3.0], quick=[3.0]))
def test_z_is_as_far_from_its_prior_as_two_such_laws_are(experiment: Callable[..., Experiment], shift: float) -> None:
    """With q(z|x) = N(shift, I) for every x: 0 within four standard errors for shift 0, and what large sets have."""
    made = experiment(*LINEAR, "bottleneck.size=2", "dataset.train_size=1000", "dataset.test_size=300")
    params, buffers = with_values(made, z_bias=torch.tensor([[shift, shift], [0.0, 0.0]]).flatten())
    found = of(made, params, buffers)
    numbers = torch.Generator().manual_seed(1)
    a, b = (torch.randn(4000, 2, generator=numbers) for _ in range(2))
    terms = discrepancy_terms(a + shift, b, "inverse_multiquadric", (0.5, 1.0, 2.0))
    for split, size in (("train", 1000), ("test", 300)):
        error = float(terms.std()) / math.sqrt(size) + 2 / size  # of the mean of its terms, and where they are about 0
        assert abs(found[split]["MMD_prior"] - float(terms.mean())) < 4 * error, split
    assert (found["train"]["MMD_prior"] > 0.02) == (shift > 0)


def test_one_sample_has_neither_a_discrepancy_nor_active_units(experiment: Callable[..., Experiment]) -> None:
    made = experiment("objective=vae", "dataset.test_size=1")
    params, buffers = dict(made.model.named_parameters()), dict(made.model.named_buffers())
    measures = {split: Evaluation(made).of(params, split, buffers=buffers) for split in ("train", "test")}
    more, _ = GenerativeMeasures(made).of(params, buffers, measures)
    assert {"MMD_prior", "active_units"} <= set(more["train"])
    assert not {"MMD_prior", "active_units"} & set(more["test"])


def test_mmd_to_the_prior_is_of_drawable_priors_of_a_continuous_z(experiment: Callable[..., Experiment]) -> None:
    for number, (words, has) in enumerate([
        (("objective=vamp_vae", "marginal.pseudo_inputs=5"), True),
        (("objective=bib_ae",), True),
        (("objective=vq_vae",), False),
        (("objective=vib",), False),
    ]):  # fmt: skip
        made = experiment(*words, folder=str(number))
        params, buffers = dict(made.model.named_parameters()), dict(made.model.named_buffers())
        measures = {"test": Evaluation(made).of(params, "test", buffers=buffers)}
        more, _ = GenerativeMeasures(made).of(params, buffers, measures)
        assert ("MMD_prior" in more["test"]) == has, words


def test_active_units_are_those_whose_mean_varies_by_more_than_a_hundredth(
    experiment: Callable[..., Experiment],
) -> None:
    """Means of deviation 1, 0.11, 0.09 and 0 over the split: two have a square above 0.01. A constant adds nothing."""
    made = experiment(*LINEAR, "bottleneck.size=4")
    x = made.data.batch("test", torch.arange(100)).x.flatten(1).double()
    direction = torch.zeros(64).double()
    direction[20] = 1
    deviation = (x @ direction).std(correction=0)
    weights = torch.outer(direction, torch.tensor([1, 0.11, 0.09, 0, 0, 0, 0, 0]).double()) / deviation
    params, buffers = with_values(made, z_weight=weights, z_bias=torch.tensor([50.0, 3, 0, 9, 0, 0, 0, 0]))
    assert of(made, params, buffers)["test"]["active_units"] == 2


def test_bits_of_a_uniform_decoder_are_those_of_its_levels(experiment: Callable[..., Experiment]) -> None:
    made = experiment("objective=vae", "decoder.likelihood=categorical", "bottleneck.size=2", "iw_samples=3",
                      "architecture.widths=[]", "decoder.widths=[]", "bottleneck.scale=exp",
                      "bottleneck.offset=0")  # fmt: skip
    found = of(made, *with_values(made))["test"]
    assert found["bits_per_pixel"] == pytest.approx(math.log2(17), rel=1e-5)
    assert found["bits_per_pixel_iw"] == pytest.approx(math.log2(17), rel=1e-5)
    assert found["active_units"] == 0


@pytest.mark.parametrize("binary", [True, False])
def test_a_bernoulli_decoder_has_bits_of_binary_data_alone(
    experiment: Callable[..., Experiment], tmp_path: Path, binary: bool
) -> None:
    x = np.random.default_rng(0).integers(0, 2, (50, 6)).astype(np.float32)
    x[0, 0] = 1 if binary else 0.5
    x[:2, 1:] = [[0] * 5, [1] * 5]  # each column has both values, so that unit changes none
    np.savez(tmp_path / "own.npz", x=x, y=np.arange(50) % 2, x_test=x, y_test=np.arange(50) % 2)
    made = experiment("objective=vae", "dataset=npz", f"dataset.path={tmp_path / 'own.npz'}", "dataset.train_size=null",
                      "dataset.test_size=null", "dataset.normalise=unit", "dataset.likelihood=bernoulli",
                      "bottleneck.scale=exp", "bottleneck.offset=0", "architecture.widths=[]",
                      "decoder.widths=[]")  # fmt: skip
    found = of(made, *with_values(made))["test"]
    assert ("bits_per_pixel" in found) == binary
    if binary:
        assert found["bits_per_pixel"] == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize(
    "words",
    [
        ("objective=vib",),
        ("objective=autoencoder", "bottleneck=deterministic"),
        ("objective=aae",),
        ("objective=gan",),
    ],
    ids=lambda words: words[0],
)
def test_a_model_without_the_parts_has_none_and_refuses_to_be_asked(
    experiment: Callable[..., Experiment], words: tuple[str, ...]
) -> None:
    made = experiment(*words)
    more, _ = GenerativeMeasures(made).of(dict(made.model.named_parameters()), {}, {"test": {}})
    assert set(more["test"]) == ({"MMD_prior"} if words == ("objective=aae",) else set())
    with pytest.raises(ConfigError, match=r"^iw_samples=5: needs a decoder") as error:
        experiment(*words, "iw_samples=5")
    assert "\n" not in str(error.value)


def test_a_run_records_them_at_its_end_and_its_id_knows_the_draws(
    ib_train: Callable[..., Ended], config: Callable[..., dict[str, Any]]
) -> None:
    small = ("objective=vae", "dataset.train_size=100", "dataset.test_size=50", "architecture.widths=[8]", "epochs=1",
             "decoder.widths=[8]", "bottleneck.size=3", "estimators=none", "figures=false", "device=cpu")  # fmt: skip
    ended = ib_train(*small, "iw_samples=20", "name=a")
    assert ended.code == 0, ended.err
    (folder,) = Path("outputs/a").glob("*/")
    result = json.loads((folder / "result.json").read_text())
    assert result["test"]["NLL_iw"] < result["test"]["D"] + result["test"]["R"] + 1
    assert 0 <= result["train"]["active_units"] <= 3 and "NLL_iw" not in result["train"]
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert not any("active_units" in line or "NLL_iw" in line for line in lines)
    plain, asked = config(*small), config(*small, "iw_samples=20")
    assert plain["iw_samples"] == 0 and run_id(plain, "") != run_id(asked, "")
    del plain["iw_samples"]  # as in a config of an earlier version
    assert run_id(plain, "") == run_id(config(*small), "")
