"""Secrets are in no file below the output folder and in no message: a value is searched for in every byte."""

from __future__ import annotations

import json
import os
import pickle
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import yaml

from ib_cli.config.catalogue import directory
from ib_cli.config.environment import told_by_name
from ib_cli.config.told_command import told_command
from ib_cli.contracts.errors import ConfigError
from ib_cli.report.main import main as report
from ib_cli.run.encode import main as encode
from ib_cli.run.evaluate import main as evaluate
from ib_cli.run.run_ids import run_id
from ib_cli.run.stored_config import stored_config
from ib_cli.system.secrets import (
    HIDDEN,
    FromEnvironment,
    begin,
    hidden,
    masked,
    sounds_secret,
    told_line,
    told_word,
    without_secrets,
)
from tests.conftest import SMALL, Ended

CANARY = "c4n4ry-In.Every_Byte"
QUICK = (*SMALL, "epochs=1")


def found(*folders: Path) -> list[str]:
    """Files, and names of files, that hold the value."""
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    assert files
    return [str(file) for file in files if CANARY.encode() in file.read_bytes() or CANARY in str(file)]


def quiet(ended: Ended) -> bool:
    return CANARY not in ended.out + ended.err and "Traceback" not in ended.err


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    begin([], {})


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WANDB_API_KEY", "MY_TEAM"):
        monkeypatch.setenv(name, CANARY)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tracker of one's own that fails with what it was given, and a data set that needs a token."""
    (tmp_path / "own_parts.py").write_text(
        textwrap.dedent(
            """
            from dataclasses import dataclass
            from ib_cli.datasets.digits import Digits
            from ib_cli.watch.observer import Observer

            class Mine(Observer):
                def __init__(self, *, account: str, api_key: str) -> None:
                    self.given = account, api_key
                def start(self, run) -> None:
                    import logging
                    assert self.given == ("c4n4ry-In.Every_Byte",) * 2
                    logging.getLogger("ib_cli").warning("cannot log in as %s with %s", *self.given)

            @dataclass(frozen=True, kw_only=True)
            class Digits2(Digits):
                token: str
                owner: str
                def read(self):
                    assert self.token == "c4n4ry-In.Every_Byte"
                    return super().read()
            """
        )
    )
    conf = tmp_path / "conf"
    for group, target, keys in (
        ("tracker", "Mine", {"account": "${oc.env:MY_TEAM}", "api_key": "${oc.env:WANDB_API_KEY}"}),
        ("dataset", "Digits2", {"token": CANARY, "owner": "${oc.env:MY_TEAM}"}),
    ):
        (conf / group).mkdir(parents=True)
        base = yaml.safe_load((directory("conf") / "dataset/digits.yaml").read_text()) if group == "dataset" else {}
        defaults = {"defaults": base.pop("defaults")} if "defaults" in base else {}
        node = {**defaults, **base, "_target_": f"own_parts.{target}", **keys}
        (conf / group / "mine.yaml").write_text(yaml.safe_dump(node))
    monkeypatch.syspath_prepend(tmp_path)
    return conf


WORDS = {
    "an environment variable for the process": ["+hydra.job.env_set.WANDB_API_KEY=" + CANARY],
    "an address": [f"+tracker.uri=http://me:{CANARY}@host/x"],
    "a token": [f"+tracker.api_token={CANARY}"],
    "an address with a token": [f"tracker.entity=http://host/?token={CANARY}", "tracker=wandb"],
}


def test_a_single_run(ib_train: Callable, tmp_path: Path, variables: None, own: Path) -> None:
    words = ["--config-dir", str(own), "trust=own_parts", *QUICK, "tracker=mine", f"+hydra.job.env_set.OTHER={CANARY}"]
    ended = ib_train(*words)
    assert ended.code == 0 and quiet(ended) and "cannot log in as *** with ***" in ended.err
    assert not found(tmp_path / "outputs")
    (run,) = (tmp_path / "outputs" / "runs").iterdir()
    stored = yaml.safe_load((run / "config.yaml").read_text())["tracker"]
    assert stored["account"] == "${oc.env:MY_TEAM}" and stored["api_key"] == "${oc.env:WANDB_API_KEY}"
    assert "***" in (run / "result.json").read_text()  # in the command


