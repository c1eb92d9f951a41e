"""A run's folder and data from somebody else run nothing: configs, checkpoints, arrays and published files."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import yaml

from ib_cli.contracts.errors import ConfigError, DamagedError
from ib_cli.datasets.cifar10 import Cifar10
from ib_cli.datasets.plain_pickle import plain_pickle
from ib_cli.report.main import main as ib_report
from ib_cli.run.encode import main as ib_encode
from ib_cli.run.evaluate import main as ib_evaluate
from ib_cli.run.library import compose, load_run
from ib_cli.run.validation import validate
from ib_cli.system.digests import sealed_text
from tests.conftest import SMALL, Ended
from tests.families import family
from tests.faults.hostile import Canary, write


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the default kind."""
    import ib_cli

    folder = tmp_path_factory.mktemp("study")
    config = ib_cli.compose([*SMALL, "epochs=1", f"output={folder}"])
    return ib_cli.train(ib_cli.build(config)).folder


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Canary:
    """A folder with importable code that makes the canary."""
    canary = write(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    yield canary
    sys.modules.pop("evil_code", None)


@pytest.fixture
def folder(run: Path, stranger: Canary) -> Path:
    """A copy of the run whose config.yaml names the stranger's class, whole by its own digest, and trusts it."""
    copy = stranger.folder / "sent" / "runs" / run.name
    shutil.copytree(run, copy)
    text = (copy / "config.yaml").read_text()
    config = yaml.safe_load(text[text.index("\n") + 1 :] if text.startswith("#") else text)
    config["architecture"] = {"_target_": "evil_code.Net"}
    config["trust"] = ["evil_code"]
    content = sealed_text(yaml.safe_dump(config))
    (copy / "config.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    digest = f"{sha256((copy / 'config.yaml').read_bytes()).hexdigest()}  config.yaml\n"
    sums = (copy / "SHA256SUMS").read_text().splitlines(keepends=True)
    (copy / "SHA256SUMS").write_text("".join(digest if "config.yaml" in line else line for line in sums))
    return copy


TOLD = r"architecture\._target_=evil_code\.Net: runs code of evil_code; if you trust that package, add trust=evil_code"


def test_load_run_takes_nobodys_word_but_the_callers(folder: Path, stranger: Canary) -> None:
    found = load_run(folder)
    assert "trust" not in found.config and found.result["status"] == "done"
    with pytest.raises(ConfigError, match=TOLD):
        _ = found.model
    assert not stranger.file.exists() and "evil_code" not in sys.modules
    assert load_run(folder, trust=["evil_code"]).experiment.model.architecture.features == 64
    assert stranger.file.exists()
    with pytest.raises(TypeError, match="a list of packages"):
        load_run(folder, trust="evil_code")
    with pytest.raises(ConfigError, match="must name packages"):
        load_run(folder, trust=["evil code"])


@pytest.mark.parametrize("command", [ib_encode, ib_evaluate])
def test_commands_about_runs_ask_for_the_word(
    folder: Path, stranger: Canary, capsys: pytest.CaptureFixture, command: Callable
) -> None:
    with pytest.raises(SystemExit) as end:
        command([str(folder)])
    told = capsys.readouterr().err
    assert end.value.code == 2 and "add trust=evil_code" in told and len(told.splitlines()) == 1, told
    assert not stranger.file.exists()
    with pytest.raises(SystemExit) as end:  # trusted, it runs; its parameters are not those of the checkpoint
        command([str(folder), "trust=evil_code"])
    told = capsys.readouterr().err
    assert end.value.code == 2 and "trust" not in told and stranger.file.exists(), told


def test_a_report_runs_nothing_of_a_run(folder: Path, stranger: Canary, capsys: pytest.CaptureFixture) -> None:
    ib_report([str(folder.parent)])
    assert "1 done" in capsys.readouterr().out and not stranger.file.exists() and "evil_code" not in sys.modules


def test_a_measured_run_is_asked_too(folder: Path, stranger: Canary, ib_train: Callable[..., Ended]) -> None:
    ended = ib_train("procedure=nuisance_probe", f"procedure.run={folder}", "estimators=none", "epochs=1")
    assert ended.code == 2 and "trust=evil_code" in ended.err and not stranger.file.exists(), ended.err


@pytest.mark.parametrize("name", ["checkpoint.pt", "best.pt"])
@pytest.mark.parametrize("sealed", [False, True])
def test_a_checkpoint_that_is_a_pickle_is_not_read(run: Path, stranger: Canary, name: str, sealed: bool) -> None:
    import torch

    from tests.faults.hostile import Hostile

    copy = stranger.folder / "sent" / "runs" / run.name
    shutil.copytree(run, copy)
    for file in (*copy.glob("*.pt"), copy / name):
        file.unlink(missing_ok=True)
        if sealed:
            torch.save({"model": Hostile(stranger.file), "parameters": {}}, file)
        else:
            file.write_bytes(stranger.pickled())
    with pytest.raises((DamagedError, ConfigError), match=name):
        _ = load_run(copy, best=name == "best.pt").model
    assert not stranger.file.exists()


@pytest.mark.parametrize("kind", ["pickle", "objects", "table"])
def test_arrays_that_are_pickles_are_not_read(stranger: Canary, kind: str) -> None:
    from tests.faults.hostile import Hostile

    if kind == "pickle":
        Path("x.npz").write_bytes(stranger.pickled())
    else:
        hostile = np.array([Hostile(stranger.file)], dtype=object)
        np.savez("x.npz", x=hostile, p=hostile, y=np.zeros(1, int))
    option = "table" if kind == "table" else "npz"
    node = compose([f"dataset={option}", "dataset.path=x.npz"])
    with pytest.raises(ConfigError, match=r"dataset\.path: x\.npz must be an \.npz file"):
        validate(node).targets["dataset"]().load("cpu")
    assert not stranger.file.exists()


@pytest.mark.parametrize("name", family(list(Cifar10.checksums), every=3))
def test_cifar_is_checked_before_it_is_read(stranger: Canary, name: str) -> None:
    home = stranger.folder / "data" / Cifar10.folder
    home.mkdir(parents=True)
    for file in Cifar10.checksums:
        (home / file).write_bytes(stranger.pickled() if file == name else b"")
    made = validate(compose(["dataset=cifar10", f"dataset.root={home.parent}", "dataset.download=false"])).targets
    with pytest.raises(ConfigError, match="are not those of CIFAR10"):
        made["dataset"]().load("cpu")
    assert not stranger.file.exists()


def test_even_past_its_checksum_a_pickle_of_arrays_calls_nothing(stranger: Canary) -> None:
    import pickle

    with pytest.raises(pickle.UnpicklingError, match="arrays have no use for it"):
        plain_pickle(stranger.pickled())
    assert not stranger.file.exists()
    kept = {"data": np.arange(6, dtype=np.uint8).reshape(2, 3), "labels": [1, 2]}
    for protocol in range(2, 5):
        found = plain_pickle(pickle.dumps(kept, protocol))
        assert (found["data"] == kept["data"]).all() and found["labels"] == [1, 2]
