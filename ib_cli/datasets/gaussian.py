"""Jointly Gaussian x and y, with every entropy and information known in closed form."""

# Annotations are evaluated here, as in `dataset.py`: the signature is the schema of a config.

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt, Interval
from torch import Generator, Tensor

from ib_cli.config.settings import Seed
from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.passes import Spec
from ib_cli.datasets.data import Data, Split
from ib_cli.datasets.joint_gaussian import JointGaussian
from ib_cli.datasets.normalisation import fit

SYMMETRIC = 1e-10  # largest difference of two mirrored entries, relative to the largest entry
SMALLEST, LARGEST = 1e-30, 1e30  # standard deviations of x and y, whose samples are float32


@dataclass(frozen=True, kw_only=True)
class Gaussian:
    """(x, y) ~ N(0, Σ) with a continuous y (B, y_dimensions); its Σ and h(Y) are in `Data.source`.

    Every training batch is a fresh draw, so that nothing can be overfitted; an epoch has `samples` samples. The splits
    are fixed draws; `train` is the split evaluated under that name at the end of a run.

    Without a covariance, x and y each have unit covariance, and `correlations` are between x_1 and y_1, x_2 and y_2, …:
    the canonical correlations. Linear maps of x and of y bring any Σ to this form, and no information depends on them.
    """

    x_dimensions: Annotated[int, Gt(0)]
    y_dimensions: Annotated[int, Gt(0)]
    covariance: list[list[float]] | None  # of x and y together, x first; None: made from the correlations
    correlations: list[Annotated[float, Interval(gt=-1, lt=1)]]  # used without a covariance; the rest are 0
    samples: Annotated[int, Gt(0)]  # N, in an epoch
    test_size: Annotated[int, Gt(0)]
    validation_size: Annotated[int, Ge(0)]
    likelihood: Literal["gaussian", "laplace"]  # suits x; decoders refer to it
    seed: Seed  # of the splits; training batches follow the run's seed

    def fingerprint(self) -> str:
        """Empty: the options determine the data."""
        return ""

    def load(self, device: torch.device | str) -> Data:
        """The law and a fixed draw for each split, on the device.

        Raises ConfigError for a covariance that is not symmetric and positive definite or not of these dimensions, and
        for more correlations than the smaller of x and y has dimensions.
        """
        source = JointGaussian(self._covariance(), self.x_dimensions)
        generator = Generator().manual_seed(self.seed)
        sizes = {"test": self.test_size, "train": self.samples, "validation": self.validation_size}
        drawn = {name: _split(source, size, generator).to(device) for name, size in sizes.items() if size}
        spec = Spec((self.x_dimensions,), None, self.samples, None, None, target_shape=(self.y_dimensions,))
        order: tuple[str, ...] = ("train", "test", "validation")
        splits = {name: drawn[name] for name in order if name in drawn}
        return Data(spec, splits, fit("none", splits["train"].x, None).to(device), None, source=source.to(device))

    def _covariance(self) -> Tensor:
        """Σ in float64."""
        n, m = self.x_dimensions, self.y_dimensions
        if self.covariance is None:
            return _canonical(n, m, self.correlations)
        size = n + m
        if [len(row) for row in self.covariance] != [size] * size:
            raise ConfigError(
                f"dataset.covariance: must be {size} rows of {size} numbers, for the {n} dimensions of x and {m} of y"
            )
        covariance = torch.tensor(self.covariance, dtype=torch.float64)
        if (covariance - covariance.T).abs().max() > SYMMETRIC * covariance.abs().max():
            raise ConfigError("dataset.covariance: must be symmetric")
        if torch.linalg.cholesky_ex(covariance).info:
            raise ConfigError("dataset.covariance: must be positive definite")
        least, greatest = covariance.diagonal().min().sqrt(), covariance.diagonal().max().sqrt()
        if not SMALLEST < least <= greatest < LARGEST:
            raise ConfigError(
                f"dataset.covariance: its standard deviations must lie between {SMALLEST:g} and {LARGEST:g}, which "
                "float32 can hold"
            )
        return covariance


def _split(source: JointGaussian, size: int, generator: Generator) -> Split:
    x, y, _ = source.draw(torch.arange(size), generator)
    return Split(x, y)


def _canonical(n: int, m: int, correlations: list[float]) -> Tensor:
    """Σ with unit variances, and correlations between x_i and y_i alone."""
    if len(correlations) > min(n, m):
        raise ConfigError(
            f"dataset.correlations: must be {min(n, m)} at most, as many as the smaller of x and y has dimensions, "
            f"not {len(correlations)}"
        )
    covariance = torch.eye(n + m, dtype=torch.float64)
    for i, correlation in enumerate(correlations):
        covariance[i, n + i] = covariance[n + i, i] = correlation
    return covariance
