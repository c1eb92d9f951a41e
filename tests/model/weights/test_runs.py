"""Runs whose weights have a distribution: what they record; going on, training together, and from one another."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import softplus

from ib_cli.engine import train
from ib_cli.experiment.evaluation import Evaluation
from ib_cli.experiment.experiment import Experiment
from ib_cli.procedures.fit.fit import Fit
from ib_cli.run.run_ids import run_id
from ib_cli.system.signals import Interrupted, catch_signals
from tests.conftest import SMALL
from tests.families import family
from tests.procedures.fit.test_fit_together import assert_equal
from tests.run.test_resume import Stopper

QUICK = (*SMALL, "estimators=none")


def results(study: str) -> list[dict[str, Any]]:
    """Of a study's runs, by their multipliers."""
    found = [json.loads(file.read_text()) for file in Path("outputs", study).glob("*/result.json")]
    return sorted(found, key=lambda result: sorted(result["multipliers"].items()))


def folder(study: str) -> Path:
    (found,) = (file.parent for file in Path("outputs", study).glob("*/result.json"))
    return found


def divergence(params: dict[str, torch.Tensor], prior: dict[str, torch.Tensor] | None = None) -> float:
    """S of a checkpoint's parameters to N(0, 1), or to another checkpoint's posterior, by torch's own formula."""
    total = 0.0
    for path in (name.removesuffix("_rho") for name in params if name.endswith("_rho")):
        q, m = (
            Normal(of[path].double(), softplus(of[f"{path}_rho"].double())) if of else Normal(0.0, 1.0)
            for of in (params, prior)
        )
        total += kl_divergence(q, m).sum().item()
    return total


def test_the_entropy_of_a_perceptron_is_that_of_its_checkpoint(ib_train: Callable) -> None:
    ended = ib_train(*QUICK, "weights=gaussian", "weights.parts=[architecture,bottleneck,classifier]", "name=a")
    assert ended.code == 0, ended.err
    params = torch.load(folder("a") / "checkpoint.pt", weights_only=True)["params"]
    assert {"architecture.layers.0.weight_rho", "bottleneck.parameters_of_z.bias_rho"} <= params.keys()
    test = results("a")[0]["test"]
    assert test["S"] == pytest.approx(divergence(params), rel=1e-5)
    assert test["S/N"] == pytest.approx(test["S"] / 200, rel=1e-6)
    assert {"R", "C", "J"} <= test.keys()


@pytest.mark.parametrize("weights", ["gaussian", pytest.param("lognormal", marks=pytest.mark.slow)])
def test_more_sigma_less_entropy_alone_and_together(ib_train: Callable, weights: str) -> None:
    study = ("-m", *QUICK, "objective=therml", "delta=0", "rho=0.01", "sigma=0,0.1,1", f"weights={weights}")
    study = (*study, "optimizer.lr=1e-2", "epochs=4", "seed=0,1", "eval_samples=3")
    assert ib_train(*study, "name=alone").code == 0
    ended = ib_train(*study, "name=together", "hydra/launcher=vectorized")
    assert ended.code == 0 and "one by one" not in ended.err, ended.err
    assert_equal(Path("outputs/together"), Path("outputs/alone"))
    for seed in (0, 1):
        entropies = [result["test"]["S"] for result in results("alone") if result["seed"] == seed]
        assert entropies[0] > entropies[1] > entropies[2]
    assert "0.01 R + C + 0.1 S/N" in {result["lagrangian"].removeprefix("minimise ") for result in results("alone")}


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["gaussian", "lognormal"])
@pytest.mark.parametrize("compile", ["true", "step"])
def test_compiled_runs_equal_the_others(ib_train: Callable, weights: str, compile: str) -> None:
    study = (*QUICK, "objective=weight_ib", f"weights={weights}")
    assert ib_train(*study, "name=eager").code == 0
    ended = ib_train(*study, "name=compiled", f"compile={compile}")
    assert ended.code == 0, ended.out + ended.err
    assert_equal(Path("outputs/compiled"), Path("outputs/eager"))