def test_a_multirun_and_its_report(
    ib_train: Callable, tmp_path: Path, variables: None, own: Path, capsys: pytest.CaptureFixture
) -> None:
    words = ["--config-dir", str(own), "-m", "trust=own_parts", *QUICK, "tracker=mine", "dataset=mine", "seed=0,1",
             f"+hydra.job.env_set.OTHER={CANARY}", "optimizer.lr=1e-3,-1"]  # fmt: skip
    ended = ib_train(*words)
    assert ended.code == 1 and quiet(ended) and "2 done" in ended.out and "2 wrong" in ended.out
    assert "env_set" in (tmp_path / "outputs/runs/multirun.yaml").read_text()
    for run in (tmp_path / "outputs" / "runs").glob("*/config.yaml"):
        node = yaml.safe_load(run.read_text())["dataset"]
        assert (node["token"], node["owner"]) == (HIDDEN, "${oc.env:MY_TEAM}")
        with pytest.raises(ConfigError, match=r"dataset\.token=\*\*\* was secret, .* overrides={'dataset\.token'"):
            stored_config(run.parent, {})
        whole = stored_config(run.parent, {"dataset.token": CANARY})
        assert whole["dataset"]["owner"] == CANARY
    report(["outputs", "--group-by", "dataset.token", "dataset.owner", "--latex"])
    assert CANARY not in "".join(capsys.readouterr())
    assert not found(tmp_path / "outputs")
    assert "2 skipped" in ib_train(*words).out


@pytest.mark.slow
def test_processes_and_a_search(tmp_path: Path, variables: None, own: Path) -> None:
    words = [
        "--config-dir",
        str(own),
        "-m",
        "trust=own_parts",
        *QUICK,
        "tracker=mine",
        f"+hydra.job.env_set.OTHER={CANARY}",
    ]
    search = ["hydra/sweeper=optuna", "hydra.sweeper.n_trials=2", "gamma=tag(log,interval(1e-4,1))"]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    for more in (["hydra/launcher=local", "hydra.launcher.n_jobs=1", "seed=0,1"], search):
        command = [sys.executable, "-m", "ib_cli", *words, *more]
        ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode == 0 and "2 done" in ended.stdout, ended.stdout + ended.stderr
        assert "cannot log in as *** with ***" in ended.stderr and CANARY not in ended.stdout + ended.stderr
        assert not found(tmp_path / "outputs")


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
@pytest.mark.parametrize("mode", [[], pytest.param(["-m", "gamma=0.1,x"], marks=pytest.mark.slow)])
def test_a_wrong_command_is_answered_without_its_secrets(
    ib_train: Callable, tmp_path: Path, mode: list[str], words: list[str]
) -> None:
    ended = ib_train(*mode, *SMALL, "epochs=-1", *words)
    assert ended.code == 2 and quiet(ended), ended.err
    (tmp_path / "outputs").mkdir(exist_ok=True)
    (tmp_path / "outputs" / "none").touch()
    assert not found(tmp_path / "outputs")


def test_a_misspelled_key_is_mended_without_the_secret(ib_train: Callable) -> None:
    ended = ib_train("tracker=wandb", f"tracker.api_key={CANARY}", "gama=0.1")
    assert ended.code == 2 and quiet(ended) and HIDDEN in ended.err


@pytest.mark.parametrize(
    "words",
    [
        ["name='a${oc.env:WANDB_API_KEY,b}'"],
        ["-m", "seed=0,1", "name=${oc.env:WANDB_API_KEY}"],
        ["-m", "seed=0,1", "output=x/${oc.env:WANDB_API_KEY}"],
        ["output=${tracker.entity}", "+tracker.entity=${oc.env:WANDB_API_KEY}"],
        [f"name=a{CANARY}"],  # as the shell writes it
    ],
)
def test_no_secret_becomes_a_folder(ib_train: Callable, tmp_path: Path, variables: None, words: list[str]) -> None:
    ended = ib_train(*words[:1], *QUICK, *words[1:])
    assert ended.code == 2 and quiet(ended) and ended.err.count("\n") == 1
    assert re.search("WANDB_API_KEY sounds like a secret|holds a secret", ended.err) and list(tmp_path.iterdir()) == []


def test_other_variables_are_written_out_where_numbers_depend_on_them(config: Callable) -> None:
    raw = {"output": "${oc.env:WHERE}", "architecture": {"_target_": "mlp", "activation": "${oc.env:KIND}"}}
    plain = {"output": "elsewhere/place", "architecture": {"_target_": "mlp", "activation": "relu"}}
    assert without_secrets(told_by_name(plain, raw)) == plain


