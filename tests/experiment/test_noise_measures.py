"""Measures of noise layers at a run's end: KL of units and places, shares in boxes, histograms, total correlation."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ib_cli.contracts.errors import ConfigError
from ib_cli.estimators.scatter import wishart
from ib_cli.experiment.activations import histograms, total_correlation
from ib_cli.experiment.experiment import Experiment
from ib_cli.experiment.kl_places import box_share, places
from tests.conftest import SMALL

NOISE = ("objective=information_dropout", "architecture.widths=[20,8]", "bottleneck.size=null", "beta=0.1")
LAYERS = ("noise_measures=layers", "noise_measures.inputs=[0,3]")
SOFTPLUS = ("architecture.activation=softplus",)


def correlated(d: int, n: int, share: float = 0.3) -> tuple[Tensor, float]:
    """z (n, d), e to the power of Gaussians that share a factor, and their TC in nats."""
    random = torch.Generator().manual_seed(0)
    z = (torch.randn(n, d, generator=random) + share * torch.randn(n, 1, generator=random)).exp()
    return z, (d * math.log(1 + share**2) - math.log(1 + d * share**2)) / 2


@pytest.mark.parametrize(
    "d, n, excess",
    [(5, 2000, 0.0025), (300, 1000, 25.0), pytest.param(3072, 10_000, 265.0, marks=pytest.mark.slow)],
)
def test_total_correlation_of_a_known_covariance(d: int, n: int, excess: float) -> None:
    z, truth = correlated(d, n)
    of_layer, per_unit = total_correlation(z, "noise_2")
    assert of_layer.quantity == "TC[noise_2]" and not of_layer.saturated
    assert of_layer.value == pytest.approx(truth, abs=4 * of_layer.stderr)
    assert per_unit.value == pytest.approx(of_layer.value / d)
    # What the correction took away, (E Σ ln Σ̂_ii − E ln |Σ̂|)/2 of independent units.
    bias = (d * wishart(1, n - 1)[0] - wishart(d, n - 1)[0]) / 2
    assert bias == pytest.approx(excess, rel=0.15)
    if excess > 1:
        covariance = torch.cov(z.double().log().T)
        uncorrected = float(covariance.diagonal().log().sum() - torch.linalg.slogdet(covariance)[1]) / 2
        assert uncorrected - of_layer.value == pytest.approx(bias, abs=1e-3)


def test_constant_units_are_named_and_dependent_ones_have_no_value() -> None:
    z, truth = correlated(5, 2000)
    (found, _) = total_correlation(torch.cat([z, torch.full((2000, 1), 3.0)], 1), "noise_1")
    assert found.value == pytest.approx(truth, abs=4 * found.stderr) and "constant" in found.reason
    (found, per_unit) = total_correlation(torch.cat([z, z[:, :1].square()], 1), "noise_1")
    assert found.value is None and found.saturated and "TC[noise_1] = ∞" in found.reason
    assert per_unit.value is None


def test_zeros_and_too_few_samples_have_no_total_correlation() -> None:
    z, _ = correlated(5, 100)
    for wrong, told in ((z.where(z > 1, 0.0), "are 0"), (z[:6], "6 samples of 5 dimensions")):
        for found in total_correlation(wrong, "noise_1"):
            assert found.value is None and found.saturated and told in found.reason


def test_histograms_count_every_activation() -> None:
    z = torch.tensor([[0.0, 1.0, 2.0], [math.e, 0.0, 100.0]])
    found = histograms(z)
    assert (found["zeros"], found["total"], found["units"]) == (2, 6, 3)
    assert found["log_counts"].sum() == 4 and found["log_edges"][[0, -1]] == pytest.approx([0, math.log(100)])
    assert found["counts"].sum() == 3  # 100 lies beyond the quantile where this histogram ends
    nothing = histograms(torch.zeros(2, 3))
    assert nothing["zeros"] == 6 and nothing["log_counts"].sum() == 0


def test_the_share_in_a_box_counts_places_by_their_overlap() -> None:
    kl = torch.zeros(2, 3, 4, 4)
    kl[0, :, 1, 2] = 1.0  # pixels 4 to 8 down, 8 to 12 across, of 16 × 16
    kl[1, 0, 3, 3] = 5.0
    assert places(kl)[0, 1, 2] == 3
    boxes = torch.tensor([[2, 10, 4, 8], [0, 0, 3, 3]])  # half of the place's rows, half of its columns; elsewhere
    assert box_share(kl, boxes, (16, 16)).tolist() == pytest.approx([0.75, 8.0])
    even = torch.ones(1, 2, 5, 5)  # KL that is everywhere the same: the share is the box's of the image
    inside, whole = box_share(even, torch.tensor([[3, 1, 7, 9]]), (16, 16)).tolist()
    assert inside / whole == pytest.approx(7 * 9 / 256)


def made_run(ib_train: Callable, *words: str) -> tuple[dict, dict[str, np.ndarray]]:
    """The result of a run and the arrays that it measured."""
    ended = ib_train(*SMALL, *NOISE, *words)
    assert ended.code == 0, ended.err
    (folder,) = Path("outputs/runs").iterdir()
    with np.load(folder / "noise_layers.npz") as arrays:
        return json.loads((folder / "result.json").read_text()), dict(arrays)


def test_a_run_ends_with_measures_of_its_layers(ib_train: Callable) -> None:
    result, arrays = made_run(ib_train, *LAYERS, *SOFTPLUS)
    assert list(arrays["layers"]) == ["noise_1", "noise_2"]
    assert arrays["noise_1/kl"].shape == (20,) and arrays["noise_2/kl"].shape == (8,)
    # Without batch norm the noise of the first layer changes nothing of its KL: units add up to the layer.
    assert arrays["noise_1/kl"].sum() == pytest.approx(result["test"]["KL_noise_1"], rel=1e-4)
    assert arrays["inputs"].shape == (2, 1, 8, 8) and list(arrays["numbers"]) == [0, 3]
    assert str(arrays["activations/layer"]) == "noise_2" and arrays["activations/total"] == 100 * 8
    mean, deviation = arrays["activations/prior"]
    assert deviation > 0 and mean != 0  # they were learned
    of_layer = result["estimates"]["gaussian"]
    assert of_layer["TC[noise_2]"]["value"] == pytest.approx(8 * of_layer["TC_per_unit[noise_2]"]["value"])
    assert 0 < result["estimate_seconds"] < result["seconds"]


def test_images_have_maps_and_boxes(tmp_path: Path, ib_train: Callable) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "images.npz", x=rng.integers(0, 256, (60, 1, 16, 16), dtype=np.uint8), y=np.arange(60) % 3)
    ended = ib_train(
        "dataset=npz", "dataset.path=images.npz", "objective=information_dropout", "architecture=all_cnn",
        "architecture.width=0.1", "epochs=1", "batch_size=30", "estimators=none", "figures=false", "device=cpu",
        "noise_measures=layers", "dataset.train_size=null", "dataset.test_size=null",
        "noise_measures.activations=noise_1",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    (folder,) = Path("outputs/runs").iterdir()
    with np.load(folder / "noise_layers.npz") as arrays:
        assert arrays["noise_1/kl"].shape == (10, 8, 8) and arrays["noise_2/kl"].shape == (19, 4, 4)
        assert arrays["noise_1/maps"].shape == (1, 8, 8) and "boxes" not in arrays
        assert arrays["activations/zeros"] > 0  # of a ReLU
    estimates = json.loads((folder / "result.json").read_text())["estimates"]["gaussian"]
    assert "are 0" in estimates["TC[noise_1]"]["reason"]


@pytest.mark.slow
def test_runs_trained_together_measure_what_they_would_alone(ib_train: Callable) -> None:
    words = (*SMALL, *NOISE, *LAYERS, *SOFTPLUS)
    assert ib_train("-m", *words, "beta=0.1,0.5", "hydra/launcher=vectorized", "name=together").code == 0
    assert ib_train("-m", *words, "beta=0.1,0.5", "hydra/launcher=sequential", "name=alone").code == 0
    for folder in Path("outputs/together").glob("[0-9a-f]*"):
        with (
            np.load(folder / "noise_layers.npz") as found,
            np.load(Path("outputs/alone") / folder.name / "noise_layers.npz") as alone,
        ):
            assert found["noise_2/kl"] == pytest.approx(alone["noise_2/kl"], rel=1e-3)
            assert found["activations/prior"] == pytest.approx(alone["activations/prior"], rel=1e-3)


def test_a_changed_array_is_damage(ib_train: Callable) -> None:
    words = (*SMALL, *NOISE, *LAYERS)
    assert ib_train(*words).code == 0
    (file,) = Path("outputs/runs").glob("*/noise_layers.npz")
    content = bytearray(file.read_bytes())
    content[100] ^= 1
    file.write_bytes(content)
    ended = ib_train(*words)
    assert ended.code == 1 and "noise_layers.npz is damaged" in ended.err
    assert ib_train(*words, "rerun=true").code == 0


def test_without_layers_of_noise_there_is_nothing_to_measure(ib_train: Callable) -> None:
    assert ib_train(*SMALL, *LAYERS, "noise_measures.activations=noise_7").code == 0
    assert not list(Path("outputs").glob("*/*/noise_layers.npz"))


@pytest.mark.parametrize(
    "words, told",
    [
        ("noise_measures.split=validation", "noise_measures.split=validation: the data have train, test"),
        ("noise_measures.inputs=[100]", "the test split has samples 0 to 99, not 100"),
        ("noise_measures.activations=noise_3", "this network has noise_1, noise_2"),
    ],
)
def test_what_is_not_there_is_refused(experiment: Callable[..., Experiment], words: str, told: str) -> None:
    with pytest.raises(ConfigError, match="noise_measures") as refused:
        experiment(*NOISE, *LAYERS, words)
    assert told in str(refused.value)
