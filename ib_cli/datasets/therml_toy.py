"""The toy data of "TherML: The Thermodynamics of Machine Learning" (Alemi and Fischer 2018), Appendix B."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Interval, Len

from ib_cli.contracts.errors import ConfigError
from ib_cli.datasets.joint import Joint
from ib_cli.datasets.toy_table import toy_table


@dataclass(frozen=True, kw_only=True)
class ThermlToy(Joint):
    """y ~ Bernoulli(prior), h|y ~ Normal(means[y], s²), and x is the bin of h among equal bins of [0, 1].

    The paper says I(X;Y) = 0.5 nats, 30 bins and prior 0.7. It does not give means and s, so s is solved for.
    """

    bins: Annotated[int, Ge(2)]
    means: Annotated[list[float], Len(2, 2)]  # of h where y is 0 and 1; the bins divide [0, 1]
    prior: Annotated[float, Interval(gt=0, lt=1)]  # of y = 1
    information: Annotated[float, Gt(0)]  # I(X;Y) in nats

    def table(self) -> np.ndarray:
        """Raises ConfigError where no s gives this information."""
        try:
            return toy_table(bins=self.bins, means=self.means, prior=self.prior, information=self.information)
        except ValueError as error:
            raise ConfigError(f"dataset.{error}") from error
