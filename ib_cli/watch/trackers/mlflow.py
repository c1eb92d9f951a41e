"""The mirror of a run in MLflow."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from math import isfinite
from numbers import Real
from typing import TYPE_CHECKING, Any

from ib_cli.contracts.errors import ConfigError
from ib_cli.watch.observer import (
    Observer,
    RunInfo,
    choices,
    estimate_name,
    estimated_split,
    final_numbers,
    pictures,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger(__name__)

ABOUT = ("epoch", "step", "split")  # what a line is about, beside its measures
RUN = "ib_train.run"  # the tag that holds a run's id, by which it is found again
ALLOWED = "MLFLOW_ALLOW_FILE_STORE"  # MLflow's word for its store of files, which it would refuse from 3.7 on
SPELLED = {"[": " ", "]": "", "(": "", ")": "", ";": ":", "|": " given "}  # what MLflow does not take in a name


class Mlflow(Observer):
    """Mirrors a run to MLflow: the study is the experiment, the run's name is for people, `vib γ=0.01 seed=0`.

    Its parameters are what tells a study's runs apart most often; a metric is `<split>/<measure>` over the epochs, in
    MLflow's letters (`I[X;Z]` is `I X:Z`). Pictures are artifacts. A failure of the mirror never stops the run: the
    first one is a warning in the log, and the mirror is silent after it.
    """

    def __init__(self, *, uri: str | None) -> None:
        """Raises ConfigError without the package mlflow."""
        if find_spec("mlflow") is None:
            raise ConfigError("tracker=mlflow needs a package: pip install 'ib-train[mlflow]'")
        self._uri = uri
        self._client: MlflowClient | None = None
        self._id = ""
        self._info: RunInfo | None = None

    def start(self, run: RunInfo) -> None:
        """Opens the run in MLflow, or goes on with the one that has its id."""
        self._guarded("start", lambda: self._open(run))

    def evaluated(self, line: Mapping[str, Any]) -> None:
        """Logs the line's measures."""
        measures = {f"{line['split']}/{name}": value for name, value in line.items() if name not in ABOUT}
        self._guarded("log", lambda: self._log(measures, line["epoch"]))

    def estimated(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Logs the estimates as `<split>/<quantity> <estimator>`."""
        self._guarded("log", lambda: self._log({estimate_name(of): of["value"] for of in lines}, lines[0]["epoch"]))

    def finish(self, result: Mapping[str, Any]) -> None:
        """Logs the final numbers and the pictures, and ends the run."""
        self._guarded("finish", lambda: self._end(result))

    def interrupt(self, reason: str) -> None:
        """Ends the run as killed; the same run goes on in it."""
        self._guarded("finish", lambda: self._close("KILLED"))

    def _open(self, run: RunInfo) -> None:
        from mlflow import MlflowClient

        os.environ.setdefault(ALLOWED, "true")
        self._info = run
        client = MlflowClient(self._uri or f"file:{run.folder.resolve().parent.parent / 'mlruns'}")
        experiment = _experiment(client, run.study)
        found = client.search_runs([experiment], f"tags.\"{RUN}\" = '{run.id}'", max_results=1)
        if found:
            self._id = found[0].info.run_id
            client.update_run(self._id, status="RUNNING")
        else:
            made = client.create_run(experiment, run_name=run.title, tags={RUN: run.id, "minimise": run.lagrangian})
            self._id = made.info.run_id
            for name, value in choices(run).items():
                client.log_param(self._id, name, value)
        self._client = client

    def _log(self, values: Mapping[str, Any], epoch: int) -> None:
        if self._client is None:
            return
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        numbers = {spelled(name): value for name, value in values.items() if isinstance(value, Real)}
        metrics = [Metric(name, float(value), now, epoch) for name, value in numbers.items() if isfinite(value)]
        self._client.log_batch(self._id, metrics=metrics)

    def _end(self, result: Mapping[str, Any]) -> None:
        if self._client is None or self._info is None:
            return
        done = result["status"] == "done"
        if done:
            self._log(final_numbers(result, estimated_split(self._info)), int(result.get("epochs", 0)))
            for file in pictures(self._info):
                self._client.log_artifact(self._id, str(file), "figures")
        else:
            self._client.set_tag(self._id, "error", str(result.get("error", "")))
        self._close("FINISHED" if done else "FAILED")

    def _close(self, status: str) -> None:
        if self._client is not None:
            client, self._client = self._client, None
            client.set_terminated(self._id, status)

    def _guarded(self, what: str, action: Callable[[], None]) -> None:
        # Deliberately every exception: the records do not need the mirror, so none of its faults may end a run.
        try:
            action()
        except Exception as error:
            self._client = None
            reason = " ".join(str(error).split()) or type(error).__name__
            log.warning("MLflow could not %s: %s. The run goes on without it, its records are complete.", what, reason)


def spelled(name: str) -> str:
    """The name of a measure in the characters that MLflow takes."""
    for sign, word in SPELLED.items():
        name = name.replace(sign, word)
    return re.sub(r"[^\w\-. :/]", "_", " ".join(name.split()))


def _experiment(client: MlflowClient, study: str) -> str:
    """The id of the experiment with the study's name; made where there is none."""
    found = client.get_experiment_by_name(study)
    if found is None:
        try:
            return client.create_experiment(study)
        except Exception:  # another process has made it in between; any other fault comes up again below
            found = client.get_experiment_by_name(study)
            if found is None:
                raise
    return str(found.experiment_id)
