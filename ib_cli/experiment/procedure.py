"""The interface of a procedure: what is done with an experiment."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor

from ib_cli.contracts.errors import RunFailedError
from ib_cli.datasets.data import Data
from ib_cli.experiment.experiment import Experiment, Finished
from ib_cli.experiment.finished_run import FinishedRun


class Procedure(ABC):
    """Trains, samples or solves an experiment. The constructor's keyword-only parameters are the config's keys.

    A procedure with a key `run`, the folder of a finished run, measures that run: it lies in `experiment.measured`, and
    `data` makes the experiment's data from it. Its other key `digest` is filled in, and tells other contents apart.
    """

    name: ClassVar[str]  # the public name, as in `procedure=fit`
    samples_weights: ClassVar[bool] = False  # True: it draws the weights itself, and S needs no posterior of the model
    trains_together: ClassVar[bool] = False  # True: `together` trains several runs at once
    trains_critics: ClassVar[bool] = False  # True: critics take their turns
    trains_model: ClassVar[bool] = True  # False: it measures a finished run's model, and the experiment has that one

    def data(self, measured: FinishedRun) -> Data:
        """The data of an experiment that measures a finished run: that run's own.

        Raises ConfigError where the run does not suit the procedure.
        """
        return measured.data

    def check(self, experiment: Experiment) -> None:  # noqa: B027 (a procedure may suit every experiment)
        """Called before anything is written. Raises ConfigError where the experiment does not suit the procedure."""

    def facts(self, experiment: Experiment) -> Mapping[str, str] | None:
        """Facts for the screen in place of the facts of the model and its training; None: show those."""
        return None

    def epochs(self, experiment: Experiment) -> int:
        """Epochs of training in all, as far as they are known before it, for the screen."""
        return experiment.settings.epochs

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
