"""The interface of a procedure: what is done with an experiment."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor

from ib_cli.contracts.errors import RunFailedError
from ib_cli.experiment.experiment import Experiment, Finished


class Procedure(ABC):
    """Trains, samples or solves an experiment. The constructor's keyword-only parameters are the config's keys."""

    name: ClassVar[str]  # the public name, as in `procedure=fit`
    samples_weights: ClassVar[bool] = False  # True: it draws the weights itself, and S needs no posterior of the model
    trains_together: ClassVar[bool] = False  # True: `together` trains several runs at once

    def check(self, experiment: Experiment) -> None:  # noqa: B027 (a procedure may suit every experiment)
        """Called before anything is written. Raises ConfigError where the experiment does not suit the procedure."""

    def facts(self, experiment: Experiment) -> Mapping[str, str] | None:
        """Facts for the screen in place of the facts of the model and its training; None: show those."""
        return None

    @abstractmethod
    def run(self, experiment: Experiment, checkpoint: dict[str, Any] | None) -> Finished:
        """Run from the start or from a checkpoint to the end, recording on the way.

        Raises RunFailedError where the run cannot come to its end, Interrupted at a signal, after saving.
        """

    def together(
        self, experiments: Sequence[Experiment], checkpoints: Sequence[dict[str, Any] | None]
    ) -> Iterator[tuple[int, Finished | RunFailedError]]:
        """`run` for several experiments at once: the index and the end of each, as it comes to it."""
        raise NotImplementedError(f"{self.name} trains one run at a time")

    def parameters(self, experiment: Experiment, checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
        """The parameters that evaluations use, by name, of a checkpoint: the averages where there are any."""
        return dict(checkpoint["params"] if checkpoint["averaged"] is None else checkpoint["averaged"])
