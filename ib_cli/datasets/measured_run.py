"""The place of the data in a config whose procedure measures a finished run."""

from typing import Literal

from ib_cli.contracts.errors import ConfigError


class MeasuredRun:
    """Stands for the data set of the run that `procedure.run` names, and is replaced by it when a config is resolved.

    Raises ConfigError, always: what is still here has no run to take its place.
    """

    def __init__(
        self, *, root: str | None, likelihood: Literal["bernoulli", "gaussian", "laplace", "categorical"]
    ) -> None:
        raise ConfigError(
            "dataset=measured_run: is for a procedure that measures a finished run, such as procedure=nuisance_probe; "
            "choose another data set"
        )
