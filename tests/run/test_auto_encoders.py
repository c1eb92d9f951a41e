"""Auto-encoders with critics as runs: what they say, what they refuse, and what can be measured of them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

import ib_cli
from ib_cli.contracts.errors import ConfigError
from ib_cli.experiment.experiment import Experiment
from tests.conftest import SMALL
from tests.families import family

ADVERSARIAL = ("aae", "info_vae_glasses", "gan", "vae_gan", "vae_gan_features", "bib_ae", "bib_classifier")
OWN = "tests.model.test_priors"


@pytest.mark.parametrize(
    ("words", "start"),
    family(
        [
            (["objective=aae", "critic_z=none"], "critic_z=none: this objective has B"),
            (["objective=bib_classifier", "critic_z=none"], "critic_z=none: this objective has B"),
            (["objective=gan", "critic_x=none"], "critic_x=none: this objective has D_x"),
            (["objective=bib_ae", "critic_x=none"], "critic_x=none: this objective has D_x"),
            (["objective=vae_gan_features", "critic_x=none"], "critic_x=none: this objective has D_x"),
            (["objective=info_vae", "mmd=none"], "mmd=none: this objective has MMD"),
            (["objective=vae", "+objective.minimise.B=1"], "critic_z=none: this objective has B"),
            (["objective=vae", "marginal=uniform"], "marginal=uniform: R is infinite"),
            (
                ["objective=vae", "trust=[tests]", f"marginal._target_={OWN}.OnlyDrawn"],
                "marginal=OnlyDrawn: has no density, as R needs",
            ),
            (
                ["objective=aae", "trust=[tests]", f"marginal._target_={OWN}.OnlyDense"],
                "marginal=OnlyDense: critics and MMD need draws",
            ),
            (
                ["objective=gan", "trust=[tests]", f"marginal._target_={OWN}.OnlyDense"],
                "marginal=OnlyDense: critics and MMD need draws",
            ),
            (["objective=gan", "marginal=vampprior"], "marginal=vampprior is made of densities q(z|x)"),
            (["objective=aae", "marginal=vampprior"], "marginal=vampprior is made of densities q(z|x)"),
            (
                ["objective=aae", "marginal=mixture_of_gaussians"],
                "marginal=mixture_of_gaussians: objective=aae trains no",
            ),
            (["objective=vae", "bottleneck=prior"], "bottleneck=prior: "),
            (["objective=ce", "bottleneck=prior"], "bottleneck=prior: z is drawn without x, so C says nothing"),
            (["objective=aae", "bottleneck=prior"], "bottleneck=prior: z is drawn without x, so B says nothing"),
            (
                ["objective=info_vae_glasses", "bottleneck=deterministic"],
                "bottleneck=deterministic: this objective has",
            ),
            (
                ["objective=aae", "bottleneck=categorical", "marginal=categorical"],
                "bottleneck=categorical: this objective",
            ),
            (["objective=aae", "+objective.minimise.loss_z=1"], "objective.minimise.loss_z: a critic minimises this"),
            (["objective=gan", "dataset.normalise=symmetric"], "decoder.likelihood=bernoulli needs"),
            (["objective=info_vae", "batch_size=1"], "batch_size=1: this objective has MMD"),
            (["objective=aae", "critic_z.turns=0"], "critic_z.turns=0"),
            (["objective=aae", "critic_z.betas=[0.5,1.0]"], "critic_z.betas"),
            (["objective=info_vae", "mmd.scales=[]"], "mmd.scales"),
            (["objective=info_vae", "mmd.scales=[0]"], "mmd.scales"),
        ],
        every=2,
    ),
)
def test_what_cannot_work_is_refused_in_one_line(experiment: Callable, words: list[str], start: str) -> None:
    with pytest.raises(ConfigError) as error:
        experiment(*words)
    assert str(error.value).startswith(start) and "\n" not in str(error.value), str(error.value)


@pytest.mark.parametrize("objective", ["aae", "gan"])
def test_a_prior_of_ones_own_needs_draws_alone(experiment: Callable[..., Experiment], objective: str) -> None:
    made = experiment(
        f"objective={objective}", "trust=[tests]", f"marginal._target_={OWN}.OnlyDrawn", "epochs=1", "figures=true"
    )
    measures = made.procedure.run(made, None).measures["test"]
    assert "R" not in measures and math.isfinite(measures["J"])


def test_a_weight_of_zero_needs_no_critic(experiment: Callable[..., Experiment]) -> None:
    words = ("objective=bib_ae", "alpha=0", "lambda=0", "critic_z=none", "critic_x=none", "epochs=1")
    made, plain = experiment(*words), experiment("objective=vae", "epochs=1", folder="plain")
    assert not made.model.critics and made.lagrangian == "R + D"
    found, expected = (each.procedure.run(each, None).measures["test"] for each in (made, plain))
    assert {name: found[name] for name in ("R", "D")} == {name: expected[name] for name in ("R", "D")}


def test_a_generator_measures_no_rate_and_encodes_nothing(experiment: Callable[..., Experiment]) -> None:
    made = experiment("objective=gan", "epochs=1")
    assert not [name for name in dict(made.model.named_parameters()) if name.startswith(("architecture", "bottleneck"))]
    measures = made.procedure.run(made, None).measures["test"]
    assert {"D", "D_x", "loss_x", "J"} == set(measures) and measures["J"] == measures["D_x"]


@pytest.mark.parametrize("marginal", ["laplace", "uniform", "fixed_mixture"])
def test_priors_that_are_not_gaussian(experiment: Callable[..., Experiment], marginal: str) -> None:
    made = experiment("objective=aae", f"marginal={marginal}", "bottleneck=gaussian", "epochs=1")
    measures = made.procedure.run(made, None).measures["test"]
    assert all(math.isfinite(value) for value in measures.values()) and ("R" in measures) == (marginal != "uniform")


def test_the_line_shows_the_sign_of_b(ib_train: Callable) -> None:
    words = (*SMALL, "epochs=1", "beta=2")
    assert "minimise B + 2 D\n" in ib_train(*words, "objective=aae").out
    assert "minimise R - B + 2 D\n" in ib_train(*words, "objective=info_vae_glasses").out


def test_runs_of_critics_are_not_stacked_and_say_why(ib_train: Callable) -> None:
    words = ("-m", *SMALL, "epochs=1", "objective=aae", "beta=1,2", "hydra/launcher=vectorized")
    ended = ib_train(*words)
    told = (Path("outputs/runs") / "study.log").read_text() + ended.out + ended.err
    assert ended.code == 0 and "critics take turns with the model, which a stack does not" in told
    assert len(list(Path("outputs/runs").glob("*/result.json"))) == 2


def test_b_is_estimated_without_a_critic_wherever_there_is_a_rate(ib_train: Callable) -> None:
    small = [word for word in SMALL if word != "estimators=none"]
    assert ib_train(*small, "epochs=1", "objective=vae", "estimators.use=[mixture,pairwise,gaussian]").code == 0
    (file,) = Path("outputs/runs").glob("*/estimates.jsonl")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    found = {(line["quantity"], line["estimator"]): line for line in lines}
    for estimator in ("mixture", "pairwise"):
        B, information = found["B", estimator], found["I[X;Z]", estimator]
        assert B["lower"] <= B["value"] <= B["upper"] and B["saturated"] == information["saturated"]
        assert B["value"] + information["value"] == pytest.approx(B["upper"] + information["lower"])
    assert ("B", "gaussian") not in found


def test_a_finished_run_with_critics_can_be_measured(ib_train: Callable) -> None:
    assert ib_train(*SMALL, "epochs=1", "objective=aae", "name=first").code == 0
    (run,) = Path("outputs/first").glob("*/result.json")
    loaded = ib_cli.load_run(run.parent)
    assert "critic_z" in loaded.model.critics
    probe = ib_train(
        "procedure=nuisance_probe", f"procedure.run={run.parent}", "procedure.label=y", "epochs=1", *SMALL[5:]
    )
    assert probe.code == 0, probe.err
    assert ib_train(*SMALL, "epochs=1", "objective=gan", "name=second").code == 0
    (run,) = Path("outputs/second").glob("*/result.json")
    probe = ib_train(
        "procedure=nuisance_probe", f"procedure.run={run.parent}", "procedure.label=y", "epochs=1", *SMALL[5:]
    )
    assert probe.code == 2 and "has no encoder" in probe.err and len(probe.err.splitlines()) == 1


@pytest.mark.parametrize("objective", family(ADVERSARIAL, quick=["vae_gan", "aae"]))
def test_every_adversarial_objective_trains_with_images_of_its_critics(
    experiment: Callable[..., Experiment], objective: str
) -> None:
    """A convolutional critic of x, where the objective has one, under bfloat16 and moving averages."""
    cnn = (
        ["critic_x=cnn", "critic_x.channels=[4]"]
        if objective not in ("aae", "info_vae_glasses", "bib_classifier")
        else []
    )
    made = experiment(f"objective={objective}", *cnn, "precision=bf16", "averaging=0.5", "epochs=1")
    measures = made.procedure.run(made, None).measures["test"]
    assert all(math.isfinite(value) for value in measures.values())


@pytest.mark.slow
@pytest.mark.parametrize("marginal", ["standard_normal", "laplace"])
def test_the_critics_b_lies_in_the_interval_without_one(ib_train: Callable, marginal: str) -> None:
    """On a trained VAE, by two standard errors: the critic only looks on, as B has weight 0."""
    words = (
        *("objective=vae", f"marginal={marginal}", "+objective.minimise.B=0", "bottleneck.size=2", "epochs=25"),
        *("critic_z=mlp", "critic_z.widths=[64,64]", "critic_z.turns=10", "critic_z.lr=2e-3", "critic_z.decay=0.9"),
        *("schedule=exponential", "schedule.rate=0.9", "estimators.use=[mixture]", "evaluate_every=25"),
        *("figures=false", "device=cpu"),
    )
    assert ib_train(*words).code == 0
    (folder,) = Path("outputs/runs").glob("*/result.json")
    found = json.loads(folder.read_text())
    lines = [json.loads(line) for line in (folder.parent / "estimates.jsonl").read_text().splitlines()]
    (interval,) = [line for line in lines if line["quantity"] == "B"]
    assert not interval["saturated"]
    margin = 2 * interval["stderr"]
    assert interval["lower"] - margin <= found[interval["split"]]["B"] <= interval["upper"] + margin, interval
