"""hydra/launcher=ray with a Ray that only notes what it is asked: started once for a study, and its losses told."""

from __future__ import annotations

import signal
import sys
from types import SimpleNamespace

import pytest

from hydra_plugins.ib_train._launcher import Lost
from hydra_plugins.ib_train.ray_launcher import RayLauncher
from ib_cli.contracts.errors import RunFailedError
from ib_cli.study.callback import Study, studies
from tests.launchers.answering import Answering


class RayError(Exception):
    """Stands for Ray's."""


class WorkerCrashedError(RayError):
    """Stands for Ray's, of a process that was killed."""


class NotingRay:
    """Stands for the module."""

    exceptions = SimpleNamespace(RayError=RayError)

    def __init__(self, broken: bool = False) -> None:
        self.started = self.ended = 0
        self.broken = broken

    def is_initialized(self) -> bool:
        return self.started > self.ended

    def init(self, **about: object) -> None:
        if self.broken:
            raise Exception("The current node\ntimed out")
        self.started += 1
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as Ray takes it for itself

    def shutdown(self) -> None:
        self.ended += 1

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 2.0}

    def remote(self, call: object) -> SimpleNamespace:
        return SimpleNamespace(options=lambda **about: SimpleNamespace(remote=lambda request: request))

    def wait(self, waiting: list[Answering]) -> tuple[list[Answering], list[Answering]]:
        return waiting[-1:], waiting[:-1]

    def get(self, request: Answering) -> int:
        if request.number == 1:
            raise RayError("\x1b[36mray::_call()\x1b[39m (pid=7)\n  died")
        return request()


def test_ray_is_kept_between_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    ray, before = NotingRay(), signal.getsignal(signal.SIGTERM)
    monkeypatch.setitem(sys.modules, "ray", ray)
    launcher = RayLauncher(address=None, cpus=1.0, gpus=None, max_retries=0)
    launcher.config = {"device": "cpu"}
    answers = list(launcher.answers([Answering(0), Answering(1)]))
    assert answers[0] == (1, Lost("Ray lost it: ray::_call() (pid=7) died")) and answers[1][0] == 0
    assert [number for number, _ in launcher.answers([Answering(2)])] == [2]
    assert (ray.started, ray.ended) == (1, 0) and signal.getsignal(signal.SIGTERM) is before
    launcher.close()
    launcher.close()
    assert (ray.started, ray.ended) == (1, 1)


def test_ray_that_does_not_start_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", NotingRay(broken=True))
    launcher = RayLauncher(address=None, cpus=1.0, gpus=None, max_retries=0)
    with pytest.raises(RunFailedError, match=r"^hydra/launcher=ray: Ray did not start: The current node timed out$"):
        next(launcher.answers([Answering(0)]))


def test_a_run_whose_process_dies_starts_again_so_many_times_and_each_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    ray, asked = NotingRay(), []

    def get(request: Answering) -> int:
        asked.append(request.number)
        if request.number == 1 or len(asked) == 1:  # the second always, the first once
            raise WorkerCrashedError("see the files of a Ray that is gone")
        return 7

    monkeypatch.setattr(ray, "get", get)
    monkeypatch.setitem(sys.modules, "ray", ray)
    launcher = RayLauncher(address=None, cpus=1.0, gpus=None, max_retries=2)
    launcher.config = {"device": "cpu"}
    study = Study()
    try:
        study.plan = [("seed=0",), ("seed=1",)]
        assert dict(launcher.answers([Answering(0)])) == {0: 7} and asked == [0, 0]
        why = "its process died, as by a kernel that is out of memory"
        assert dict(launcher.answers([Answering(1)])) == {1: Lost(f"Ray lost it: {why}")} and asked[2:] == [1, 1, 1]
    finally:
        studies.remove(study)
    again = [
        f"ib-train: {number}/2 {why}; Ray starts it again ({times} of 2)\n"
        for number, times in ((1, 1), (2, 1), (2, 2))
    ]
    assert capsys.readouterr().err == "".join(again)
