"""What "Unpacking Information Bottlenecks" says of a categorical Z, on trained models, to 1e-6."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ib_cli.contracts.noise import Tape
from ib_cli.contracts.passes import Pass
from ib_cli.engine.loss import forward
from ib_cli.engine.state import State
from ib_cli.estimators.categorical import categorical_information
from ib_cli.experiment.estimates import tabulated
from ib_cli.experiment.evaluation import Evaluation
from ib_cli.experiment.experiment import Experiment
from ib_cli.functionals import functionals
from ib_cli.procedures.fit.fit import Fit
from tests.families import family

SMALL = ("bottleneck.size=15", "epochs=60", "evaluate_every=60", "optimizer.lr=1e-2", "estimators=none")
OBJECTIVES = ("decoder_ce", "prediction_ce", "decoder_uncertainty", "ib", "dib")


def trained(experiment: Callable[..., Experiment], *words: str) -> tuple[Experiment, dict[str, dict[str, float]], Pass]:
    """A trained model, its measures, and a pass over the train split in float64."""
    made = experiment(*SMALL, *words)
    finished = Fit(patience=None, watch="J").run(made, None)
    model = made.model.double().eval()
    whole = made.data.whole_batch()
    params = {name: value.double() for name, value in finished.params.items()}
    buffers = dict(model.named_buffers())
    return made, finished.measures, forward(
        model, params, buffers, whole._replace(x=whole.x.double()), Tape([]), 1, "fp32"
    )  # fmt: skip


def mean(symbol: str, p: Pass) -> float:
    return p.mean(functionals()[symbol].nats(p)).item()


@pytest.mark.parametrize("objective", family(OBJECTIVES, quick=["ib"]))
def test_inequalities_and_identities_on_trained_models(experiment: Callable, objective: str) -> None:
    made, measures, p = trained(experiment, f"objective={objective}")
    C, prediction, uncertainty = (mean(symbol, p) for symbol in ("C", "H_model[Y|X]", "H[Y|Z]"))
    assert uncertainty < 1.5, "it has learned something"
    assert prediction <= C + 1e-6  # (4)
    assert uncertainty <= C + 1e-6  # (5)
    right = p.expected(p.label_density.log_prob(p.y).exp()).mean().item()
    assert 1 - right <= 1 - math.exp(-C) + 1e-6  # Observation 3
    assert 1 - right <= 1 - math.exp(-prediction) + 1e-6  # its footnote
    H = {symbol: mean(symbol, p) for symbol in ("H[Z]", "H[Z|X]", "H[Z|Y]", "I[X;Z]", "I[X;Z|Y]")}
    label_entropy = made.data.label_entropy("train")
    relevant = label_entropy - uncertainty  # I[Y;Z] (17)
    assert relevant == pytest.approx(H["H[Z]"] - H["H[Z|Y]"], abs=1e-6)  # (18)
    assert H["I[X;Z]"] == pytest.approx(H["H[Z]"] - H["H[Z|X]"], abs=1e-6)  # (14)
    assert H["I[X;Z]"] == pytest.approx(relevant + H["I[X;Z|Y]"], abs=1e-6)  # (7)
    assert H["H[Z|Y]"] == pytest.approx(H["I[X;Z|Y]"] + H["H[Z|X]"], abs=1e-6)  # (9)
    assert uncertainty + H["H[Z|Y]"] == pytest.approx(2 * uncertainty + H["H[Z]"] - label_entropy, abs=1e-6)  # (21)
    assert measures["train"]["H[Y|Z]"] == pytest.approx(uncertainty, abs=1e-5)  # in float32


def test_the_optimal_decoder_makes_the_cross_entropy_the_uncertainty(experiment: Callable) -> None:
    _, measures, p = trained(experiment, "objective=decoder_uncertainty")
    assert mean("C", p) == pytest.approx(mean("H[Y|Z]", p), abs=1e-6)
    for name in ("C", "H_model[Y|Z]"):
        assert measures["train"][name] == pytest.approx(measures["train"]["H[Y|Z]"], abs=1e-5)
    assert measures["test"]["C"] > measures["test"]["H[Y|Z]"]  # the decoder is that of the train split


def test_the_cross_entropy_of_the_split_s_optimal_decoder_has_the_gradient_of_the_uncertainty(
    experiment: Callable,
) -> None:
    made = experiment("objective=decoder_ce", "classifier=optimal", "classifier.trained=split", "bottleneck.size=15")
    model = made.model.train()
    with torch.no_grad():
        model.bottleneck.logits.weight *= 30  # an encoder that tells x apart
    Evaluation(made).begin_epoch(State.start(model, made.optimizer(model.parameters()), made.schedule, 0.0))
    model.double()
    whole = made.data.whole_batch()
    p = model(whole._replace(x=whole.x.double()), Tape([]), 1)
    gradients = [
        torch.autograd.grad(p.mean(functionals()[symbol].nats(p)), list(model.parameters()), retain_graph=True)
        for symbol in ("C", "H[Y|Z]")
    ]
    for of_c, of_uncertainty in zip(*gradients):
        assert of_uncertainty.abs().max() > 1e-3
        torch.testing.assert_close(of_c, of_uncertainty, rtol=1e-4, atol=1e-7)  # the table is in float32


@pytest.mark.slow
def test_evaluations_do_not_depend_on_how_a_split_is_cut(experiment: Callable) -> None:
    words = ("objective=ib", "beta=0.1", "epochs=10", "evaluate_every=10")
    found = [trained(experiment, *words, f"eval_batch_size={size}")[1]["test"] for size in (200, 7)]
    for name in ("C", "H[Y|Z]", "I[X;Z|Y]", "J"):
        assert found[1][name] == pytest.approx(found[0][name], abs=1e-5)


def test_measures_are_those_of_the_estimates(experiment: Callable) -> None:
    made = experiment(*SMALL, "objective=dib")
    finished = Fit(patience=None, watch="J").run(made, None)
    table, y, weight = tabulated(
        made.model, made.data, made.settings, finished.params, dict(made.model.named_buffers()), "test"
    )
    expected = categorical_information(table, y, weight)
    for symbol in ("H[Y|Z]", "H[Z|Y]"):
        assert finished.measures["test"][symbol] == pytest.approx(expected[symbol].value, abs=1e-5)


def test_the_decoder_matrix_is_computed_once_a_batch(experiment: Callable) -> None:
    made = experiment("objective=decoder_ce", "bottleneck.size=15", "classifier.widths=[24,24]")
    seen: list[Tensor] = []
    made.model.classifier.network.register_forward_hook(lambda module, given, result: seen.append(result))
    batch = made.data.batch("train", torch.arange(50))
    forward(made.model, dict(made.model.named_parameters()), {}, batch, Tape([]), 1, "fp32")
    (matrix,) = seen
    assert matrix.shape == (15, 1, 10)


def test_the_entropy_distance_is_zero_for_a_bijection_of_labels(experiment: Callable) -> None:
    made = experiment("objective=entropy_distance", "bottleneck.size=10")
    y = torch.arange(40) % 10
    p = Pass(
        torch.zeros(40, 1), y, torch.eye(10).unsqueeze(1), classes=10,
        z_weight=torch.eye(10)[(3 * y + 1) % 10].T, label_density=made.model.classifier(torch.eye(10).unsqueeze(1)),
    )  # fmt: skip
    assert made.objective(p, {})[0].item() == pytest.approx(0, abs=1e-6)


def test_fewer_values_than_classes_is_a_warning(ib_train: Callable) -> None:
    small = ("dataset.train_size=100", "epochs=1", "figures=false", "device=cpu", "estimators=none")
    ended = ib_train("objective=decoder_ce", "bottleneck.size=4", *small)
    assert ended.code == 0
    assert (
        ended.err.strip() == "ib-train: bottleneck.size=4: fewer values of z than the 10 classes cannot tell all apart"
    )
    assert ib_train("objective=decoder_ce", "bottleneck.size=10", *small).err == ""


@pytest.mark.parametrize("bottleneck, told", [("gaussian", True), ("dropout", True), ("zero_entropy_noise", False)])
def test_a_log_variance_without_least_noise_is_a_warning(ib_train: Callable, bottleneck: str, told: bool) -> None:
    small = ("dataset.train_size=100", "epochs=1", "figures=false", "device=cpu", "estimators=none", "batch_size=50")
    ended = ib_train("objective=surrogate_logvar", "gamma=1e-6", f"bottleneck={bottleneck}", *small)
    assert ended.code == 0, ended.err
    assert ("log_Var[Z] has no least value with this bottleneck" in ended.err) == told


def test_monte_carlo_dropout_has_cross_entropies_and_no_rate(experiment: Callable) -> None:
    made = experiment("objective=ce", "bottleneck=dropout", "bottleneck.size=8", "samples=3", "estimators=none")
    found = Fit(patience=None, watch="J").run(made, None).measures["test"]
    assert found["H_model[Y|X]"] < found["C"] and "R" not in found and "H[Y|Z]" not in found
    assert found["error_single"] != found["error"]
