"""Public names of the classes that a config's groups choose, as in `bottleneck=gaussian`.

Records, reports and run ids hold public names. A module may move: its path is written in one YAML only.
"""

from __future__ import annotations

import re
from functools import cache

from ib_cli.config.catalogue import directory

_TARGET = re.compile(r"^( *)_target_: (\S+)", re.MULTILINE)
_BASE = re.compile(r"^ *- (?!_self_)(\w+)$", re.MULTILINE)  # of a file's defaults

# Group → public name → the text that a run's id hashes for it: the path of the class when ids were first made.
# Frozen, as another text would give another id and orphan finished runs. New classes need no entry.
FIRST_PATHS = {
    "architecture": {
        "all_cnn": "ib_cli.architectures.all_cnn.AllCnn",
        "cnn": "ib_cli.architectures.cnn.Cnn",
        "mlp": "ib_cli.architectures.mlp.Mlp",
        "resnet18": "ib_cli.architectures.resnet18.Resnet18",
        "therml_toy": "ib_cli.architectures.position.Position",
    },
    "backward_encoder": {
        "gaussian": "ib_cli.marginals.ClassConditionalGaussian",
    },
    "bottleneck": {
        "categorical": "ib_cli.bottlenecks.categorical.Categorical",
        "deterministic": "ib_cli.bottlenecks.deterministic.Deterministic",
        "dropout": "ib_cli.bottlenecks.dropout.Dropout",
        "gaussian": "ib_cli.bottlenecks.gaussian.Gaussian",
        "therml_toy": "ib_cli.bottlenecks.quadratic.QuadraticEncoder",
        "zero_entropy_noise": "ib_cli.bottlenecks.zero_entropy_noise.ZeroEntropyNoise",
    },
    "classifier": {
        "gaussian": "ib_cli.heads.Regression",
        "mlp": "ib_cli.heads.Classifier",
        "optimal": "ib_cli.heads.OptimalDecoder",
        "therml_toy": "ib_cli.decoders.quadratic.QuadraticClassifier",
    },
    "dataset": {
        "cifar10": "ib_cli.datasets.cifar10.Cifar10",
        "digits": "ib_cli.datasets.digits.Digits",
        "fashion_mnist": "ib_cli.datasets.fashion_mnist.FashionMnist",
        "gaussian": "ib_cli.datasets.gaussian.Gaussian",
        "mnist": "ib_cli.datasets.mnist.Mnist",
        "npz": "ib_cli.datasets.npz.Npz",
        "permuted_mnist": "ib_cli.datasets.permuted_mnist.PermutedMnist",
        "table": "ib_cli.datasets.table.Table",
        "therml_toy": "ib_cli.datasets.therml_toy.ThermlToy",
    },
    "decoder": {
        "deconv": "ib_cli.decoders.deconv.Deconv",
        "mlp": "ib_cli.decoders.mlp.Mlp",
        "therml_toy": "ib_cli.decoders.quadratic.QuadraticDecoder",
    },
    "estimators": {
        "information_plane": "ib_cli.estimates.Estimates",
    },
    "marginal": {
        "categorical": "ib_cli.marginals.Categorical",
        "learned_diagonal": "ib_cli.marginals.LearnedDiagonal",
        "mixture_of_gaussians": "ib_cli.marginals.MixtureOfGaussians",
        "standard_normal": "ib_cli.marginals.StandardNormal",
        "vampprior": "ib_cli.marginals.VampPrior",
    },
    "optimizer": {
        "adam": "ib_cli.engine.optimizers.adam",
        "adamw": "ib_cli.engine.optimizers.adamw",
        "sgd": "ib_cli.engine.optimizers.sgd",
    },
    "procedure": {
        "exact_frontier": "ib_cli.procedures.exact_frontier.exact_frontier",
        "fit": "ib_cli.procedures.fit.fit",
        "hand_crafted": "ib_cli.procedures.hand_crafted.hand_crafted",
        "langevin": "ib_cli.procedures.langevin.langevin",
        "noise_scaling": "ib_cli.procedures.noise_scaling.noise_scaling",
        "second_law": "ib_cli.procedures.second_law.second_law",
        "zeroth_law": "ib_cli.procedures.zeroth_law.zeroth_law",
    },
    "schedule": {
        "constant": "ib_cli.engine.schedules.Constant",
        "cosine": "ib_cli.engine.schedules.Cosine",
        "exponential": "ib_cli.engine.schedules.Exponential",
        "plateau": "ib_cli.engine.schedules.Plateau",
        "step": "ib_cli.engine.schedules.Step",
    },
    "tracker": {
        "none": "ib_cli.observer.Observer",
        "tensorboard": "ib_cli.trackers.tensorboard.Tensorboard",
        "wandb": "ib_cli.trackers.wandb.Wandb",
    },
    "weights": {
        "gaussian": "ib_cli.weights.gaussian.GaussianWeights",
        "lognormal": "ib_cli.weights.lognormal.LognormalWeights",
        "point": "ib_cli.weights.point.point",
    },
    "window": {
        "running": "ib_cli.running_window.RunningWindow",
    },
}


@cache
def paths(group: str) -> dict[str, str]:
    """Public name → today's path of its class, for the options of a group in conf/.

    If two options configure one class, the file with `_target_` at its top level gives the name.
    """
    found: dict[str, tuple[int, str]] = {}
    for file in sorted((directory("conf") / group).glob("*.yaml")):
        if match := _TARGET.search(file.read_text(encoding="utf-8")):
            indent, path = len(match[1]), match[2]
            if path not in found or indent < found[path][0]:
                found[path] = (indent, file.stem)
    return {name: path for path, (_, name) in found.items()}


@cache
def of_option(group: str, option: str) -> str:
    """The public name of the class that an option of a group configures, itself or by the option that it builds on."""
    text = (directory("conf") / group / f"{option}.yaml").read_text(encoding="utf-8")
    if match := _TARGET.search(text):
        return public_name(group, match[2])
    base = _BASE.search(text)
    return of_option(group, base[1]) if base else option


@cache
def _names(group: str) -> dict[str, str]:
    """Path → public name, for today's paths and the first paths."""
    return {path: name for name, path in (*FIRST_PATHS.get(group, {}).items(), *paths(group).items())}


def public_name(group: str, target: str) -> str:
    """The public name of a `_target_`; for a user's own class its path, unchanged."""
    return _names(group).get(target, target)


def path_of(group: str, target: str) -> str:
    """The importable path of a `_target_`: a public name, a path, or a path of an earlier version."""
    name = public_name(group, target)
    return paths(group).get(name, name)


def short_name(group: str, target: str) -> str:
    """A name to show: the public name, or the name of the class."""
    return public_name(group, target).rpartition(".")[2]


def hashed_name(group: str, target: str) -> str:
    """The text that a run's id hashes for a `_target_`; it depends on the public name, or a user's own path, alone."""
    name = public_name(group, target)
    if name in FIRST_PATHS.get(group, {}):
        return FIRST_PATHS[group][name]
    return f"{group}={name}" if name in paths(group) else name
