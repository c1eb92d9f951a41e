"""A config file or a class of a person's own that is wrong is one line, which names the file or the key."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ib_cli.config.advice import advised
from ib_cli.config.error_lines import UsageError, explain
from ib_cli.config.unreadable_files import own_file
from ib_cli.contracts.errors import ConfigError
from ib_cli.run.library import compose
from ib_cli.run.run_ids import run_id
from ib_cli.run.target import target_of
from tests.conftest import SMALL
from tests.families import family

FILES = {  # a file of one's own for the group architecture → what the line says
    "a_list": ("- a\n- b\n", "architecture/a_list.yaml, line 1, column 1: a config file has lines of KEY: VALUE"),
    "words": ("just words\n", "architecture/words.yaml, line 1, column 1: a config file has lines of KEY: VALUE"),
    "number": ("3\n", "architecture/number.yaml, line 1, column 1: a config file has lines of KEY: VALUE"),
    "empty": ("", "architecture: has no _target_; a file of your own needs one, as in _target_: my_module.MyArch"),
    "keys": ("widths: [3]\n", "architecture: has no _target_"),
    "command": (
        "_target_: os.system\ncommand: ls\n",
        "architecture._target_=os.system: is no part of a model; choose one",
    ),
    "system": ("_target_: os.system\n", "architecture._target_=os.system: is no part of a model; choose one"),
    "print": ("_target_: builtins.print\n", "architecture._target_=builtins.print: is no part of a model; choose"),
    "identity": ("_target_: torch.nn.Identity\n", "runs code of torch; if you trust that package, add trust=torch"),
    "dict": ("_target_: builtins.dict\n", "architecture._target_=builtins.dict: is no part of a model; choose"),
    "three": ("_target_: 3\n", "architecture._target_=3: must be the path of a class, as in _target_: my_module.MyA"),
    "nothing": ("_target_:\n", "architecture._target_=None: must be the path of a class"),
    "listed": ("_target_: [a]\n", "architecture._target_=['a']: must be the path of a class"),
    "nameless": ("_target_: ''\n", "architecture._target_=: must be the path of a class"),
    "leaving": ("_target_: leaving\n", "architecture._target_=leaving: cannot be imported (3); is its folder on"),
    "default_of_none": ("defaults:\n  - none\n", "architecture/default_of_none: defaults: there is no architecture"),
    "default_list": ("defaults:\n  - a_list\n", "architecture/a_list.yaml, line 1, column 1: a config file has lines"),
    "default_folder": ("defaults:\n  - folder\n", "architecture/folder.yaml: a config must be a file, and this is a "),
    "defaults_3": ("defaults: 3\n", "architecture/defaults_3.yaml, line 1, column 11: defaults must be a list, and an"),
    "defaults_map": ("defaults: {a: b}\n", "defaults_map.yaml, line 1, column 11: defaults must be a list"),
    "default_3": ("defaults:\n  - 3\n", "default_3.yaml, line 2, column 5: an entry of defaults is FILE or GROUP: OPT"),
    "default_map": ("defaults:\n  - a: {b: c}\n", "default_map.yaml, line 2, column 5: an entry of defaults is FILE"),
    "default_two": ("defaults:\n  - a: b\n    c: d\n", "default_two.yaml, line 2, column 5: an entry of defaults is"),
    "default_number": ("defaults:\n  - a: 1\n", "default_number.yaml, line 2, column 5: an entry of defaults is FILE"),
    "group": ("defaults:\n  - override /bottleneck: none\n", "architecture/group: defaults: to choose another bottle"),
    "no_group": ("defaults:\n  - override /no: none\n", "architecture/no_group: defaults: there is no no@architect"),
    "circle": ("defaults:\n  - circle\n", "architecture/circle: its defaults lead back to itself"),
    "deep": ("a: " + "[" * 3000 + "]" * 3000, "its values are nested too deeply"),
}


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "my configs" / "architecture"
    folder.mkdir(parents=True)
    for name, (content, _) in FILES.items():
        (folder / f"{name}.yaml").write_text(content)
    (folder / "folder.yaml").mkdir()
    (folder / "link.yaml").symlink_to("gone.yaml")
    (folder / "short.yml").write_text("_target_: mlp\n")
    os.mkfifo(folder / "pipe.yaml")
    (tmp_path / "leaving.py").write_text("import sys\nsys.exit(3)\n")
    monkeypatch.syspath_prepend(tmp_path)
    return folder.parent


@pytest.mark.parametrize("name", family(list(FILES), every=5))
def test_a_wrong_file_of_ones_own_is_one_line(ib_train: Callable, own: Path, name: str) -> None:
    ended = ib_train("--config-dir", str(own), f"architecture={name}", "trust=leaving")
    (line,) = ended.err.splitlines()
    assert ended.code == 2 and line.startswith("ib-train: ") and FILES[name][1] in line, line
    assert not Path("outputs").exists()


@pytest.mark.parametrize("value", ["null", "3", "{a: 1}", "true"])
def test_what_is_no_option_is_named(ib_train: Callable, value: str) -> None:
    ended = ib_train(*SMALL[:2], f"architecture={value}")
    assert ended.code == 2 and ended.err.startswith(f"ib-train: architecture={value}: choose one of"), ended.err
    with pytest.raises(ConfigError, match="choose one of the group's options"):
        compose([f"architecture={value}"])


@pytest.mark.parametrize(
    "name, told",
    family(
        [
            ("folder", "folder.yaml: a config must be a file, and this is a folder"),
            ("link", "link.yaml: a config must be a file, and this is a link to no file"),
            ("pipe", "pipe.yaml: a config must be a file, and this is a pipe or a device"),
            ("short", "short.yml: the name of a config ends in .yaml"),
        ],
        every=2,
    ),
)
def test_an_option_that_is_no_file_is_not_said_to_be_missing(
    ib_train: Callable, own: Path, name: str, told: str
) -> None:
    ended = ib_train("--config-dir", str(own), f"architecture={name}")
    assert ended.code == 2 and ended.err == f"ib-train: {own}/architecture/{told}\n"
    with pytest.raises(ConfigError, match=told):
        compose([f"architecture={name}"], config_dir=own)


def test_wrong_files_leave_the_other_jobs(ib_train: Callable, own: Path) -> None:
    wrong = ["circle", "default_3", "pipe", "a_list"]
    words = [*SMALL, "epochs=1", f"architecture={','.join(['mlp', *wrong])}", "architecture.widths=[8]"]
    ended = ib_train("--config-dir", str(own), "-m", *words)
    assert ended.code == 1 and "1 done, 4 wrong" in ended.out, ended.out + ended.err
    assert [line.partition(": ")[2].partition(":")[0] for line in ended.err.splitlines()] == [
        f"architecture={name}" for name in wrong
    ]


def test_a_file_that_may_not_be_read_is_named(own: Path) -> None:
    error = PermissionError(13, "Permission denied", str(own / "architecture" / "keys.yaml"))
    assert explain(error, []) == f"{own}/architecture/keys.yaml: cannot be read (Permission denied)"
    assert own_file(error, [f"--config-dir={own}"]) and not own_file(error, [])
    assert not own_file(OSError("no file"), [f"--config-dir={own}"])


def test_parameters_of_ones_own_class_need_no_types(own: Path) -> None:
    (own.parent / "mine.py").write_text(
        "from __future__ import annotations\n"
        "import torch\nclass Free(torch.nn.Module):\n    def __init__(self, shape, *, width=3):\n"
        "        super().__init__()\n        self.features = width\n"
        "class Unknown(torch.nn.Module):\n    def __init__(self, shape, *, width: Nothing = 3): pass\n"
    )
    try:
        assert target_of("architecture", {"_target_": "mine.Free", "width": 5}, trust=["mine"])((3,)).features == 5
        with pytest.raises(ConfigError, match=r"architecture\.wide: no such key; did you mean width"):
            target_of("architecture", {"_target_": "mine.Free", "wide": 5}, trust=["mine"])
        with pytest.raises(ConfigError, match=r"types cannot be read .*Nothing"):
            target_of("architecture", {"_target_": "mine.Unknown"}, trust=["mine"])
    finally:
        sys.modules.pop("mine", None)


def test_a_file_with_the_name_of_one_of_ours_is_told(ib_train: Callable, tmp_path: Path) -> None:
    for name in ("architecture/mlp.yaml", "architecture/own.yaml", "config.yaml"):
        file = tmp_path / "mine" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{}")
    ended = ib_train("--config-dir", str(tmp_path / "mine"), "--cfg", "job")
    told = [line.split(": ")[1] for line in ended.err.splitlines() if "is not read" in line]
    assert ended.code == 0 and [Path(file).name for file in told] == ["mlp.yaml", "config.yaml"]


def test_ib_data_is_the_default_of_root_and_no_part_of_an_id(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {}
    for there in ("/some/where", None):
        monkeypatch.setenv("IB_DATA", there) if there else monkeypatch.delenv("IB_DATA", raising=False)
        found[there] = [compose([f"dataset={name}"]) for name in ("mnist", "transfer")]
        assert {config["dataset"]["root"] for config in found[there]} == {there or "data"}
        assert compose(["dataset=mnist", "dataset.root=here"])["dataset"]["root"] == "here"
    assert [run_id(config, "") for config in found["/some/where"]] == [run_id(config, "") for config in found[None]]


@pytest.mark.parametrize("name", family([*FILES, "folder", "link"], every=3))
def test_help_with_wrong_words_survives_wrong_files(own: Path, name: str) -> None:
    words = ["--config-dir", str(own), f"architecture={name}", "lr=1", "vib"]
    line = advised(UsageError("wrong"), words)
    assert line.startswith("vib: ") and line.endswith(f"architecture={name} optimizer.lr=1 objective=vib"), line


@pytest.mark.parametrize(
    "words, told",
    family(
        [
            (["architecture=mine", "dept=3"], "dept: no such key; did you mean architecture.depth? "),
            (
                ["architecture=mine", "architecture.dept=3"],
                "architecture.dept: no such key; did you mean architecture.depth? ",
            ),
            (["depth=3"], "depth: architecture=mlp has no such key; architecture=base has architecture.depth: "),
            (["architecture=Mine"], "architecture=Mine: no such architecture; did you mean mine? "),
            (["mine"], "mine: an override is KEY=VALUE: "),
            (["sweep=Weighs"], "sweep=Weighs: no such sweep; did you mean weighs? "),
        ],
        every=2,
    ),
)
def test_wrong_words_are_answered_with_ones_own(
    ib_train: Callable, tmp_path: Path, words: list[str], told: str
) -> None:
    for file, content in {
        "architecture/mine.yaml": "defaults:\n  - base\n  - _self_\n_target_: m.Mine\n",
        "architecture/base.yaml": "_target_: m.Base\ndepth: 2\n",
        "sweep/weighs.yaml": "# @package _global_\nname: x\n",
    }.items():
        (tmp_path / "mine" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / file).write_text(content)
    ended = ib_train("--config-dir", "mine", *words)
    assert ended.code == 2 and ended.err.startswith(f"ib-train: {told}ib-train --config-dir mine "), ended.err
