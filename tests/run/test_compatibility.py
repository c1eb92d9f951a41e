"""Parts that an objective does not train: refused, or said to be so."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ib_cli.config.public_names import of_option
from ib_cli.contracts.errors import ConfigError
from ib_cli.experiment.experiment import Experiment
from ib_cli.run.describe import doubts
from tests.families import family

BY_COUNTS = ("decoder_uncertainty", "ib", "dib", "entropy_distance")  # objectives of H[Y|Z], which is of z alone


def said(experiment: Experiment) -> list[str]:
    """The doubts, without the one about the four values of z that the small experiments have."""
    return [doubt for doubt in doubts(experiment) if not doubt.startswith("bottleneck.size=4")]


@pytest.mark.parametrize(
    ("objective", "classifier"),
    family([*((each, "linear") for each in BY_COUNTS), ("ib", "mlp"), ("dib", "therml_toy")], every=2),
)
def test_a_classifier_that_nothing_trains_is_refused(experiment: Callable, objective: str, classifier: str) -> None:
    with pytest.raises(ConfigError) as error:
        experiment(f"objective={objective}", f"classifier={classifier}")
    message = str(error.value)
    assert message.startswith("classifier=") and f"objective={objective} trains no classifier" in message
    assert "classifier=optimal" in message and "\n" not in message


def test_the_command_says_so_in_one_line(ib_train: Callable) -> None:
    ended = ib_train("objective=decoder_uncertainty", "classifier=linear", "device=cpu")
    assert ended.code == 2 and ended.err.startswith("ib-train: classifier=") and len(ended.err.splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [
        ["objective=decoder_uncertainty", "classifier=linear", "+objective.minimise.C=0.1"],
        ["objective=decoder_ce", "classifier=optimal"],
        ["objective=vib", "marginal=learned_diagonal"],
        ["architecture=therml_toy", "dataset=therml_toy", "objective=therml"],
    ],
)
def test_what_is_trained_is_taken_without_a_word(experiment: Callable, words: list[str]) -> None:
    assert said(experiment(*words)) == []


@pytest.mark.parametrize(
    ("words", "terms", "part"),
    family(
        [
            (["objective=semi_supervised_vae", "alpha=0"], "C", "classifier"),
            (["objective=therml", "delta=0", "sigma=0"], "D", "decoder"),
            (["objective=therml", "gamma=0", "sigma=0"], "C", "classifier"),
            (["objective=vib", "gamma=0", "marginal=learned_diagonal"], "R", "marginal"),
            (["objective=ceb", "gamma=0"], "R_Y", "backward encoder"),
            (["objective=vib", "+objective.minimise.D=0"], "D", "decoder"),
            (["objective=decoder_uncertainty", "classifier=linear", "+objective.minimise.C=0"], "C", "classifier"),
        ],
        every=2,
    ),
)
def test_what_is_measured_and_not_trained_is_said_to_be(experiment, words, terms, part) -> None:
    (doubt,) = said(experiment(*words))
    assert doubt.startswith(f"{terms} has weight 0, so the {part} is not trained")


@pytest.mark.parametrize(
    ("words", "unused"),
    [
        (["objective=vib", "decoder=deconv"], "decoder=deconv"),
        (["objective=vae", "classifier=optimal"], "classifier=optimal"),
        (["objective=ce", "marginal=vampprior"], "marginal=vampprior"),
        (
            ["objective=vib", "gamma=0", "bottleneck=deterministic", "marginal=learned_diagonal"],
            "marginal=learned_diagonal",
        ),
    ],
)
def test_a_part_that_somebody_chose_and_nothing_needs_is_said_to_be(experiment, words, unused) -> None:
    (doubt,) = said(experiment(*words))
    assert doubt.startswith(f"{unused} is not used")


def test_an_option_names_its_class_by_the_option_it_builds_on() -> None:
    assert of_option("classifier", "linear") == of_option("classifier", "mlp") == "mlp"
    assert of_option("marginal", "vampprior") == "vampprior"
