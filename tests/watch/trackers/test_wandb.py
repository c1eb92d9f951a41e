"""The mirror in W&B: it is written, and it never stops a run."""

from __future__ import annotations

import builtins
import logging
import re
import time
from pathlib import Path

import pytest

from ib_cli.watch.observer import RunInfo
from ib_cli.watch.trackers.wandb import Wandb, wandb_id

wandb = pytest.importorskip("wandb")

KEY = "0123456789abcdef0123456789abcdef01234567"
LINE = {"epoch": 1, "step": 10, "split": "train", "R": 2.0, "H_model[Y|X]": 0.5, "D": float("nan")}
RESULT = {"status": "done", "seconds": 1.5, "train": {"R": 2.0}, "test": {"accuracy": 0.9}}


def run_info(folder: Path, run_id: str = "ab12") -> RunInfo:
    folder.mkdir(parents=True, exist_ok=True)
    return RunInfo("study", run_id, folder, "C + 0.01 R", {}, 3, 0, {"gamma": 0.01, "model": {"width": 8}})


def tracker(mode: str = "offline") -> Wandb:
    return Wandb(project="ib-train", mode=mode, entity=None, tags=["a"])


def whole_run(observer: Wandb, info: RunInfo) -> None:
    observer.start(info)
    observer.progress(0, 1, 2, {"R": 1.0})
    observer.evaluated(LINE)
    observer.evaluated(LINE | {"split": "test"})
    observer.finish(RESULT)


def warnings_of(caplog) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno >= logging.WARNING]


def content_of(file: Path) -> bytes:
    # The service of wandb writes on for a moment after finish() has returned.
    deadline = time.monotonic() + 10
    while b"test/H_model[Y|X]" not in file.read_bytes() and time.monotonic() < deadline:
        time.sleep(0.05)
    return file.read_bytes()


ESTIMATE = {"epoch": 1, "split": "train", "quantity": "I[X;Z]", "estimator": "mixture", "value": 1.25}


def test_runs_that_are_open_at_the_same_time_keep_apart(tmp_path, caplog):
    observers = {run_id: tracker() for run_id in ("one", "two")}
    for run_id, observer in observers.items():
        observer.start(run_info(tmp_path / run_id, run_id))
    for run_id, observer in observers.items():
        observer.evaluated(LINE | {"split": "test", f"of_{run_id}": 1.0})
        observer.estimated([ESTIMATE, ESTIMATE | {"estimator": "kraskov", "value": None}])
    for observer in observers.values():
        observer.finish(RESULT)
    assert not warnings_of(caplog)
    for run_id, other in (("one", "two"), ("two", "one")):
        (file,) = (tmp_path / run_id / "wandb").glob(f"offline-run-*/run-study-{run_id}.wandb")
        content = content_of(file)
        assert f"of_{run_id}".encode() in content and f"of_{other}".encode() not in content
        assert b"train/I[X;Z] (mixture)" in content and b"(kraskov)" not in content


def test_offline_runs_in_one_process_write_their_own_folders(tmp_path, monkeypatch, caplog, capfd):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    for run_id in ("one", "two"):
        whole_run(tracker(), run_info(tmp_path / run_id, run_id))
    for run_id in ("one", "two"):
        (file,) = (tmp_path / run_id / "wandb").glob(f"offline-run-*/run-study-{run_id}.wandb")
        content = content_of(file)
        assert b"test/H_model[Y|X]" in content and b"train/R" in content and b"width" in content
        written = [path for path in (tmp_path / run_id).rglob("*") if path.is_file() and not path.is_symlink()]
        assert not any(KEY.encode() in path.read_bytes() for path in written)
    assert wandb.run is None and not warnings_of(caplog)
    assert capfd.readouterr() == ("", "")


def test_an_interrupted_run_goes_on_under_its_id(tmp_path, caplog):
    first = tracker()
    first.start(run_info(tmp_path))
    first.evaluated(LINE)
    first.interrupt("stopped by Ctrl-C")
    whole_run(tracker(), run_info(tmp_path))
    assert {file.name for file in (tmp_path / "wandb").glob("offline-run-*/*.wandb")} == {"run-study-ab12.wandb"}
    assert not warnings_of(caplog)


@pytest.mark.parametrize("broken", ["init", "log", "finish"])
def test_a_broken_wandb_is_reported_once_and_stops_nothing(broken, tmp_path, monkeypatch, caplog):
    def fail(*_, **__):
        raise RuntimeError("no\nspace")

    class Run:
        summary: dict = {}  # noqa: RUF012
        define_metric = log = finish = staticmethod(lambda *_, **__: None)

    monkeypatch.setattr(wandb, "init", lambda **_: Run())
    monkeypatch.setattr(wandb if broken == "init" else Run, broken, fail)
    whole_run(tracker(), run_info(tmp_path))
    (record,) = warnings_of(caplog)
    assert "no space" in record.getMessage() and "records are complete" in record.getMessage()


