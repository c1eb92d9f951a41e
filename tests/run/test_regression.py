"""Runs whose y is continuous: what they record and estimate, that they go on, and that theory is reached."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ib_cli.estimators import information_plane
from ib_cli.exact.gaussian_ib import GaussianIB
from ib_cli.experiment.experiment import Experiment
from ib_cli.experiment.records import Records
from ib_cli.procedures.fit.fit import Fit
from ib_cli.run.build import build
from ib_cli.run.validation import validate
from ib_cli.system.signals import Interrupted
from tests.families import family

SMALL = (
    "dataset=gaussian",
    "dataset.samples=400",
    "dataset.test_size=300",
    "bottleneck.size=3",
    "architecture.widths=[16]",
    "epochs=2",
    "batch_size=50",
    "figures=false",
    "device=cpu",
)


def only_result() -> dict[str, Any]:
    (file,) = Path("outputs").glob("*/*/result.json")
    return json.loads(file.read_text())


def test_a_run_records_what_there_is_of_a_continuous_y(ib_train: Callable) -> None:
    ended = ib_train(*SMALL, "figures=true", "estimators.use=[mixture,kraskov,gaussian,copula,binned,pairwise]")
    assert ended.code == 0, ended.err
    assert "5, continuous y of 3" in ended.out and "I(Y;Z) ≥ H[Y] − C" in ended.out and not ended.err
    result = only_result()
    test = result["test"]
    assert test["H[Y]"] == pytest.approx(3 * 1.4189385) and test["H_model[Y|X]"] <= test["C"] == test["H_model[Y|Z]"]
    assert test["r2"] == pytest.approx(1 - test["mse"], abs=0.1)  # y has unit variances
    assert not {"accuracy", "error", "error_single"} & set(test)
    found = result["estimates"]
    for name in ("kraskov", "gaussian", "copula"):
        of = {quantity: estimate["value"] for quantity, estimate in found[name].items()}
        assert of["I[X;Z]"] == pytest.approx(of["I[Y;Z]"] + of["I[X;Z|Y]"])
        assert of["H[Y|Z]"] == pytest.approx(test["H[Y]"] - of["I[Y;Z]"])
    for name in ("mixture", "pairwise", "binned"):
        assert "I[X;Z]" in found[name] and "I[Y;Z]" not in found[name]
    assert not any("I[X;Y|Z]" in of for of in found.values())


def test_numbers_in_a_file_are_learned(ib_train: Callable) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 3))
    np.savez("own.npz", x=x, y=1e5 + 1e3 * (x[:, 0] - 2 * x[:, 1]) + 100 * rng.normal(size=600))
    words = [word for word in SMALL if not word.startswith("dataset")]
    ended = ib_train("dataset=npz", "dataset.path=own.npz", "classifier=gaussian", *words, "epochs=30")
    assert ended.code == 0, ended.err
    result = only_result()
    assert result["test"]["r2"] > 0.9 and "H[Y]" not in result["test"]
    assert result["estimates"]["kraskov"]["I[Y;Z]"]["value"] > 0.5
    assert "H[Y|Z]" not in result["estimates"]["kraskov"]


@pytest.mark.parametrize(
    ("words", "right"),
    family(
        [
            (["classifier=linear"], "use classifier=gaussian"),
            (["objective=ceb"], "without R_Y"),
            (["dataset.covariance=[[1,0],[0,1]]"], "8 rows of 8"),
            (["procedure.patience=1", "procedure.watch=accuracy", "dataset.validation_size=50"], "there are C"),
        ],
        every=2,
    ),
)
def test_what_does_not_fit_is_one_line(ib_train: Callable, words: list[str], right: str) -> None:
    ended = ib_train(*SMALL, *words)
    assert ended.code == 2 and right in ended.err and len(ended.err.strip().splitlines()) == 1
    assert not Path("outputs").exists()


def test_labels_and_a_regression_do_not_fit(ib_train: Callable) -> None:
    ended = ib_train("classifier=gaussian")
    assert ended.code == 2 and "use linear or mlp" in ended.err


def test_early_stopping_takes_a_larger_r2_for_better(ib_train: Callable) -> None:
    words = ("dataset.validation_size=200", "procedure.patience=2", "procedure.watch=r2", "epochs=3")
    assert ib_train(*SMALL, *words).code == 0
    assert only_result()["epochs"] == 3  # r2 rises from epoch to epoch


@pytest.fixture
def gaussian(tmp_path: Path, config: Callable[..., dict[str, Any]]) -> Callable[..., Experiment]:
    def make(folder: str) -> Experiment:
        records = Records(tmp_path / folder)
        made = build(validate(config(*SMALL, "epochs=3")), records)
        records.open("")
        return made

    return make


def test_an_interrupted_run_meets_the_samples_of_an_undisturbed_one(gaussian: Callable[..., Experiment]) -> None:
    whole = Fit(patience=None, watch="J").run(gaussian("whole"), None)
    asked = iter([None] * 12 + [signal.SIGTERM] * 100)  # 8 steps an epoch: within the second one
    part = replace(gaussian("part"), stop=lambda: next(asked))
    with pytest.raises(Interrupted):
        Fit(patience=None, watch="J").run(part, None)
    rest = gaussian("again/part")
    for name in ("checkpoint.pt", "metrics.jsonl"):
        (rest.records.folder / name).write_bytes((part.records.folder / name).read_bytes())
    again = Fit(patience=None, watch="J").run(rest, rest.records.load_checkpoint(rest.device))
    assert again.measures == whole.measures


@pytest.mark.slow
def test_runs_trained_together_see_the_samples_of_their_own_seeds(ib_train: Callable) -> None:
    study = ("-m", *SMALL, "gamma=1e-2,1", "seed=0,1", "estimators=none")
    assert ib_train(*study, "name=alone").code == 0
    ended = ib_train(*study, "name=together", "hydra/launcher=vectorized")
    assert ended.code == 0 and "one by one" not in ended.err
    files = sorted(Path("outputs/alone").glob("*/result.json"))
    assert len(files) == 4
    for file in files:
        alone = json.loads(file.read_text())["test"]
        assert json.loads((Path("outputs/together") / file.parent.name / file.name).read_text())["test"] == (
            pytest.approx(alone, rel=1e-4, abs=1e-4)
        )


def correlated(N: int, correlation: float) -> tuple[Tensor, ...]:
    """z = mean + noise of variance ½ with Var[z] = 1, and y = ρ z + …, in one dimension."""
    generator = torch.Generator().manual_seed(7)
    mean, noise, own = (torch.randn(N, 1, generator=generator, dtype=torch.float64) for _ in range(3))
    z = (mean + noise) / 2**0.5
    return z, correlation * z + (1 - correlation**2) ** 0.5 * own, mean / 2**0.5, torch.tensor([0.5**0.5])


@pytest.mark.parametrize("estimator", ["kraskov", "gaussian", "copula"])
def test_the_plane_of_a_continuous_y(estimator: str) -> None:
    z, y, mean, scale = correlated(4000, 0.8)
    H = 1.4189385332
    lines = information_plane(z, y, mean=mean, scale=scale, estimators=[estimator], y_entropy=H, sweep=False)
    found = {line.quantity: line.value for line in lines}
    truth = {"H[Z]": H, "H[Z|X]": H - 0.34657, "I[X;Z]": 0.34657, "I[Y;Z]": 0.51083, "H[Y|Z]": H - 0.51083, "H[Y]": H}
    for quantity, value in truth.items():
        assert found[quantity] == pytest.approx(value, abs=0.05), quantity
    assert found["H[Z|Y]"] == pytest.approx(found["H[Z]"] - found["I[Y;Z]"])
    assert "I[X;Y|Z]" not in found


def test_the_plane_without_the_entropy_of_y_has_no_equivocation() -> None:
    z, y, mean, scale = correlated(300, 0.8)
    found = {line.quantity for line in information_plane(z, y, mean=mean, scale=scale, estimators=["gaussian"])}
    assert {"I[Y;Z]", "H[Z|Y]"} <= found and not {"H[Y]", "H[Y|Z]"} & found
    with pytest.raises(ValueError, match="as many samples"):
        information_plane(z, y[:-1], mean=mean, scale=scale, estimators=["gaussian"])
    with pytest.raises(ValueError, match="labels must be integers"):  # numbers come as (N, d)
        information_plane(z, y[:, 0], mean=mean, scale=scale)


def informations(params: dict[str, Tensor], covariance: Tensor, n: int) -> tuple[float, float]:
    """I(X;Z) and I(Y;Z) of z = A x + b + N(0, N) in closed form, N the mean of the noise's variance over x."""
    weight, bias = (params[f"bottleneck.parameters_of_z.{name}"].detach().double() for name in ("weight", "bias"))
    A, noise = weight.chunk(2, dim=1)
    x = (
        torch.randn(20_000, n, generator=torch.Generator().manual_seed(0)).double()
        @ torch.linalg.cholesky(covariance[:n, :n]).T
    )
    N = torch.nn.functional.softplus(x @ noise + bias.chunk(2)[1]).square().mean(0).diag()
    of_x, of_xy, of_y = covariance[:n, :n], covariance[:n, n:], covariance[n:, n:]
    given_y = of_x - of_xy @ torch.linalg.solve(of_y, of_xy.T)
    of_z, of_z_given_y = (torch.logdet(A.T @ part @ A + N) for part in (of_x, given_y))
    return float(of_z - torch.logdet(N)) / 2, float(of_z - of_z_given_y) / 2


