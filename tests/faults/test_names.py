"""No command makes a folder outside its output folder, or one whose name acts on a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ib_cli.config.schema import check
from ib_cli.config.settings import Settings
from ib_cli.config.study_folder import is_plain
from ib_cli.contracts.errors import ConfigError
from ib_cli.datasets.mnist import Mnist
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
        check("", _Named, {"name": name})
        taken = True
    except ConfigError as error:
        taken = False
        assert "must be a plain word" in str(error)
    assert taken == is_plain(name)


def _Named(*, name: Any) -> None:  # noqa: N802 (stands for a class)
    """Takes the settings' name alone."""


_Named.__annotations__["name"] = Settings.__annotations__["name"]


def quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


@pytest.mark.parametrize("name", ["../../evil", "/abs", "a\nb", "a\x1b[2J", "[red]x", "<script>"])
@pytest.mark.parametrize("mode", [[], ["-m"]], ids=["run", "multirun"])
def test_a_name_that_is_no_plain_word_makes_no_folder(
    ib_train: Callable, tmp_path: Path, mode: list[str], name: str
) -> None:
    before = set(tmp_path.parent.parent.iterdir())
    ended = ib_train(*mode, *QUICK, f"name={quoted(name)}")
    assert ended.code == 2 and ended.err.count("\n") == 1 and "must be a plain word" in ended.err, ended.err
    assert ended.err[:-1].isprintable() and ended.out == ""
    assert list(tmp_path.iterdir()) == [] and set(tmp_path.parent.parent.iterdir()) == before


def test_a_name_among_others_is_refused_and_the_others_run(ib_train: Callable, tmp_path: Path) -> None:
    ended = ib_train("-m", *QUICK, "output=outputs/x", "name=a,'../../../evil',b")
    assert ended.code == 1 and "2 done, 1 wrong" in ended.out and "name=../../../evil: must be" in ended.err
    assert sorted(each.name for each in (tmp_path / "outputs/x").iterdir()) == ["a", "b", "runs"]
    assert [each.name for each in tmp_path.iterdir()] == ["outputs"]
    assert not list((tmp_path / "outputs").rglob(".jobs"))


@pytest.mark.parametrize(
    "word",
    [
        "hydra.run.dir=evil",
        "hydra.sweep.dir=evil",
        "hydra.sweep.dir=${output}/../evil",
        "hydra.sweep.subdir=../../evil",
        "hydra.output_subdir=.hydra",
        "hydra/sweeper=basic",
        "hydra/launcher=basic",
        r"output='a\nb'",
        "output='a\x1b[2Jb'",
        "output='a\u202eb'",
    ],
)
def test_folders_are_hydras_in_no_way(ib_train: Callable, tmp_path: Path, word: str) -> None:
    word = word.replace(r"\n", "\n")
    for mode in ([], ["-m"]) if word.startswith("hydra.") else (["-m"],):
        ended = ib_train(*mode, *QUICK, word)
        assert ended.code == 2 and ended.err.count("\n") == 1 and ended.err[:-1].isprintable(), ended.err
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [[], ["-m"]], ids=["run", "multirun"])
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

    monkeypatch.setattr("torchvision.datasets.MNIST", fails)
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
    files = [
        file for folder in ("ib_cli", "hydra_plugins", "docs", "conf", "sweeps") for file in (root / folder).rglob("*")
    ]
    assert not [file for file in files if file.suffix in (".py", ".md", ".yaml") and "=/tmp" in file.read_text()]
