"""Contrast normalisation of each image, then ZCA whitening: what stands between pixels and a model with zca."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ib_cli.contracts.errors import ConfigError
from ib_cli.system.kept_arrays import kept_arrays

ADDED = 1e-5  # to each eigenvalue of the covariance
FLAT = 1e-8  # a smaller deviation of an image is not divided by
CHUNK = 2048  # images at a time
LARGEST = 4096  # values of an image: the fit takes time ∝ their cube, and the matrix memory ∝ their square
LONG = 1000  # values of an image from which the fit takes seconds, and is kept for other runs
UNLIKE = 1.5  # held-out images that deviate so many times as much as training images are told
ALIKE = 1e-3  # a smaller deviation of whitened training images is rounding: two that differ have √(1/2D) or more
RECIPE = 1  # raised whenever the same images give another matrix


class Whitening(NamedTuple):
    """x = W (c(s) − m) of a stored image s, where c(s) has mean 0 and deviation 1 over all its values.

    c(s) = (s − mean(s)) / deviation(s), with D − 1 in the variance as the authors of Information Dropout have it; an
    image of one value becomes 0. With mean m and covariance Σ = U diag(λ) Uᵀ of c(s) in training (N − 1),
    W = U diag(λ + 1e-5)^(−½) Uᵀ.
    """

    mean: Tensor  # m, (D,) float32
    matrix: Tensor  # W, (D, D) float32, symmetric

    def __call__(self, images: Tensor) -> Tensor:
        """(N, C, H, W), as read → the same shape in float32, on this whitening's device."""
        device = self.mean.device
        x = torch.empty(images.shape, dtype=torch.float32, device=device)
        for some, part in zip(x.split(CHUNK), images.split(CHUNK), strict=True):
            contrast = contrast_normalised(part.to(device)).sub_(self.mean).float()
            some.copy_((contrast @ self.matrix).view_as(some))
        return x

    def to(self, device: torch.device | str) -> Whitening:
        return Whitening(self.mean.to(device), self.matrix.to(device))


def contrast_normalised(images: Tensor) -> Tensor:
    """Images (N, C, H, W) of any type with mean 0 and deviation 1 over the D = C·H·W values of each: (N, D) float64."""
    x = images.flatten(1).double()
    x = x - x.mean(1, keepdim=True)
    deviation = (x.square().sum(1, keepdim=True) / max(x.shape[1] - 1, 1)).sqrt()
    return x / torch.where(deviation < FLAT, 1.0, deviation)


def fit_whitening(images: Tensor) -> tuple[Whitening, tuple[str, ...]]:
    """The whitening for training images (N, C, H, W), and what may not have been meant, a line each.

    A long fit is kept on the disk under the digest of the images, for the other runs on them. Raises ConfigError for
    vectors, for a single image and for images too large.
    """
    if images.dim() != 4:
        raise ConfigError("dataset.normalise=zca: is for images, and these are vectors; choose standard")
    N, D = len(images), images[0].numel()
    if D > LARGEST:
        raise ConfigError(f"dataset.normalise=zca: is for images of up to {LARGEST} values, not {D}; choose standard")
    if N < 2:
        raise ConfigError("dataset.normalise=zca: a covariance needs two training images or more, and there is one")
    found, doubts = (
        (_fitted(images), ()) if D < LONG else kept_arrays(f"zca-{_digest(images)}", lambda: _fitted(images))
    )
    return Whitening(torch.from_numpy(found["mean"]), torch.from_numpy(found["matrix"])), doubts


def unlike(whitened: Mapping[str, Tensor]) -> tuple[str, ...]:
    """A line for each held-out split whose whitened images (N, C, H, W) deviate more than those of `train`.

    They do where the covariance of few images is small in directions that others vary in. Where training images differ
    in nothing but brightness and contrast, a line says this instead.
    """
    deviations = {name: x.square().mean(dtype=torch.float64).sqrt().item() for name, x in whitened.items()}
    (N, D), least = whitened["train"].flatten(1).shape, deviations["train"]
    if least < ALIKE:
        return (f"dataset.normalise=zca: the {N:,} training images are all the same but for brightness and contrast",)
    return tuple(
        f"dataset.normalise=zca: images in {name} deviate {deviation / least:.2g} times as much as in training, whose "
        f"{N:,} images of {D:,} values are few to whiten with: more training images, or standard, have them alike"
        for name, deviation in deviations.items()
        if deviation > UNLIKE * least
    )


def without_contrast(parts: Mapping[str, Tensor]) -> tuple[str, ...]:
    """A line for each split, images (N, C, H, W) as read, some of which have one value in all their pixels."""
    found = []
    for name, images in parts.items():
        values = images.flatten(1)
        flat = int((values.amax(1).double() - values.amin(1).double() < FLAT).sum())
        if flat:
            found.append(
                f"dataset.normalise=zca: {flat:,} of {len(images):,} images in {name} have one value in all their "
                "pixels: without contrast they are the same to the model"
            )
    return tuple(found)


def _digest(images: Tensor) -> str:
    found = sha256(f"{RECIPE} {tuple(images.shape)} {images.dtype}".encode())
    found.update(images.contiguous().numpy().data)
    return found.hexdigest()[:32]


def _fitted(images: Tensor) -> dict[str, np.ndarray]:
    """`mean` and `matrix` as float32, found in float64."""
    from scipy.linalg import eigh
    from scipy.linalg.blas import dsyrk

    N, D = len(images), images[0].numel()
    total, squares = np.zeros(D), np.zeros((D, D), order="F")
    for part in images.split(CHUNK):
        contrast = contrast_normalised(part).numpy()
        total += contrast.sum(0)
        squares = dsyrk(1.0, contrast.T, beta=1.0, c=squares, overwrite_c=1)  # the upper triangle
    mean = total / N
    covariance = (squares - N * np.outer(mean, mean)) / (N - 1)
    values, vectors = eigh(covariance, lower=False, driver="evd", overwrite_a=True)
    matrix = (vectors / np.sqrt(values.clip(0) + ADDED)) @ vectors.T
    return {"mean": mean.astype(np.float32), "matrix": matrix.astype(np.float32)}
