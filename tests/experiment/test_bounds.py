"""TherML's bounds on runs: no slack is below 0, an exact optimum has none, and a broken bound is told in one line."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ib_cli.contracts.labels import SLACKS
from ib_cli.experiment.bounds import Bounds
from ib_cli.experiment.evaluation import Evaluation
from ib_cli.experiment.experiment import Experiment

QUICK = ("estimators=none", "figures=false", "device=cpu", "threads=1")
TOY = ("dataset=therml_toy", "architecture=therml_toy", "objective=therml", "gamma=3", "delta=0.5", "rho=1")
MODELS = {
    "numbers": TOY,
    "drawn weights": (*TOY, "weights=therml_toy", "sigma=0.1"),
    "drawn weights, and an averaged encoder": (
        "dataset=therml_toy", "architecture=mlp", "architecture.widths=[8]", "bottleneck=categorical",
        "bottleneck.size=5", "marginal=categorical", "objective=therml_volume",
        "weights.parts=[architecture,bottleneck]",
    ),
    "a decoder of tables": ("dataset=therml_toy", "architecture=tables", "objective=therml", "gamma=3", "delta=0.5"),
    "images": ("objective=decoder_ce", "dataset.train_size=200", "bottleneck.size=12", "classifier.widths=[16]"),
}  # fmt: skip


@pytest.mark.parametrize("words", MODELS.values(), ids=MODELS)
def test_no_slack_is_below_zero(words: tuple[str, ...], experiment: Callable[..., Experiment]) -> None:
    made = experiment(*words, *QUICK)
    with torch.no_grad():
        for parameter in made.model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(len(words))))
    found = Evaluation(made).of(dict(made.model.named_parameters()), "test")
    slacks = {name: value for name, value in found.items() if name in SLACKS}
    assert slacks and min(slacks.values()) > -1e-5
    if "slack_RCD" in slacks:
        information = found.get("I[Z;Θ|X]", 0.0)
        H = found["H[Y]"] + 0.0
        assert slacks["slack_RCD"] == pytest.approx(sum(slacks[f"slack_{name}"] for name in "RCD"))
        assert found["KL[P|Q]"] >= information >= 0 and found["H[Y|Z]"] <= H + 1e-6


def test_drawn_weights_have_information_of_their_own(experiment: Callable[..., Experiment]) -> None:
    """I(Z;Θ|X) grows with the noise on the weights, is 0 where they are their means, and V is above it."""
    made = experiment(*TOY, "weights=therml_toy", "eval_samples=16", *QUICK)
    evaluation, params = Evaluation(made), dict(made.model.named_parameters())
    found = []
    for logit in (-8.0, 2.0):
        noisy = {name: value * 0 + logit if "alpha_logit" in name else value for name, value in params.items()}
        found.append(evaluation.of(noisy, "test")["I[Z;Θ|X]"])
    assert 0 < found[0] < 0.1 * found[1]
    made.model.weights.evaluate = "mean"
    assert Evaluation(made).of(params, "test")["I[Z;Θ|X]"] == 0


def test_a_classifier_that_shares_the_draws_has_no_slack(experiment: Callable[..., Experiment]) -> None:
    """c(y|z,θ) may know the code that θ makes: then C can be below H[Y|Z]."""
    parts = "weights.parts=[architecture,bottleneck,classifier]"
    made = experiment(*MODELS["drawn weights, and an averaged encoder"][:-1], parts, *QUICK)
    found = Evaluation(made).of(dict(made.model.named_parameters()), "test")
    assert "slack_C" not in found and found["slack_V"] > 0


def test_a_broken_bound_is_told_once(
    experiment: Callable[..., Experiment], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An m(z) whose probabilities sum to e makes R too small by a nat."""
    made = experiment(*TOY, *QUICK)
    marginal = made.model.marginal
    usual = type(marginal).forward

    def heavy(self, encode):
        density = usual(self, encode)
        density.logits = density.logits + 1
        return density

    evaluation, params = Evaluation(made), dict(made.model.named_parameters())
    before = evaluation.of(params, "test")["slack_R"]
    assert not caplog.records
    monkeypatch.setattr(type(marginal), "forward", heavy)
    with caplog.at_level(logging.WARNING):
        after = [evaluation.of(params, split)["slack_R"] for split in ("test", "test")]
    assert after[0] == after[1] == pytest.approx(before - 1, abs=1e-5)
    lines = [record.getMessage() for record in caplog.records if "below I(Z;X,Θ)" in record.getMessage()]
    assert len(lines) == 1 and "m(z)" in lines[0] and "test split" in lines[0] and "\n" not in lines[0]


