"""What one can do to Hydra, its files and the interpreter: it works, or is one line."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from ib_cli.config.quick_yaml import quick_yaml
from ib_cli.contracts.errors import ConfigError
from ib_cli.main import warnings_in_a_line
from ib_cli.run.library import compose
from tests.conftest import SMALL
from tests.families import family

ROOT = Path(__file__).parents[2]
HEAD = b"# @package _global_\n"
FILES = {  # a file of one's own for the group objective → what the line says
    "malformed": (HEAD + b"gamma: [1\nobjective: {name", "objective/malformed.yaml, line 3, column "),
    "tab": (HEAD + b"objective:\n\tname: x\n", "objective/tab.yaml, line 3, column 1: while scanning"),
    "twice": (HEAD + b"gamma: 1\ngamma: 2\n", "objective/twice.yaml, line 3, column 1: while constructing a mapping"),
    "empty": (b"", "objective.minimise must map functionals to weights"),
    "words": (b"just words\n", "objective/words.yaml, line 1, column 1: a config file has lines of KEY: VALUE"),
    "binary": (b"\x8e\x00\xff\xfe", "objective/binary.yaml: is no YAML in UTF-8: line 1: "),
    "latin": (HEAD + b"# caf\xe9\ngamma: 1\n", "objective/latin.yaml: is no YAML in UTF-8: line 2: "),
    "nul": (HEAD + b"gamma: \x00\n", "objective/nul.yaml: is no YAML in UTF-8: character 28: "),
    "unknown_alias": (HEAD + b"gamma: *x\n", "objective/unknown_alias.yaml, line 2, column 8: found undefined alias"),
    "recursive": (HEAD + b"objective: &o\n  minimise: *o\n", "objective/recursive.yaml, line 2, column 12: an alias"),
    "bomb": (
        HEAD + b"a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
        + b"".join(b"%c: &%c [%s]\n" % (n + 1, n + 1, b", ".join([b"*%c" % n] * 10)) for n in b"abcdefgh"),
        "objective/bomb.yaml, line ",
    ),
    "object": (HEAD + b"gamma: !!python/object:os.system 1\n", "objective/object.yaml, line 2, column 8: could not"),
    "documents": (HEAD + b"gamma: 1\n---\nb: 2\n", "objective/documents.yaml, line 3, column 1: expected a single"),
    "number_key": (HEAD + b"1: 2\ngamma: 1\nobjective: {name: x, minimise: {R: gamma}}\n", "1: no such key; keys are"),
    "half_interpolation": (HEAD + b"gamma: ${\n", "gamma: no viable alternative at input '${'"),
    "defaults": (HEAD + b"defaults: 3\n", "objective/defaults.yaml, line 2, column 11: defaults must be a list"),
}  # fmt: skip


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "my configs"
    (folder / "objective").mkdir(parents=True)
    for name, (content, _) in FILES.items():
        (folder / "objective" / f"{name}.yaml").write_bytes(content)
    fine = HEAD + "gamma: 0.1  # γ\nobjective: {name: fine, minimise: {C: 1, R: gamma}}\n".encode()
    (folder / "objective" / "fine.yaml").write_bytes(fine)
    return folder


@pytest.mark.parametrize("name", family(list(FILES), every=2))
def test_a_file_that_cannot_be_read_is_one_line(ib_train: Callable, own: Path, name: str) -> None:
    ended = ib_train("--config-dir", str(own), *SMALL, f"objective={name}")
    (line,) = ended.err.splitlines()
    assert ended.code == 2 and line.startswith("ib-train: ") and FILES[name][1] in line, ended.err


def test_a_file_that_cannot_be_read_is_an_error_of_the_library(own: Path) -> None:
    with pytest.raises(ConfigError) as error:
        compose(["objective=latin"], config_dir=own)
    assert FILES["latin"][1] in str(error.value)


def test_a_wrong_file_leaves_the_other_jobs(ib_train: Callable, own: Path) -> None:
    ended = ib_train("--config-dir", str(own), "-m", *SMALL, "epochs=1", "objective=fine,malformed,latin")
    assert ended.code == 1 and "1 done, 2 wrong" in ended.out, ended.out + ended.err
    malformed, latin = ended.err.splitlines()
    assert malformed.startswith("ib-train: objective=malformed: ") and "malformed.yaml, line 3" in malformed
    assert "latin.yaml: is no YAML" in latin


def test_aliases_work_where_they_are_few() -> None:
    import yaml

    with quick_yaml():
        assert yaml.load("a: &a {b: 1}\nc: [*a, *a]", Loader=yaml.SafeLoader)["c"] == [{"b": 1}, {"b": 1}]


def test_help_lists_the_options_of_ones_own_folder(ib_train: Callable, own: Path) -> None:
    text = ib_train("--help", "--config-dir", str(own)).out
    at = text.index(f"In {own}")
    assert "fine" in text[at:] and "objective" in text[at : at + 200] and "In " not in ib_train("--help").out
    assert "there are " in (told := ib_train(f"--config-dir={own}", "objective=nothing").err) and "fine" in told


@pytest.mark.parametrize(
    "arguments, told",
    family(
        [
            (["hydra.job.chdir=true"], "hydra.job.chdir=true: ib-train stays in the folder of the command"),
            (["-m", "seed=0,1", "hydra.job.chdir=true"], "hydra.job.chdir=true: ib-train stays in the folder"),
            (["-m", "seed=0,1", "hydra.job.chdir=true", "hydra/launcher=vectorized"], "hydra.job.chdir=true"),
            (["-m", "seed=0,1", "hydra.launcher._target_=nothing.Here"], "_target_=nothing.Here: is no launcher"),
            (["-m", "seed=0,1", "hydra.launcher._target_=hydra_plugins.ib_train.no.X"], "X: is no launcher or sweeper"),
            (["-m", "seed=0,1", "hydra.sweeper._target_=os.getcwd"], "_target_=os.getcwd: is no launcher or sweeper"),
            (["-m", "seed=0,1", "hydra.launcher=null"], "hydra.launcher: a multirun needs one"),
            (["-m", "seed=0,1", "+hydra.sweeper.foo=1"], "hydra.sweeper.foo: no such key"),
            (
                ["-m", "seed=0,1", "hydra.sweeper.max_batch_size=x"],
                "hydra.sweeper.max_batch_size=x: must be an integer",
            ),
            (["-m", "seed=0,1", "hydra.sweeper.max_batch_size=-1"], "hydra.sweeper.max_batch_size=-1: must be greater"),
            (["-m", "hydra.sweeper.params=3"], "hydra.sweeper.params=3: must be a dictionary"),
            (["-m", "hydra.sweeper.points={a: 1}"], "hydra.sweeper.points.a=1: must be a dictionary"),
            (["-m", "seed=0,1", "~hydra.callbacks.study"], "hydra.callbacks.study: a multirun needs it"),
            (["-m", "seed=0,1", "hydra.sweep.dir=${nothing}"], "hydra.sweep.dir: leave it as it is"),
            (["hydra.run.dir=null"], "hydra.run.dir=null: field 'hydra.run.dir' is not Optional"),
            (["hydra.mode=x"], "hydra.mode=x: Invalid value 'x'"),
            (["hydra.nothing=1"], "hydra.nothing: no such key; ib-train --cfg hydra lists"),
            (["hydra/job_logging=nothing"], "hydra/job_logging=nothing: no such hydra/job_logging; there are disabled"),
        ],
        every=2,
    ),
)
def test_a_wrong_key_of_hydras_is_one_line(ib_train: Callable, arguments: list[str], told: str) -> None:
    ended = ib_train(*arguments)
    assert ended.code == 2 and ended.out == "" and len(ended.err.splitlines()) == 1, ended.out + ended.err
    assert ended.err.startswith("ib-train: ") and told in ended.err
    assert not list(Path("outputs").glob("*/.jobs/*"))


def test_an_error_that_nobody_foresaw_is_one_line(ib_train: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(config: object) -> None:
        raise KeyError("a\nb")

    monkeypatch.setattr("ib_cli.run.run.run", broken)
    ended = ib_train(*SMALL)
    assert ended.code == 1 and ended.err.splitlines() == ["ib-train: KeyError: 'a\\nb' (debug=true shows where)"]
    assert "Traceback" in ib_train(*SMALL, "debug=true").err


def test_a_warning_is_one_line_without_its_place() -> None:
    before = warnings.formatwarning
    with warnings_in_a_line():
        assert warnings.formatwarning(UserWarning("two\n  lines"), UserWarning, "a.py", 3) == "ib-train: two lines\n"
    assert warnings.formatwarning is before


def two_runs(own: Path, name: str) -> list[str]:
    return ["--config-dir", str(own), "-m", *SMALL, "epochs=1", "seed=range(2)", "objective=fine", f"name='{name}'",
            "hydra.sweeper.points={a: {averaging: 0.1}}"]  # fmt: skip


def test_a_study_has_a_name_in_any_letters(ib_train: Callable, own: Path) -> None:
    ended = ib_train(*two_runs(own, "опыт"))
    assert ended.code == 0 and "2 done" in ended.out and ended.err == "", ended.out + ended.err
    assert len(list(Path("outputs/опыт").glob("*/result.json"))) == 2


@pytest.mark.parametrize("optimise", ["", pytest.param("1", marks=pytest.mark.slow)])
def test_any_interpreter_and_locale_will_do(tmp_path: Path, own: Path, optimise: str) -> None:
    """In a locale of ASCII, with a standard output in Latin-1, and without its asserts, which compiles all of torch."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    plain = {"PYTHONOPTIMIZE": optimise, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    ended = subprocess.run(
        [sys.executable, "-m", "ib_cli", *two_runs(own, "my study")], cwd=folder, capture_output=True,
        encoding="latin-1", env=os.environ | plain | {"PYTHONIOENCODING": "latin-1", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert ended.returncode == 0 and "2 done" in ended.stdout and ended.stderr == "", ended.stdout + ended.stderr
    assert len(list((folder / "outputs/my study").glob("*/result.json"))) == 2
    assert "2/2 done" in (folder / "outputs/my study/study.log").read_text(encoding="utf-8")
