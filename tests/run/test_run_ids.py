"""One run, one id: what is only a spelling does not enter it, and what is data does."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ib_cli.contracts.errors import ConfigError
from ib_cli.run.run_ids import _hashed, run_folder, run_id
from ib_cli.run.spellings import BY_CONTENT
from ib_cli.run.validation import validate
from tests.families import family

TINY = ("architecture.widths=[4]", "bottleneck.size=2", "epochs=1", "figures=false", "estimators=none", "device=cpu")
SPELLINGS = ("data/own.npz", "./data/own.npz", "data//own.npz", "{here}/data/own.npz", "other/../data/own.npz",
             "link/own.npz", "copy.npz", "~/data/own.npz")  # fmt: skip
X, Y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
P = np.array([[0.4, 0.1], [0.2, 0.3]])


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory and home, with data/own.npz, a link to its folder and a copy of it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for folder in ("data", "other"):
        Path(folder).mkdir()
    np.savez("data/own.npz", x=X, y=Y, p=P)
    Path("link").symlink_to("data")
    Path("copy.npz").write_bytes(Path("data/own.npz").read_bytes())
    return tmp_path


def at(config: dict[str, Any], path: str) -> dict[str, Any]:
    """The config with another path of its data."""
    return {**config, "dataset": {**config["dataset"], "path": path}}


def id_of(config: dict[str, Any]) -> str:
    return run_id(config, validate(config).targets["dataset"]().fingerprint())


@pytest.mark.parametrize("dataset", BY_CONTENT)
def test_a_files_content_is_its_identity_and_its_path_is_not(here: Path, config: Callable, dataset: str) -> None:
    first = config(f"dataset={dataset}", "dataset.path=data/own.npz")
    ids = {id_of(at(first, spelling.format(here=here))) for spelling in SPELLINGS}
    assert len(ids) == 1
    np.savez("data/own.npz", x=X, y=1 - Y, p=P.T)
    assert id_of(first) not in ids and id_of(at(first, "copy.npz")) in ids


def test_the_command_finds_a_run_by_any_path_of_its_file(here: Path, ib_train: Callable) -> None:
    for spelling in (SPELLINGS[0], SPELLINGS[3]):
        ended = ib_train("dataset=npz", f"dataset.path={spelling.format(here=here)}", *TINY)
        assert ended.code == 0, ended.err
    assert len(list(Path("outputs", "runs").glob("*/result.json"))) == 1
    np.savez("data/own.npz", x=X, y=1 - Y)
    assert ib_train("dataset=npz", "dataset.path=data/own.npz", *TINY).code == 0
    assert len(list(Path("outputs", "runs").glob("*/result.json"))) == 2


@pytest.mark.parametrize("first", [SPELLINGS[0], SPELLINGS[1], SPELLINGS[3], SPELLINGS[7]])
def test_a_run_whose_id_knew_its_path_is_found(here: Path, config: Callable, first: str) -> None:
    """By another spelling too, and only while its content is the same."""
    old = at(config("dataset=npz", "dataset.path=data/own.npz"), first.format(here=here))
    fingerprint = validate(old).targets["dataset"]().fingerprint()
    folder = Path("outputs", "runs", _hashed(old, fingerprint))
    folder.mkdir(parents=True)
    for spelling in SPELLINGS[:6]:
        assert run_folder(at(old, spelling.format(here=here)), fingerprint) == folder
    assert run_folder(old, "other") == Path("outputs", "runs", run_id(old, "other"))
    own = Path("outputs", "runs", run_id(old, fingerprint))
    own.mkdir()
    assert run_folder(old, fingerprint) == own


def test_where_the_content_is_not_known_the_path_counts(config: Callable) -> None:
    one = config("dataset=npz", "dataset.path=a.npz")
    other = at(one, "b.npz")
    assert run_id(one, "") != run_id(other, "") and run_id(one, "12") == run_id(other, "12") != run_id(one, "13")


def test_another_runs_folder_is_its_id(here: Path, config: Callable) -> None:
    words = ("weights=gaussian", "weights.prior=posterior")
    folder = here / "outputs" / "a" / "0123456789"
    folder.mkdir(parents=True)
    Path("latest").symlink_to(folder)
    paths = ("outputs/a/0123456789", "outputs//a/0123456789/", str(folder), "latest", "./outputs/a/0123456789")
    first = config(*words)
    configs = [{**first, "weights": {**first["weights"], "run": path}} for path in (*paths, "outputs/a/0123456780")]
    *ids, another = (run_id(each, "") for each in configs)
    assert len(set(ids)) == 1 and another not in ids
    earlier = Path("outputs", "runs", _hashed(configs[0], ""))
    earlier.mkdir(parents=True)
    assert run_folder(configs[0], "") == run_folder(configs[2], "") == earlier


@pytest.mark.parametrize(
    ("one", "other"),
    family(
        [
            (
                [
                    "gamma=1e-2",
                    "clip=1",
                    "evaluate_train=true",
                    "dataset.validation_size=0",
                    "architecture.widths=[8,4]",
                ],
                [
                    "architecture.widths=[8, 4]",
                    "clip=1.0",
                    "evaluate_train=True",
                    "dataset.validation_size=0.0",
                    "gamma=0.01",
                ],
            ),
            (["gamma=0", "averaging=0", "device=cpu"], ["gamma=-0.0", "averaging=0.0", "device=auto"]),
            (["objective.minimise={C: 1, R: gamma}"], ["objective.minimise={R: gamma, C: 1.0}"]),
            (["objective.minimise.R=-0.5*gamma"], ["objective.minimise.R='gamma * -0.5'"]),
            (
                ["objective.minimise.R=gamma", "objective.minimise.C=1"],
                ["objective.minimise.R=1.0*gamma", "objective.minimise.C='1'"],
            ),
            (["objective.minimise.R=0.01*gamma"], ["objective.minimise.R=1e-2*gamma"]),
            (["gamma=1"], ["gamma=1", "+objective.functionals={}"]),
        ],
        every=2,
    ),
)
def test_what_is_only_a_spelling_has_one_id(config: Callable, one: list[str], other: list[str]) -> None:
    assert run_id(config(*one), "") == run_id(config(*other), "")


def test_what_is_another_run_has_another_id(config: Callable) -> None:
    plain = config()
    changed = [{**plain, "gamma": 1e-3}, {**plain, "clip": 1}, {**plain, "seed": 1}]
    changed += [{**plain, "architecture": {**plain["architecture"], "widths": widths}} for widths in ([4, 8], [8, 4])]
    for weight in ("-gamma", "0.5*gamma", "gamma*gamma", 1, "2"):
        objective = {**plain["objective"], "minimise": {"C": 1, "R": weight}}
        changed.append({**plain, "objective": objective})
    assert len({run_id(each, "") for each in (plain, *changed)}) == 1 + len(changed)


def test_a_power_of_one_is_none(config: Callable) -> None:
    plain = config()
    ids = []
    for symbol in ("R", "R^1", "R^2", "R^02"):
        objective = {**plain["objective"], "minimise": {"C": 1, symbol: "gamma"}}
        ids.append(run_id({**plain, "objective": objective}, ""))
    assert ids[0] == ids[1] != ids[2] == ids[3]


def test_tuples_and_the_order_of_keys_in_a_library_config_are_spellings(config: Callable) -> None:
    plain = config("architecture.widths=[8,4]", "gamma=1")
    other = {key: plain[key] for key in reversed(plain)}
    other["architecture"] = {**plain["architecture"], "widths": (8.0, 4)}
    assert run_id(other, "") == run_id(plain, "")


@pytest.mark.parametrize(("key", "option"), [("path", "npz"), ("root", "mnist")])
def test_the_home_of_nobody_is_one_line(config: Callable, key: str, option: str) -> None:
    off = ["dataset.download=false"] if option == "mnist" else []
    dataset = validate(config(f"dataset={option}", f"dataset.{key}='~nobody-here/own'", *off)).targets["dataset"]()
    with pytest.raises(ConfigError, match=rf"^dataset\.{key}: .*~nobody-here"):
        dataset.load("cpu")


def test_the_working_directory_is_no_part_of_an_id(here: Path, config: Callable) -> None:
    own = id_of(config("dataset=npz", "dataset.path=data/own.npz"))
    os.chdir("other")
    assert id_of(config("dataset=npz", "dataset.path=../data/own.npz")) == own
