"""Every network with every kind of noise: it trains, and its places are where its file says."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ib_cli.config.catalogue import choices
from ib_cli.contracts.noise import Planner, Tape
from ib_cli.engine.backward import Backward
from ib_cli.engine.loss import make_loss
from ib_cli.engine.train import Epoch, Reporter
from ib_cli.experiment.experiment import Experiment
from ib_cli.experiment.noise_off import NoiseOff
from ib_cli.model.architectures.all_cnn import AllCnn
from ib_cli.model.noise.binary import Binary
from ib_cli.model.noise.information import Information
from ib_cli.procedures.fit.train_copies import starting_state

KINDS = [kind for kind in choices("noise") if kind != "none"]
OWN = ["dataset=npz", "dataset.path=images.npz", "dataset.train_size=null", "dataset.test_size=null"]
# The shapes of f(x) at each place for images of 8×8 pixels.
NETWORKS = {
    "mlp": (["architecture.widths=[6,4]"], [(6,), (4,)]),
    "cnn": (
        ["architecture.dropout_conv=0", "architecture.dropout_dense=0", "architecture.channels=[3,5]",
         "architecture.hidden=9"],
        [(5, 2, 2), (9,)],
    ),
    "all_cnn": (["architecture.width=0.1"], [(10, 4, 4), (19, 2, 2)]),
    "resnet18": ([], [(64, 8, 8), (128, 4, 4), (256, 2, 2), (512, 1, 1)]),
}  # fmt: skip


@pytest.fixture(autouse=True)
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.savez("images.npz", x=rng.integers(0, 256, (12, 1, 8, 8), dtype=np.uint8), y=np.arange(12) % 3)


# A large network takes seconds, and the kinds differ little in what they do to it.
CASES = [
    pytest.param(network, kind, marks=pytest.mark.slow if network == "resnet18" and kind != "information" else ())
    for network in NETWORKS
    for kind in KINDS
]


@pytest.mark.parametrize("network, kind", CASES)
def test_it_trains_a_step(experiment: Callable[..., Experiment], network: str, kind: str) -> None:
    words, shapes = NETWORKS[network]
    objective = "information_dropout" if kind == "information" else "ce"
    made = experiment(f"objective={objective}", f"noise={kind}", f"architecture={network}", *words, *OWN,
                      "optimizer=sgd", "batch_size=12")  # fmt: skip
    tape = Planner("cpu")
    tape.keep = frozenset(f"noise_{number + 1}" for number in range(len(shapes)))
    p = made.model.eval()(made.data.batch("test", torch.arange(2)), tape, 1)
    assert [tuple(p.kept[name].activation.shape[1:]) for name in sorted(p.kept)] == shapes
    before = {name: value.detach().clone() for name, value in made.model.named_parameters()}
    averages, params, buffers = step(made)
    assert all(math.isfinite(value) for value in averages.values())
    assert ("KL_N" in averages) == (kind == "information")
    still = [name for name, value in params.items() if torch.equal(value, before[name])]
    assert not still, f"not trained: {still}"
    measures = NoiseOff(made).of(params, buffers, ["test"])["test"]
    assert all(math.isfinite(value) for value in measures.values()) and "error_noise_off" in measures
    assert ("error_noise_off_bn" in measures) == (network in ("all_cnn", "resnet18"))


def step(made: Experiment) -> tuple[dict[str, float], dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """One step of training: its averages, the parameters and the buffers after it."""
    state, loss = starting_state(made), make_loss(made.model, made.objective, 1, "fp32")
    backward = Backward(loss, False, made.device)
    epoch = Epoch(state, made.model, backward, made.data, made.settings, made.multipliers)
    epoch.run({}, lambda: None, Reporter(()))
    return epoch.averages(), state.params, state.buffers


@pytest.mark.parametrize("variant, sizes", [(32, [16, 8]), (96, [48, 24, 12, 6])])
def test_the_all_cnn_has_the_papers_dropout_layers(variant: int, sizes: list[int]) -> None:
    noise = Binary(layers="all", keep=0.5)
    model = AllCnn((1, 96, 96) if variant == 96 else (3, 32, 32), noise, variant=variant, width=0.1, activation="relu",
                   dropout=0.0, input_dropout=0.0, monte_carlo=False)  # fmt: skip
    names = [f"noise_{number + 1}" for number in range(len(sizes))]
    tape = Planner("cpu")
    tape.keep = frozenset(names)
    model.eval()(torch.rand(1, *((1, 96, 96) if variant == 96 else (3, 32, 32))), tape)
    assert [tape.kept[name].activation.shape[-1] for name in names] == sizes


def test_alpha_is_a_convolution_of_the_input_of_the_strided_block() -> None:
    noise = Information(layers="all", layer_weights=None, alpha_max=0.7, prior="auto", zero="alpha", zero_mass=0.5,
                        unit_mean=False)  # fmt: skip
    model = AllCnn((3, 32, 32), noise, variant=32, width=1.0, activation="relu", dropout=0.0, input_dropout=0.0,
                   monte_carlo=False)  # fmt: skip
    maps = [module for name, module in model.named_modules() if name.endswith("alpha_map")]
    assert all(isinstance(module, nn.Conv2d) and module.bias is not None for module in maps)
    found = [(m.in_channels, m.out_channels, m.kernel_size[0], m.stride[0]) for m in maps]
    assert found == [(96, 96, 3, 2), (192, 192, 3, 2)]


def test_a_network_without_noise_is_the_one_of_earlier_versions(experiment: Callable[..., Experiment]) -> None:
    """The names of its parameters and its random numbers, so that checkpoints go on."""
    made = experiment("objective=ce", "architecture.widths=[6,4]", "architecture.batch_norm=true")
    names = [name for name, _ in made.model.architecture.named_parameters()]
    kinds = [["weight", "bias"]] * 4
    assert names == [f"layers.{i}.{kind}" for i, of in zip((0, 1, 3, 4), kinds) for kind in of]
    planner = Planner("cpu")
    made.model.eval()(made.data.batch("test", torch.arange(2)), planner, 1)
    assert planner.requests == []


def test_own_architectures_may_take_the_shape_alone(
    experiment: Callable[..., Experiment], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("own_net.py").write_text(
        "import torch\n"
        "class Net(torch.nn.Module):\n"
        "    features = 64\n"
        "    def __init__(self, input_shape):\n"
        "        super().__init__()\n"
        "    def forward(self, x, tape):\n"
        "        return x.flatten(1)\n"
    )
    monkeypatch.syspath_prepend(".")
    words = ("objective=ce", "~architecture", "+architecture._target_=own_net.Net", "bottleneck.size=4",
             "bottleneck.initialisation=torch", "trust=[own_net]")  # fmt: skip
    made = experiment("architecture=mlp", *words)
    assert made.model.architecture(torch.rand(2, 1, 8, 8), Tape(())).shape == (2, 64)
    with pytest.raises(ValueError, match="noise=binary: architecture=Net has no place for noise"):
        experiment("architecture=mlp", *words, "noise=binary", folder="other")