def test_estimates_of_a_continuous_z_have_slack(ib_train: Callable, tmp_path: Path) -> None:
    words = ("dataset.train_size=600", "epochs=4", "figures=false", "device=cpu", "architecture.widths=[32]")
    ended = ib_train(
        "objective=vib", "gamma=1", "bottleneck.size=4", "bottleneck.offset=0", "estimators.use=[mixture]", *words
    )
    assert ended.code == 0, ended.err
    (file,) = tmp_path.glob("outputs/runs/*/result.json")
    train = json.loads(file.read_text())["train"]
    lines = [json.loads(line) for line in (file.parent / "estimates.jsonl").read_text().splitlines()]
    of = {line["quantity"]: line["value"] for line in lines}
    assert train["slack_R"] == of["B"] > 0 and train["slack_C"] == of["slack_C"] > 0
    assert train["KL[P|Q]"] == of["I[X;Y|Z]"]
    assert of["slack_C"] == pytest.approx(train["C"] - of["H[Y|Z]"], abs=5 * train["slack_C_stderr"])


def test_flagged_estimates_give_no_slack(
    experiment: Callable[..., Experiment], caplog: pytest.LogCaptureFixture
) -> None:
    bounds = Bounds(experiment("objective=vib", *QUICK))
    line = {"quantity": "B", "estimator": "mixture", "value": -1.0, "stderr": 0.1, "saturated": True}
    assert bounds.of_estimates([line]) == {} and not caplog.records
    found = bounds.of_estimates([{**line, "saturated": False}])
    assert found == {"slack_R": -1.0, "slack_R_stderr": 0.1}
    assert "R is 1 ± 0.1 nats below I(Z;X,Θ)" in caplog.text


def test_an_exact_optimum_has_none(ib_train: Callable, tmp_path: Path) -> None:
    words = ("dataset=therml_toy", "procedure=exact_frontier", *QUICK)
    ended = ib_train("objective=therml", "rho=1", "delta=0.2", "gamma=3", *words)
    assert ended.code == 0, ended.err
    (file,) = tmp_path.glob("outputs/runs/*/result.json")
    for found in (json.loads(file.read_text())[split] for split in ("train", "test")):
        assert max(abs(found[name]) for name in SLACKS if name in found) < 1e-9
        assert {"slack_R", "slack_C", "slack_D", "slack_RD", "slack_RCD"} <= set(found)
        # (9) at numbers for weights: H[Y|Z] − H[Y|X] = C − H[Y|X], and D = H[X] − R.
        assert found["D"] == pytest.approx(found["H[X]"] - found["R"]) and found["KL[P|Q]"] > 0


@pytest.mark.slow
def test_tables_trained_to_the_optimum_have_next_to_none(ib_train: Callable, tmp_path: Path) -> None:
    words = ("dataset=therml_toy", "architecture=tables", "objective=therml", "rho=1", "delta=0.2", "gamma=3")
    ended = ib_train(*words, "epochs=100", "optimizer.lr=3e-2", *QUICK)
    assert ended.code == 0, ended.err
    (file,) = tmp_path.glob("outputs/runs/*/result.json")
    found = json.loads(file.read_text())["test"]
    assert all(-1e-5 < found[name] < 1e-3 for name in ("slack_R", "slack_C", "slack_D", "slack_RCD"))
