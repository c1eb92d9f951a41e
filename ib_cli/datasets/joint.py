"""A known joint distribution p(x, y) of discrete x and y as data: the table itself, or samples drawn from it."""

# Annotations are evaluated here, as in `dataset.py`: the signature is the schema of a config.

import zlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import torch
from annotated_types import Gt

from ib_cli.config.settings import Seed
from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.passes import Spec
from ib_cli.datasets.data import Data, Split
from ib_cli.datasets.normalisation import fit


@dataclass(frozen=True, kw_only=True)
class Joint(ABC):
    """The options of every table; a subclass adds its own and says what the `table` is.

    Each cell of the table is a sample: x one-hot, y its label, weighted by the cell's probability or by how often it
    was drawn. The test split is always the table itself, so that no evaluation suffers from a finite test set
    (TherML, App. B). Shapes follow the table, whatever is drawn.
    """

    infinite: bool  # train on the table itself; false: on samples of it
    draws: Annotated[int, Gt(0)]  # N: the number of samples drawn; S is divided by N for infinite as well
    passes: Annotated[int, Gt(0)]  # passes over the cells in an epoch
    likelihood: Literal["one_hot", "bernoulli"]  # suits x; decoders refer to it
    seed: Seed  # of the draws

    def fingerprint(self) -> str:
        """Identifies tables that may change under the same options; empty where they cannot."""
        return ""

    @abstractmethod
    def table(self) -> np.ndarray:
        """p(x, y), (X, Y) float64. Raises ConfigError where the options or a file give none."""

    def load(self, device: torch.device | str) -> Data:
        """The cells as samples, on the device. Raises ConfigError without a table, or if `seed` is set but not used."""
        if self.infinite and self.seed:
            raise ConfigError(f"dataset.seed={self.seed}: nothing is drawn for dataset.infinite=true")
        table = self.table()
        X, Y = table.shape
        shares = {"train": table if self.infinite else self._drawn(table) / self.draws, "test": table}
        cells = torch.arange(X * Y)
        x, y = torch.eye(X)[cells // Y], cells % Y
        splits = {
            name: Split(x, y, torch.from_numpy(share.reshape(-1) * (X * Y)).float()).to(device)
            for name, share in shares.items()
        }
        spec = Spec((X,), Y, self.draws, interval=(0.0, 1.0), levels=None, one_hot=True)
        return Data(spec, splits, fit("none", x, None).to(device), None, self.passes, shared=Y)

    def _drawn(self, table: np.ndarray) -> np.ndarray:
        """How often each cell comes up in N draws."""
        rng = np.random.default_rng([self.seed, zlib.crc32(b"draws")])
        return rng.multinomial(self.draws, table.reshape(-1) / table.sum()).reshape(table.shape)
