"""No command makes a folder outside its output folder, or one whose name acts on a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from ib_cli.config.schema import check
from ib_cli.config.settings import Settings
from ib_cli.config.study_folder import check_study_folder, is_plain
from ib_cli.contracts.errors import ConfigError
from ib_cli.datasets.mnist import Mnist
from ib_cli.system.torchvision_import import import_torchvision
from tests.conftest import SMALL

QUICK = (*SMALL, "epochs=1")
NAMES = (
    "../../evil", "..", ".", "/abs", "a/b", "a\nb", "a\tb", "a\x1b[2J", "a\x07", "[red]x", "<script>", "*bold*", "`x`",
    "a\u202eb", "a\u2028b", "-x", " x", "~", "$HOME", "a\\b", "a:b", "", "a|b", "C:x",
)  # fmt: skip
PLAIN = ("runs", "a b", "опыт", "v1.2+x-3_", "_x", "é", unicodedata.normalize("NFD", "é"), "क्षि", "a..", "名前", "٣")


@pytest.mark.parametrize("name", [*NAMES, *PLAIN])
def test_which_names_are_plain(name: str) -> None:
    assert is_plain(name) == (name in PLAIN)
    try:  # the settings, which check the name again, say the same
        check("", _named, {"name": name})
        taken = True
    except ConfigError as error:
        taken = False
        assert "must be a plain word" in str(error)
    assert taken == is_plain(name)


def _named(*, name: Any) -> None:
    """Takes the settings' name alone."""


_named.__annotations__["name"] = get_type_hints(Settings, include_extras=True)["name"]


def quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


@pytest.mark.parametrize(
    "mode, name",
    [
        ([], "a\nb"),
        ([], "../../evil"),
        (["-m"], "../../evil"),
        (["-m"], "/abs"),
        (["-m"], "[red]<b>"),
        (["-m"], "a\x1b[2J"),
    ],
)
def test_a_name_that_is_no_plain_word_makes_no_folder(
    ib_train: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: list[str], name: str
) -> None:
    (tmp_path / "a/b").mkdir(parents=True)  # so that ../../evil would be here
    monkeypatch.chdir(tmp_path / "a/b")
    ended = ib_train(*mode, *QUICK, f"name={quoted(name)}")
    assert ended.code == 2 and ended.err.count("\n") == 1 and "must be a plain word" in ended.err, ended.err
    assert ended.err[:-1].isprintable() and ended.out == ""
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "a", tmp_path / "a/b"]


def test_a_name_among_others_is_refused_and_the_others_run(ib_train: Callable, tmp_path: Path) -> None:
    ended = ib_train("-m", *QUICK, "output=outputs/x", "name=a,'../../../evil',b")
    assert ended.code == 1 and "2 done, 1 wrong" in ended.out and "name=../../../evil: must be" in ended.err
    assert sorted(each.name for each in (tmp_path / "outputs/x").iterdir()) == ["a", "b", "runs"]
    assert [each.name for each in tmp_path.iterdir()] == ["outputs"]
    assert not list((tmp_path / "outputs").rglob(".jobs"))


@pytest.mark.parametrize(
    "words",
    [
        ["hydra.run.dir=evil"],
        ["-m", "hydra.sweep.dir=${output}/../evil"],
        ["-m", "hydra/sweeper=basic"],
        ["output='a\nb'"],
        ["-m", "output='a\x1b[2J\u202eb'"],
    ],
)
def test_a_command_that_names_another_folder_makes_none(ib_train: Callable, tmp_path: Path, words: list[str]) -> None:
    ended = ib_train(*words[:-1], *QUICK, words[-1])
    assert ended.code == 2 and ended.err.count("\n") == 1 and ended.err[:-1].isprintable(), ended.err
    assert list(tmp_path.iterdir()) == []


