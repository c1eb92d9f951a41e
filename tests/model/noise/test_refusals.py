"""What does not go with layers of noise is one line that names the key, and exit code 2."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import ib_cli
from ib_cli.contracts.errors import ConfigError
from tests.conftest import SMALL
from tests.families import family

ID, VAE = ("objective=information_dropout",), ("objective=information_dropout_vae",)
INFORMATION, BINARY, GAUSSIAN = (("objective=ce", f"noise={kind}") for kind in ("information", "binary", "gaussian"))
SOFTPLUS, RELU = {"architecture.activation": "softplus"}, {"architecture.activation": "relu"}
# What is composed, the keys that are then changed, and what the line begins with.
CASES = [
    (ID, {"noise.alpha_max": 0}, "noise.alpha_max=0: must be greater than 0"),
    (ID, {"noise.alpha_max": -1}, "noise.alpha_max=-1: must be greater than 0"),
    (ID, {"noise.alpha_max": 10.5}, "noise.alpha_max=10.5: must be less than or equal to 10"),
    (ID, {"noise.alpha_max": 1e30}, "noise.alpha_max=1e+30: must be less than or equal to 10"),
    (BINARY, {"noise.keep": 0}, "noise.keep=0: must be greater than or equal to 0.001"),
    (BINARY, {"noise.keep": 1e-45}, "noise.keep=1e-45: must be greater than or equal to 0.001"),
    (BINARY, {"noise.keep": 1.5}, "noise.keep=1.5: must be less than or equal to 1"),
    (GAUSSIAN, {"noise.variance": 0}, "noise.variance=0: must be greater than 0"),
    (GAUSSIAN, {"noise.variance": 1e39}, "noise.variance=1e+39: must be less than or equal to 1000000000000"),
    (ID, {"noise.zero_mass": 1}, "noise.zero_mass=1: must be less than 1"),
    (ID, {"noise.zero_mass": 1e-50}, "noise.zero_mass=1e-50: must be greater than or equal to 0.000001"),
    (ID, {"noise.prior": "log_normal"}, "noise.prior=log_normal: is for softplus activations, and this"),
    (ID, {"noise.prior": "log_uniform"} | SOFTPLUS, "noise.prior=log_uniform: is for relu activations, and this"),
    (ID, {"architecture.activation": "tanh"}, "noise=information: has a prior for relu and for softplus activations,"),
    (VAE, RELU, "noise.prior=auto: a ReLU's log-uniform prior is no density, so D + KL bounds nothing"),
    (VAE, RELU | {"noise.prior": "log_uniform"}, "noise.prior=log_uniform: a ReLU's log-uniform prior is no density"),
    (VAE, {"noise.prior": "log_uniform"}, "noise.prior=log_uniform: is for relu activations"),
    (INFORMATION, {"architecture.dropout": 0.2}, "noise=information: architecture.dropout=0.2 would be a second noise"),
    (("objective=vib", "noise=gaussian"), {}, "noise=gaussian: this objective has R, but a z drawn by noise"),
    (BINARY, {"architecture.widths": []}, "noise=binary: architecture=mlp has no place for noise"),
    (("objective=decoder_ce", "noise=binary"), {}, "noise=binary: a discrete z is not drawn"),
    ((*ID, "noise=binary"), {}, "noise=binary: this objective has KL_N, a divergence from a prior, which this noise"),
    ((*ID, "noise=none"), {}, "noise=none: this objective has KL_N, a divergence from a prior"),
    (ID, {"noise.layers": [1, 2]}, "noise.layers=[1, 2]: this architecture has noise after 1 of its layers"),
    (ID, {"noise.layers": [1, 1]}, "noise.layers=[1, 1]: this architecture has noise after 1 of its layers"),
    (ID, {"noise.layers": []}, "noise.layers=[]: must be"),
    (
        ID,
        {"noise.layers": [0]},
        "noise.layers=[0]: layers count from 1, and this architecture has noise after 1 of its",
    ),
    (ID, {"noise.layers": [0.5]}, "noise.layers=[0.5]: this architecture has noise after 1 of its layers: name some"),
    (ID, {"noise.layers": ["a", 1]}, "noise.layers=['a', 1]: this architecture has noise after 1 of its layers: name"),
    (ID, {"noise.layers": [True]}, "noise.layers=[True]: this architecture has noise after 1 of its layers: name some"),
    (BINARY, {"noise.layers": [0, 1]}, "noise.layers=[0, 1]: layers count from 1, and this"),
    (GAUSSIAN, {"noise.layers": [-1]}, "noise.layers=[-1]: layers count from 1, and this"),
    (ID, {"noise.layers": "first"}, "noise.layers=first: must be"),
    (ID, {"noise.layer_weights": [1, 2]}, "noise.layer_weights=[1, 2]: this network has 1 layers of noise"),
    (ID, {"noise.layer_weights": [-1]}, "noise.layer_weights.0=-1: must be greater than or equal to 0"),
    (ID, {"noise.layer_weights": [1e39]}, "noise.layer_weights.0=1e+39: must be less than or equal to 1000000"),
    ((), {"architecture.dropout": 0.99999999}, "architecture.dropout=0.99999999: must be less than or equal to 0.999"),
    (("bottleneck=dropout", "objective=ce"), {"bottleneck.dropout": 0.99999999}, "bottleneck.dropout=0.99999999: must"),
    (INFORMATION, {"architecture.monte_carlo": True}, "architecture.monte_carlo=true: nothing is dropped"),
]


@cache
def composed(words: tuple[str, ...]) -> dict[str, Any]:
    return ib_cli.compose([*SMALL, *words])


@pytest.mark.parametrize(
    "words, changes, told",
    family(CASES, every=2),
    ids=[f"{told.partition(': ')[0]} {i}" for i, (*_, told) in enumerate(CASES)],
)
def test_it_is_told_in_one_line(words: tuple[str, ...], changes: dict[str, Any], told: str) -> None:
    config = deepcopy(composed(words))
    for key, value in changes.items():
        group, name = key.split(".")
        config[group][name] = value
    with pytest.raises(ConfigError) as error:
        ib_cli.build(config)
    assert str(error.value).startswith(told) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "words, told",
    [
        ((*ID, "noise.alpha_max=0"), "noise.alpha_max=0: must be greater than 0"),
        ((*ID, "noise.prior=log_normal"), "noise.prior=log_normal: is for softplus activations"),
        (("noise=loud",), "noise=loud: no such noise; there are binary, gaussian, information, none"),
    ],
)
def test_the_command_ends_with_2(ib_train: Callable, words: tuple[str, ...], told: str) -> None:
    ended = ib_train(*SMALL, *words)
    assert ended.code == 2 and len(ended.err.strip().splitlines()) == 1, ended.err
    assert told in ended.err
    assert not Path("outputs").exists()


def test_beta_0_needs_no_noise(ib_train: Callable) -> None:
    assert ib_train(*SMALL, *ID, "noise=binary", "beta=0", "epochs=1").code == 0


def test_a_kl_without_weight_is_told(ib_train: Callable) -> None:
    ended = ib_train(*SMALL, *INFORMATION, "epochs=1")
    assert ended.code == 0 and "KL has no weight in J" in ended.err