@pytest.mark.slow
def test_a_linear_vib_reaches_the_gaussian_information_bottleneck(ib_train: Callable) -> None:
    """Within 0.02 nats of I(Y;Z): sweeps/gaussian_ib.yaml with fewer γ and a sixth of the steps."""
    short = ("gamma=1.05,2,10", "epochs=5", "optimizer.lr=3e-2", "dataset.test_size=2000", "figures=false")
    ended = ib_train("sweep=gaussian_ib", *short)
    assert ended.code == 0, ended.err
    law = torch.eye(8).double()
    for i, correlation in enumerate((0.95, 0.8, 0.5)):
        law[i, 5 + i] = law[5 + i, i] = correlation
    exact = GaussianIB(law.numpy(), 5)
    files = sorted(Path("outputs/gaussian_ib").glob("*/result.json"))
    assert len(files) == 3
    for file in files:
        result = json.loads(file.read_text())
        optimum = exact(result["multipliers"]["gamma"])
        params = torch.load(file.with_name("checkpoint.pt"), weights_only=True)["params"]
        rate, preserved = informations(params, law, 5)
        assert preserved == pytest.approx(float(optimum.y_information), abs=0.02)
        assert rate <= result["train"]["R"] + 0.01  # up to the split's spread
        curve = exact(np.geomspace(1, 100, 2000))
        assert preserved <= np.interp(rate, curve.R, curve.y_information) + 1e-3  # nothing lies above the curve