def test_an_id_depends_on_the_value_and_not_on_how_it_was_given(config: Callable) -> None:
    plain = config(*SMALL)
    plain["dataset"] = {**plain["dataset"], "token": "one"}
    given = deepcopy(plain)
    given["dataset"]["token"] = FromEnvironment("one", "${oc.env:X}")
    other = {**plain, "dataset": {**plain["dataset"], "token": "two"}}
    assert run_id(plain, "") == run_id(given, "") != run_id(other, "")
    assert without_secrets(plain)["dataset"]["token"] == HIDDEN


def test_what_came_by_a_reference_is_told_by_the_name_of_the_key() -> None:
    raw = {
        "tracker": {"a": "${oc.env:TEAM_X}", "b": "${.a}", "c": "${tracker.b}/x", "d": "plain", "e": ["${tracker.a}"]}
    }
    plain = {"tracker": {"a": "somebody", "b": "somebody", "c": "somebody/x", "d": "plain", "e": ["somebody"]}}
    told = without_secrets(told_by_name(plain, raw))["tracker"]
    assert told == {"a": "${oc.env:TEAM_X}", "b": HIDDEN, "c": HIDDEN, "d": "plain", "e": [HIDDEN]}
    kept = told_by_name(plain, raw)["tracker"]["a"]
    for same in (deepcopy(kept), pickle.loads(pickle.dumps(kept))):
        assert same == "somebody" and same.shown == "${oc.env:TEAM_X}"


def test_a_value_that_the_shell_wrote_is_known_by_the_environment() -> None:
    begin(["ib-train", "+a.b=x"], {"MY_TOKEN": "l0ng-enough", "PATH": "/usr/bin:/bin", "OTHER_KEY": "short"})
    assert without_secrets({"a": {"b": "l0ng-enough", "c": "/usr/bin:/bin short"}, "d": ["xl0ng-enough"]}) == {
        "a": {"b": HIDDEN, "c": "/usr/bin:/bin short"}, "d": [HIDDEN]}  # fmt: skip
    assert told_command(["ib-train", "+a.b=l0ng-enough", "name=short"]) == "ib-train +a.b=*** name=short"


def test_a_default_of_a_secret_variable_is_no_word_of_the_file() -> None:
    told = told_by_name({"x": f"{CANARY}"}, {"x": f"${{oc.env:MY_TOKEN,{CANARY}}}"})
    assert without_secrets(told) == {"x": "${oc.env:MY_TOKEN}"}


@pytest.mark.parametrize(
    "word, told",
    [
        ("tracker.apikey=abcdef", "tracker.apikey=***"),
        ("+a.mytoken=abcdef", "+a.mytoken=***"),
        ("+a.my_credentials=abcdef", "+a.my_credentials=***"),
        ("+a.api_key=${oc.env:X}", "+a.api_key=${oc.env:X}"),
        ("tracker.uri=http://me:pw123@host/?b=1&access_token=abcdef", "tracker.uri=http://***@host/?b=1&access_token=***"),
        ('a.setup_lines=["export WANDB_API_KEY=abcdef"]', 'a.setup_lines=["export WANDB_API_KEY=***"]'),
        ("hydra.launcher.env={A_TOKEN:abcdef,B:c}", "hydra.launcher.env={A_TOKEN:***,B:c}"),
        ("++hydra.job.env_set.IB_TRAIN_JOBS=0123", "++hydra.job.env_set.IB_TRAIN_JOBS=0123"),
        ("a.b={secrets: [abcdef, ghijkl], e: 1}", "a.b={secrets: ***, e: 1}"),
        ("a.b={c: {passwords: {d: abcdef, e: {f: abcdef}}}, g: 1}", "a.b={c: {passwords: ***}, g: 1}"),
        ("a.b={Authorization: abcdef, db_pass: abcdef}", "a.b={Authorization: ***, db_pass: ***}"),
        ("tracker.uri=sql://me:abcdef@/ghijkl@host/db", "tracker.uri=sql://***@host/db"),
        ("tracker.uri=https://abcdef@host/x@y", "tracker.uri=https://***@host/x@y"),
        ("tracker.uri=https://host:8080/@user", "tracker.uri=https://host:8080/@user"),
        ("tracker.tags=['API_KEY=\"abcdef\"']", "tracker.tags=['API_KEY=***']"),
        ("a.b=['export DB_PASSWORD=abcdef,gh x','A_KEY=abcdef']", "a.b=['export DB_PASSWORD=*** x','A_KEY=***']"),
        ("a.lines=DB_PASSWORD=abcdef,epochs=3", "a.lines=DB_PASSWORD=***,epochs=3"),
        ("a.lines=['login --token abcdef']", "a.lines=['login --token ***']"),
        ("a.text='api_key: abcdef'", "a.text='api_key: ***'"),
        ("a.lines=['export A_KEY=$(cat file)']", "a.lines=['export A_KEY=$(cat file)']"),
        ("sampler.monkey=abcdef", "sampler.monkey=abcdef"),
        ("+a.key=", "+a.key="),
    ],
)  # fmt: skip
def test_words_of_a_command(word: str, told: str) -> None:
    assert told_word(word) == told
    assert told_word(told) == told
    if told != word and "${" not in word:
        assert "abcdef" not in hidden("the value abcdef was wrong")


