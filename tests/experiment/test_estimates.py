"""Estimates in a run: what is written, when, and that a run goes on where they cannot be made."""

from __future__ import annotations

import json
import math
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ib_cli.estimators.information_plane import UNKNOWN
from ib_cli.experiment.estimates import DRAWS, _passes, represented
from ib_cli.experiment.experiment import Experiment
from ib_cli.procedures.fit.fit import Fit
from ib_cli.system.signals import Interrupted
from tests import conftest

NO_END = {"patience": None, "watch": "J"}

SMALL = tuple(word for word in conftest.SMALL if word != "estimators=none")


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "estimates.jsonl").read_text().splitlines()]


def test_a_run_ends_with_estimates_and_their_cost(ib_train: Callable) -> None:
    ended = ib_train(*SMALL, "dataset.train_size=400")
    assert ended.code == 0, ended.err
    (folder,) = Path("outputs/runs").iterdir()
    result = json.loads((folder / "result.json").read_text())
    assert set(result["estimates"]) == {"mixture", "kraskov"}
    of = result["estimates"]["mixture"]
    assert of["I[X;Z]"]["lower"] <= of["I[X;Z]"]["value"] <= of["I[X;Z]"]["upper"]
    assert 0 < of["I[X;Z]"]["value"] < result["train"]["R"] + 0.1  # R bounds it from above
    assert 0 < result["estimate_seconds"] < result["seconds"]
    written = lines(folder)
    assert {line["epoch"] for line in written} == {2} and {line["split"] for line in written} == {"train"}
    assert {line["n"] for line in written if line["estimator"] == "kraskov"} == {400}
    fields = ("quantity", "estimator", "value", "lower", "upper", "stderr", "k", "n", "saturated", "reason", "units")
    assert all(set(fields) <= set(line) for line in written)
    assert "estimate" in ended.out and "for estimates" in ended.out


def test_a_trajectory_and_which_samples(ib_train: Callable) -> None:
    ib_train(*SMALL, "epochs=4", "estimators.every=2", "estimators.use=[copula,binned]", "estimators.split=test",
             "estimators.samples=90")  # fmt: skip
    (folder,) = Path("outputs/runs").iterdir()
    written = lines(folder)
    assert [epoch for epoch in (2, 4) if any(line["epoch"] == epoch for line in written)] == [2, 4]
    assert {line["split"] for line in written} == {"test"}
    assert {line["n"] for line in written if line["quantity"] == "TC[Z]"} == {90}


def test_what_cannot_be_estimated_is_told_and_ends_no_run(ib_train: Callable) -> None:
    ended = ib_train(
        *SMALL, "dataset.train_size=60", "estimators.k=30", "estimators.use=[kraskov]", "estimators.sweep=false"
    )
    assert ended.code == 0
    (folder,) = Path("outputs/runs").iterdir()
    told = [line for line in lines(folder) if line["quantity"] == "I[Y;Z]"]
    assert told[0]["value"] is None and told[0]["saturated"] and "class" in told[0]["reason"]


def test_no_estimates(ib_train: Callable) -> None:
    assert ib_train(*SMALL, "estimators=none").code == 0
    (folder,) = Path("outputs/runs").iterdir()
    assert not (folder / "estimates.jsonl").exists()
    assert "estimates" not in json.loads((folder / "result.json").read_text())


def test_a_split_that_is_not_there_is_named(ib_train: Callable) -> None:
    ended = ib_train(*SMALL, "estimators.split=validation")
    assert ended.code == 2 and "estimators.split=validation: the data have train, test" in ended.err


def test_an_interrupted_run_has_the_estimates_of_an_undisturbed_one(experiment: Callable[..., Experiment]) -> None:
    options = ("epochs=3", "estimators.every=1", "estimators.use=[mixture,kraskov]")
    whole = experiment(*options, folder="whole")
    finished = Fit(**NO_END).run(whole, None)
    asked = iter([None] * 6 + [signal.SIGTERM] * 100)  # 4 steps an epoch: within the second one
    part = replace(experiment(*options, folder="part"), stop=lambda: next(asked))
    with pytest.raises(Interrupted):
        Fit(**NO_END).run(part, None)
    rest = experiment(*options, folder="again/part")
    for name in ("checkpoint.pt", "metrics.jsonl", "estimates.jsonl"):
        (rest.records.folder / name).write_bytes((part.records.folder / name).read_bytes())
    again = Fit(**NO_END).run(rest, rest.records.load_checkpoint(rest.device))
    assert rest.records.estimates.read() == whole.records.estimates.read()
    assert again.estimates == finished.estimates