def test_without_the_package_the_run_goes_on(tmp_path, monkeypatch, caplog):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "wandb":
            raise ModuleNotFoundError("No module named 'wandb'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    whole_run(tracker(), run_info(tmp_path))
    assert "No module named 'wandb'" in caplog.text


def test_online_without_an_account_asks_nothing(tmp_path, monkeypatch, caplog):
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    monkeypatch.setattr("sys.stdin", None)
    monkeypatch.setattr(builtins, "input", lambda *_: pytest.fail("asked"))
    monkeypatch.setattr(wandb, "init", lambda **_: pytest.fail("started without an account"))
    monkeypatch.setattr(wandb, "login", lambda **options: options["prompt"])
    whole_run(tracker("online"), run_info(tmp_path / "run"))
    assert "wandb login" in caplog.text and len(warnings_of(caplog)) == 1


RUN = "2a9c0f1e3b"


@pytest.mark.parametrize("study", ["runs", "a-b", "therml_fig3.8", "x" * 117, "a--b", "_"])
def test_a_plain_name_is_shown_as_it_is(study):
    assert wandb_id(study, RUN) == f"{study}-{RUN}"


# What a study may be called (config/settings.py), and more; each two of them were one id once, or look alike.
NAMES = [
    "опыт", "проба", "a b", "a+b", "a-b", "a  b", "a/b", "a.b", "a_b", "a b ", "é", "e\u0301", "ａ", "a", "A", "日本",
    "s" * 117, "s" * 118, "s" * 119, "s" * 300, "s" * 301, "t" + "s" * 300, "ж" * 300, "ж" * 301, " ", "-", "", "a\n",
]  # fmt: skip


def test_no_two_runs_share_an_id_that_wandb_would_join():
    names = dict.fromkeys(NAMES)
    names |= dict.fromkeys(wandb_id(name, RUN).removesuffix(f"-{RUN}") for name in list(names))  # named as an id begins
    runs = [(name, run_id) for name in names for run_id in (RUN, "0000000000", f"b-{RUN}", "ж", "r" * 200, "r" * 201)]
    ids = {run: wandb_id(*run) for run in runs}
    assert len(set(ids.values())) == len(runs) > 250
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]{1,128}", each) for each in ids.values())
    assert all(each == wandb_id(*run) for run, each in ids.items())


@pytest.mark.parametrize(
    ("study", "shown"), [("a/b: c", "a-b-c-"), ("my study", "my-study-"), ("s" * 300, "s" * 96 + "-")]
)
def test_what_can_be_shown_of_a_name_stays_and_the_runs_id_ends_it(study, shown):
    found = wandb_id(study, RUN)
    assert found.startswith(shown) and found.endswith(f"-{RUN}")


class Recorded:
    """A run of W&B that keeps what it is given."""

    def __init__(self) -> None:
        self.steps: list[dict] = []
        self.summary: dict = {}
        self.code: int | None = None

    def log(self, values: dict) -> None:
        self.steps.append(dict(values))

    def define_metric(self, *names: str, **options: object) -> None:
        pass

    def finish(self, exit_code: int) -> None:
        self.code = exit_code


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> tuple[Recorded, dict]:
    """A run of W&B, and the options that it is opened with."""
    run, options = Recorded(), {}
    monkeypatch.setattr(wandb, "init", lambda **given: options.update(given) or run)
    return run, options


def of_digits(folder: Path) -> RunInfo:
    config = {
        "seed": 3, "objective": {"name": "vib"}, "dataset": {"_target_": "ib_cli.datasets.digits.Digits"},
        "architecture": {"_target_": "my.nets.Net"}, "estimators": {"split": "train"},
    }  # fmt: skip
    return RunInfo("study", "ab12", folder, "C + 0.01 R", {}, 3, 0, config, {"gamma": 0.01})


def test_an_epoch_is_one_step_and_the_end_holds_estimates_and_pictures(tmp_path, recorded):
    from PIL import Image

    (tmp_path / "figures").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "figures" / "training.png")
    run, options = recorded
    observer = tracker()
    observer.start(of_digits(tmp_path))
    for epoch in (1, 2, 3):
        observer.evaluated(LINE | {"epoch": epoch})
        if epoch != 2:  # not evaluated then
            observer.evaluated(LINE | {"epoch": epoch, "split": "validation"})
            observer.evaluated(LINE | {"epoch": epoch, "split": "test"})
    observer.finish(RESULT | {"estimates": {"mixture": {"I[X;Z]": {"value": 1.25}, "H[Z]": {"value": None}}}})
    assert [step["epoch"] for step in run.steps[:3]] == [1, 2, 3]
    assert [{name.split("/")[0] for name in step} - {"epoch", "step"} for step in run.steps[:3]] == [
        {"train", "validation", "test"}, {"train"}, {"train", "validation", "test"},
    ]  # fmt: skip
    assert list(run.steps[3]) == ["figures/training"] and run.code == 0
    assert run.summary == {
        "status": "done", "seconds": 1.5, "train/R": 2.0, "test/accuracy": 0.9, "train/I[X;Z] (mixture)": 1.25,
    }  # fmt: skip
    assert options["name"] == "vib γ=0.01 seed=3" and options["tags"] == ["a", "vib", "digits", "Net"]


def test_what_an_interrupted_epoch_has_is_logged(tmp_path, recorded):
    run, _ = recorded
    observer = tracker()
    observer.start(of_digits(tmp_path))
    observer.evaluated(LINE)
    observer.interrupt("stopped")
    assert [step["epoch"] for step in run.steps] == [1] and run.code == 130