def test_a_secret_is_hidden_as_other_languages_write_it() -> None:
    value = 'Ab\\s3cr3t\té"c/d e\nf'
    begin([], {"MY_PRIVATE_KEY": value})
    for text in (
        repr(value),
        json.dumps(value),
        json.dumps(value, ensure_ascii=False),
        quote(value),
        quote_plus(value),
    ):
        assert "s3cr3t" not in hidden(f"error: {text}"), text


def test_a_part_of_an_account_is_hidden_elsewhere_too() -> None:
    masked("https://me:p4ssw0rd@host/a@b")
    assert hidden("p4ssw0rd") == HIDDEN


@pytest.mark.parametrize("program", ["report", "encode", "evaluate"])
def test_other_programs_hide_what_the_environment_holds(
    program: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MY_TOKEN", CANARY)
    main = {"report": report, "encode": encode, "evaluate": evaluate}[program]
    monkeypatch.setattr("sys.argv", [f"ib-{program}", "outputs", "--x", CANARY])
    with pytest.raises(SystemExit):
        main()
    said = capsys.readouterr()
    assert HIDDEN in said.err and CANARY not in said.out + said.err


def test_what_is_remembered_is_hidden_in_any_text() -> None:
    assert without_secrets({"a": {"password": "pass word/1"}, "token": 12345, "b": None, "auth": False}) == {
        "a": {"password": HIDDEN}, "token": HIDDEN, "b": None, "auth": False}  # fmt: skip
    assert hidden("pass word/1 and pass%20word%2F1 at 12345") == "*** and *** at ***"
    assert told_line("a\x1b[2J\n12345") == "a\\x1b[2J\\x0a***"
    assert masked("https://me:secretword@host, secretword") == "https://***@host, secretword"
    assert hidden("secretword") == HIDDEN
    without_secrets({"token": "ab"})  # too short to be looked for in other texts
    assert hidden("about") == "about"


def test_no_key_of_ours_sounds_like_a_secret() -> None:
    def keys(node: Any) -> list[str]:
        return [
            key for name, inner in node.items() for key in (name, *(keys(inner) if isinstance(inner, dict) else []))
        ]

    for file in directory("conf").rglob("*.yaml"):
        assert not [key for key in keys(yaml.safe_load(file.read_text()) or {}) if sounds_secret(str(key))], file
    assert shlex.split(told_word("objective=vib")) == ["objective=vib"]


def test_places_and_words_of_secret_sounding_variables_stay(tmp_path: Path) -> None:
    """The shell's PWD, a path that is there and a word of the program's own hide nothing in a config."""
    where = {"PWD": str(tmp_path), "OLDPWD": str(tmp_path), "SSH_AUTH_SOCK": str(tmp_path), "SITE_KEY": "gaussian"}
    begin([], {**where, "API_KEY": "s3cr3t-0f-mine"})
    config = {"path": f"{tmp_path}/my.npz", "marginal": {"_target_": "a.gaussian.Gaussian", "kind": "gaussian"}}
    assert without_secrets(config) == config
    assert hidden(f"in {tmp_path}: s3cr3t-0f-mine") == f"in {tmp_path}: ***"