def test_a_deterministic_bottleneck_has_no_finite_information(ib_train: Callable) -> None:
    assert ib_train(*SMALL, "objective=ce", "bottleneck=deterministic").code == 0
    (folder,) = Path("outputs/runs").iterdir()
    found = {line["quantity"]: line for line in lines(folder) if line["estimator"] == "kraskov"}
    assert found["I[X;Z]"]["value"] is None and "deterministic" in found["I[X;Z]"]["reason"]
    assert found["I[Y;Z]"]["value"] is not None


def test_a_z_that_is_drawn_from_an_unknown_density_is_not_called_deterministic(ib_train: Callable) -> None:
    assert ib_train(*SMALL, "objective=ce", "bottleneck=dropout").code == 0
    (folder,) = Path("outputs/runs").iterdir()
    told = [line["reason"] for line in lines(folder) if line["quantity"] == "I[X;Z]"]
    assert told == [UNKNOWN, UNKNOWN]


TABLE = ("dataset=therml_toy", "objective=vib", "architecture=mlp", "architecture.widths=[16]", "batch_size=60")


def test_cells_of_a_table_count_as_often_as_they_weigh(experiment: Callable[..., Experiment]) -> None:
    """y = 1 has the probability 0.7, but one half of the cells; and x does not determine y."""
    made = experiment(*TABLE, "estimators.use=[mixture,kraskov,binned]", "estimators.samples=4000")
    params, buffers = dict(made.model.named_parameters()), dict(made.model.named_buffers())
    z, y, known, _ = represented(made.model, made.data, made.settings, params, buffers, "test", 4000)
    assert len(z) == len(known["mean"]) == 4000
    truth = made.data.label_entropy("test")
    assert float(y.double().mean()) == pytest.approx(0.7, abs=0.03)
    assert len(represented(made.model, made.data, made.settings, params, buffers, "test", None)[0]) == DRAWS
    found, _ = made.estimates(made.model, made.data, made.settings, params, buffers)
    own = {estimate.quantity: estimate for estimate in found if estimate.estimator == "mixture"}
    assert own["H[Y]"].value == pytest.approx(truth, abs=0.02) and truth < math.log(2) - 0.05
    noise = made.data.label_noise("train")
    assert noise > 0.05
    assert own["I[X;Y|Z]"].value == pytest.approx(own["H[Y|Z]"].value - noise, abs=1e-9)
    for quantity, of_cells in exact_information(made, params, buffers).items():
        assert own[quantity].lower - 0.05 < of_cells < own[quantity].upper + 0.05, quantity


def exact_information(made: Experiment, params: dict, buffers: dict) -> dict[str, float]:
    """I[Y;Z] and I[X;Z] of the law of the cells, by 20,000 draws of z from each cell's q(z|x)."""
    whole = made.data.splits["train"]
    p = next(iter(_passes(made.model, made.data, made.settings, params, buffers, "train")))
    share = whole.weight.double() / whole.weight.sum()
    cells = torch.multinomial(share, 20_000, replacement=True, generator=torch.Generator().manual_seed(0))
    mean, scale = p.encoder.mean.double(), p.encoder.stddev.double()
    z = mean[cells] + scale[cells] * torch.randn(
        20_000, mean.shape[1], dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )
    log_q = torch.distributions.Independent(torch.distributions.Normal(mean, scale), 1).log_prob(z.unsqueeze(1))
    joint = torch.stack([(log_q + (share * (whole.y == label)).log()).logsumexp(1) for label in (0, 1)], 1)
    p_y = torch.stack([share[whole.y == label].sum() for label in (0, 1)]).log()
    own = torch.arange(20_000)
    marginal = joint.logsumexp(1)
    return {
        "I[Y;Z]": float((joint[own, whole.y[cells]] - p_y[whole.y[cells]] - marginal).mean()),
        "I[X;Z]": float((log_q[own, cells] - marginal).mean()),
    }