@pytest.mark.parametrize(
    "words",
    family(
        [
            ("objective=bayes_by_backprop", "averaging=0.9"),
            ("objective=weight_ib", "clip=1"),
            ("weights=gaussian", "weights.local=none", "+objective.minimise.V=0.1", "architecture.batch_norm=true"),
        ],
        every=3,
        whole=True,
    ),
    ids=["gaussian", "lognormal", "volume"],
)
def test_an_interruption_goes_on_bit_for_bit(
    experiment: Callable[..., Experiment], monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setattr(train, "SECONDS_BETWEEN_REPORTS", -1)
    words = (*words, "estimators=none", "epochs=3")
    whole = experiment(*words)
    expected = Fit(patience=None, watch="J").run(whole, None)
    part = experiment(*words, folder="part", observers=(Stopper(1, 2),))
    with catch_signals() as stop, pytest.raises(Interrupted):
        Fit(patience=None, watch="J").run(replace(part, stop=stop), None)
    part.records.close()
    rest = experiment(*words, folder="part")
    ended = Fit(patience=None, watch="J").run(rest, rest.records.load_checkpoint(torch.device("cpu")))
    assert ended.measures == expected.measures
    assert all(torch.equal(ended.params[name], p) for name, p in expected.params.items())


def test_the_posterior_of_another_run_is_a_prior(ib_train: Callable, experiment: Callable[..., Experiment]) -> None:
    assert ib_train(*QUICK, "weights=gaussian", "optimizer.lr=1e-2", "averaging=0.5", "name=before").code == 0
    before = torch.load(folder("before") / "checkpoint.pt", weights_only=True)["averaged"]
    words = ("weights=gaussian", "weights.prior=posterior", f"weights.run={folder('before')}", "seed=1")
    there = experiment(*words).model
    own = dict(there.named_parameters())
    assert there.weights.divergence({**own, **dict(there.named_buffers())}).item() == pytest.approx(0, abs=1e-3)
    assert all(torch.equal(own[path], before[path]) for _, _, path in there.weights.weights)
    elsewhere = experiment(*words, "weights.start_there=false", folder="elsewhere").model
    own = dict(elsewhere.named_parameters())
    S = elsewhere.weights.divergence({**own, **dict(elsewhere.named_buffers())}).item()
    expected = divergence(own, before)
    assert pytest.approx(expected, rel=1e-4) == S and expected > 10


def test_the_mean_of_several_posteriors_is_a_prior(
    ib_train: Callable, experiment: Callable[..., Experiment], config: Callable
) -> None:
    """TherML (21): posteriors of two other data sets."""
    words = (*QUICK, "weights=gaussian", "optimizer.lr=1e-2", "weights.scale=0.1", "weights.prior=scaled")
    for name, seed in (("one", 1), ("two", 2)):
        assert ib_train(*words, f"name={name}", f"seed={seed}").code == 0
    folders = [str(folder("one")), str(folder("two"))]
    of_both = ("weights=gaussian", "weights.prior=posterior", f"weights.run=[{','.join(folders)}]")
    there = experiment(*of_both).model
    own = dict(there.named_parameters())
    one, two = (torch.load(Path(path) / "checkpoint.pt", weights_only=True)["params"] for path in folders)
    assert all(torch.equal(own[path], one[path]) for _, _, path in there.weights.weights)
    S = there.weights.divergence({**own, **dict(there.named_buffers())}).item()
    assert pytest.approx(math.log(2), abs=1e-3) == S  # at the first; the other lies apart
    assert divergence(one, two) > 10
    run_ids = {run_id(config(*of_both[:2], f"weights.run=[{spelled}]"), "") for spelled in _spelled(folders)}
    assert len(run_ids) == 1
    assert ib_train(*QUICK, *of_both, "name=third").code == 0
    assert results("third")[0]["train"]["S"] > 0


def _spelled(folders: list[str]) -> list[str]:
    """Two spellings of the same folders."""
    return [",".join(folders), ",".join(os.path.relpath(each) for each in folders)]


def test_evaluations_with_the_means_ask_for_no_weights(experiment: Callable[..., Experiment]) -> None:
    words = ("objective=ce", "weights=gaussian", "weights.deviation=0.5", "eval_samples=4")
    found = {}
    for how in ("draw", "mean"):
        made = experiment(*words, f"weights.evaluate={how}", folder=how)
        found[how] = Evaluation(made).of(dict(made.model.named_parameters()), "test")
    point = experiment("objective=ce", folder="point")
    expected = Evaluation(point).of(dict(point.model.named_parameters()), "test")
    assert found["mean"]["C"] == expected["C"] != found["draw"]["C"]  # the same first weights
    assert found["mean"]["S"] == found["draw"]["S"] and "S" not in expected


def test_a_deterministic_classifier_is_a_case_of_therml(ib_train: Callable) -> None:
    words = ("objective=therml", "rho=0", "delta=0", "bottleneck=deterministic")
    ended = ib_train(*QUICK, *words, "name=a")
    assert ended.code == 0 and "minimise C\n" in ended.out, ended.err
    test = results("a")[0]["test"]
    assert test["J"] == pytest.approx(test["C"]) and not {"R", "S"} & test.keys() and "D" in test


WRONG = [
    (["objective=therml", "sigma=0.1"], "weights=point: this objective measures the entropy S"),
    (["objective=bayes_by_backprop", "weights=point"], "choose weights=gaussian or weights=lognormal"),
    (
        ["objective=therml", "rho=0", "delta=0", "gamma=0"],
        "rho=delta=gamma=sigma=0: every weight of the objective is 0",
    ),
    (["objective=therml", "bottleneck=deterministic"], "needs a bottleneck with noise"),
    (["+objective.minimise.S/N=1"], "Hydra takes no slash in a key"),
    (["weights=gaussian", "weights.parts=[encoder]"], "weights.parts.0=encoder: must be 'architecture'"),
    (["weights=gaussian", "weights.parts=[]"], "weights.parts=[]"),
    (["weights=gaussian", "weights.parts=[decoder]"], "these parts of the model have no weights to draw"),
    (["weights=gaussian", "weights.deviation=0"], "weights.deviation=0: must be greater than 0"),
    (["weights=gaussian", "weights.scale=2"], "weights.scale=2: is for weights.prior=scaled"),
    (["weights=gaussian", "weights.run=a"], "weights.run=a: is for weights.prior=posterior"),
    (["weights=gaussian", "weights.prior=posterior", "weights.run=[]"], "weights.run: prior"),
    (["weights=gaussian", "weights.prior=posterior", "weights.run=[nowhere]"], "weights.run=nowhere: no checkpoint.pt"),
    (["weights=gaussian", "weights.prior=posterior"], "weights.run: prior=posterior needs the folder of a run"),
    (["weights=gaussian", "weights.prior=posterior", "weights.run=nowhere"], "weights.run=nowhere: no checkpoint.pt"),
    (["weights=gaussian", "weights.prior=posterior", "weights.run=broken"], "its checkpoint.pt cannot be read"),
    (["weights=gaussian", "marginal=vampprior"], "marginal=vampprior is made of the encoder"),
    (["weights=lognormal", "weights.alpha=1"], "weights.alpha=1: must be less than weights.largest=1"),
    (["weights=point", "+weights.parts=[bottleneck]"], "weights.parts: no such key"),
]


@pytest.mark.parametrize(
    "words, expected", family(WRONG, every=2), ids=lambda value: None if isinstance(value, list) else value
)
def test_wrong_input_is_one_clear_line(ib_train: Callable, words: list[str], expected: str) -> None:
    Path("broken").mkdir()
    Path("broken/checkpoint.pt").write_text("nothing")
    ended = ib_train(*QUICK, *words)
    lines = ended.err.strip().splitlines()
    assert ended.code == 2 and len(lines) == 1 and expected in lines[0], ended.err


def test_a_prior_that_does_not_fit_is_told(ib_train: Callable) -> None:
    assert ib_train(*QUICK, "name=point").code == 0
    assert ib_train(*QUICK, "weights=gaussian", "name=small").code == 0
    prior = (*QUICK, "weights=gaussian", "weights.prior=posterior")
    ended = ib_train(*prior, f"weights.run={folder('point')}")
    assert ended.code == 2 and "has no Gaussian posterior of architecture.layers.0.weight" in ended.err
    ended = ib_train(*prior, f"weights.run={folder('small')}", "architecture.widths=[8]")
    assert ended.code == 2 and "architecture.layers.0.weight is 64×16 there and 64×8 here" in ended.err