def test_a_home_directory(ib_train: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`~` is the home directory, quoted or not, and never a folder of that name."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert ib_train(*QUICK, "output=~/one").code == ib_train("-m", *QUICK, "output='~/two'").code == 0
    assert sorted(each.name for each in (tmp_path / "home").iterdir()) == ["one", "two"]
    assert [each.name for each in tmp_path.iterdir()] == ["home"]
    (tmp_path / "mine.yaml").write_text("# @package _global_\noutput: ~/three\nhydra:\n  mode: MULTIRUN\n")
    ended = ib_train("sweep=mine.yaml", *QUICK)
    assert ended.code == 2 and "output=~/three: ~ is a home directory on the command line only" in ended.err


def test_a_refused_multirun_leaves_no_folder(ib_train: Callable, tmp_path: Path) -> None:
    for words in (["epochs=inf,0"], ["hydra.sweeper=null"], ["gamma=interval(0,1)"], ["seed=range(1000000000)"]):
        ended = ib_train("-m", *QUICK, *words)
        assert ended.code == 2 and list(tmp_path.iterdir()) == [], (words, ended)
    ended = ib_train("-m", *QUICK, "epochs=1,0")  # one of them runs, and the study's folder stays
    assert ended.code == 1 and (tmp_path / "outputs/runs/study.log").exists()
    before = sorted((tmp_path / "outputs").rglob("*"))
    assert ib_train("-m", *QUICK, "epochs=inf,0").code == 2
    assert sorted((tmp_path / "outputs").rglob("*")) == before


RIGHT = {"run": {"dir": "."}, "sweep": {"dir": "${output}/${name}", "subdir": "."}, "output_subdir": None}


@pytest.mark.parametrize(
    "hydra, told",
    [
        ({"run": {"dir": "evil"}}, r"hydra\.run\.dir: leave it"),
        ({"sweep": {"dir": "${output}/../x", "subdir": "."}}, r"hydra\.sweep\.dir: leave it"),
        ({"sweep": {"dir": "${output}/${name}", "subdir": "../.."}}, r"hydra\.sweep\.subdir: leave it"),
        ({"output_subdir": ".hydra"}, r"hydra\.output_subdir: leave it"),
        ({"launcher": {"_target_": "hydra._internal.core_plugins.basic_launcher.BasicLauncher"}}, "hydra/launcher: "),
        ({"sweeper": {"_target_": "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"}}, "hydra/sweeper: "),
    ],
)
def test_hydras_own_folders_are_fixed(hydra: dict[str, Any], told: str) -> None:
    check_study_folder({"hydra": RIGHT}, "runs", "outputs")
    with pytest.raises(ConfigError, match=told):
        check_study_folder({"hydra": RIGHT | hydra}, "runs", "outputs")


def test_an_output_folder_is_any_that_can_be_told() -> None:
    for output in ("/abs/x", "../up", "a~b", "a b", "é[red]", "s3:x"):
        check_study_folder({"hydra": RIGHT}, "runs", output)
    for output in ("a\nb", "a\x1b", "a\u202e", "a\u2028"):
        with pytest.raises(ConfigError, match="without line breaks"):
            check_study_folder({"hydra": RIGHT}, "runs", output)


@pytest.mark.parametrize("mode", [[], pytest.param(["-m"], marks=pytest.mark.slow)])
def test_the_longest_name(ib_train: Callable, tmp_path: Path, mode: list[str]) -> None:
    ended = ib_train(*mode, *QUICK, f"name={'n' * 256}")
    assert ended.code == 2 and ended.err.count("\n") == 1 and "File name too long" in ended.err
    assert not list(tmp_path.rglob("*n*/*"))
    assert ib_train(*mode, *QUICK, f"name={'n' * 255}").code == 0


@pytest.mark.parametrize("there", [False, True])
def test_a_failed_download_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    def fails(root: str, download: bool) -> None:
        assert Path(root).is_dir()
        raise RuntimeError("no network")

    monkeypatch.setattr(import_torchvision().datasets, "MNIST", fails)
    (tmp_path / "mine").mkdir()
    if there:
        (tmp_path / "mine/data/MNIST").mkdir(parents=True)
        (tmp_path / "mine/data/MNIST/file").touch()
    before = sorted(tmp_path.rglob("*"))
    data = Mnist(**{**_keys(), "root": str(tmp_path / "mine/data/deep"), "download": True})
    with pytest.raises(ConfigError, match="could not fetch MNIST"):
        data.read()
    assert sorted(tmp_path.rglob("*")) == before


def _keys() -> dict[str, Any]:
    from tests.conftest import composed

    return {key: value for key, value in composed(("dataset=mnist",))["dataset"].items() if key != "_target_"}


def test_the_remedy_is_no_folder_that_all_know() -> None:
    root = Path(__file__).parents[2]
    for folder in ("ib_cli", "hydra_plugins", "docs", "conf", "sweeps"):
        files = [file for file in (root / folder).rglob("*") if file.suffix in (".py", ".md", ".yaml")]
        assert files and not [file for file in files if "=/tmp" in file.read_text()]
