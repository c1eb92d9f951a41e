"""What a reader of the papers calls the choices of a config: the names of curves in figures and on the page."""

from __future__ import annotations

import math
from typing import Any

from ib_cli.config.public_names import short_name


def is_missing(value: Any) -> bool:
    """Whether a cell of a table is empty: None, NaN, or pandas' NA, which is neither equal to itself nor unequal."""
    return value is None or str(value) == "<NA>" or (isinstance(value, float) and math.isnan(value))


# Group → public name → words. A choice without words keeps its name.
CHOICES = {
    "bottleneck": {
        "deterministic": "no noise",
        "zero_entropy_noise": "zero-entropy noise",
        "gaussian": "Gaussian noise",
        "dropout": "dropout",
        "categorical": "discrete Z",
        "codebook": "codewords",
    },
    "noise": {
        "none": "no noise",
        "binary": "binary dropout",
        "gaussian": "Gaussian dropout",
        "information": "information dropout",
    },
    "architecture": {
        "all_cnn": "All-CNN",
        "cnn": "CNN",
        "mlp": "perceptron",
        "resnet18": "ResNet18",
        "therml_toy": "toy model",
    },
    "dataset": {
        "cifar10": "CIFAR-10",
        "cluttered_mnist": "cluttered MNIST",
        "fashion_mnist": "Fashion-MNIST",
        "mnist": "MNIST",
        "occluded": "occluded images",
        "permuted_mnist": "permuted MNIST",
        "therml_toy": "toy data",
    },
    "procedure": {"exact_frontier": "exact optima", "hand_crafted": "hand-crafted"},
}
OBJECTIVES = {
    "ce": "cross-entropy",
    "decoder_ce": "decoder cross-entropy",
    "prediction_ce": "prediction cross-entropy",
    "decoder_uncertainty": "decoder uncertainty",
    "surrogate_l2": "E‖Z‖²",
    "surrogate_logvar": "log Var[Z]",
    "surrogate_logvar_given_y": "log Var[Z|Y]",
    "surrogate_logvar_pooled": "log Var[Z|Y], pooled",
    "surrogate_logvar_window": "log Var[Z|Y], window",
    "surrogate_logdet": "log det Cov[Z]",
    "surrogate_logdet_given_y": "log det Cov[Z|Y]",
    "ib": "IB",
    "dib": "DIB",
    "vib": "VIB",
    "ceb": "CEB",
    "vae": "VAE",
    "beta_vae": "β-VAE",
    "therml": "TherML",
    "therml_volume": "TherML without a decoder",
    "information_dropout": "information dropout",
    "information_dropout_vae": "information dropout VAE",
    "shannon_ae": "codewords",
    "autoencoder": "autoencoder",
    "bib_ae": "BIB-AE",
    "aae": "AAE",
    "gan": "GAN",
    "vae_gan": "VAE/GAN",
    "info_vae": "InfoVAE",
    "weight_ib": "C + β S/N",
    "bayes_by_backprop": "C + S/N",
}
KEYS = {  # of numbers
    "bottleneck.size": "K = {}",
    "architecture.width": "width {}",
    "architecture.dropout": "dropout {}",
    "batch_size": "batches of {}",
    "dataset.train_size": "{} samples",
    "epochs": "{} epochs",
    "optimizer.lr": "learning rate {}",
    "procedure.start": "from {} nats",
    "procedure.end": "to {} nats",
    "samples": "{} draws of z",
}


def choice(group: str, target: str) -> str:
    """What a group's class, or its public name, is called; '' without words."""
    return CHOICES.get(group, {}).get(short_name(group, target), "")


def words(key: str, value: Any) -> str:
    """A config key and its value as words: `zero-entropy noise`, `K = 10`; else as `key=value`."""
    if key == "objective.name":
        return OBJECTIVES.get(str(value), str(value))
    if key.endswith("._target_") and isinstance(value, str):
        group = key.removesuffix("._target_")
        return choice(group, value) or f"{group} {short_name(group, value)}"
    number = isinstance(value, int | float) and not isinstance(value, bool)
    text = f"{value:g}" if isinstance(value, float) else str(value)
    if number and key in KEYS:
        return KEYS[key].format(text.replace("-", "−", 1) if text.startswith("-") else text)
    return f"{key}={text}"
