"""What a newcomer gets wrong, with a file of one's own above all: the line says what would be right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ib_cli.config.schema import check
from ib_cli.config.spacings import alike, geomspace, logspace
from ib_cli.contracts.errors import ConfigError
from ib_cli.run.target import Target, imported, target_of
from ib_cli.study.job_outcomes import Outcome
from ib_cli.study.study_table import end_table, written_alike
from tests.conftest import Ended


class ByPosition(nn.Module):
    """An architecture whose key is taken by position."""

    def __init__(self, input_shape: tuple[int, ...], hidden: int = 32) -> None:
        super().__init__()
        self.features = hidden


class WithoutTape(nn.Module):
    """An architecture that takes x alone."""

    features = 4

    def forward(self, x: Tensor) -> Tensor:
        return x


class WithoutFeatures(nn.Module):
    """An architecture that does not say how wide its output is."""

    def forward(self, x: Tensor, tape: object) -> Tensor:
        return x


class Right(WithoutTape):
    """As the program calls it."""

    def forward(self, x: Tensor, tape: object) -> Tensor:
        return x


def test_a_key_that_a_class_takes_by_position_is_told() -> None:
    with pytest.raises(ConfigError, match=r"^architecture.hidden: ByPosition takes it by position.*\*, hidden\)$"):
        check("architecture", ByPosition, {"hidden": 3})
    with pytest.raises(ConfigError, match="no such key"):  # what the program gives is no key
        check("architecture", ByPosition, {"input_shape": 3})
    with pytest.raises(ConfigError, match="no such key"):  # not a person's own
        check("optimizer", torch.optim.SGD, {"params": 3})


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (WithoutFeatures, r"must have features \(a number: the columns of its output, \(B, features\)\)"),
        (WithoutTape, r"must have forward\(self, x, tape\)"),
    ],
)
def test_a_part_that_the_program_cannot_call_is_told_before_it_trains(part: type[nn.Module], told: str) -> None:
    with pytest.raises(ConfigError, match=rf"^architecture._target_=mine.Net: .*{told}; docs/own_parts.md"):
        Target("architecture", "mine.Net", lambda shape: part(), {})((3,))
    assert isinstance(Target("architecture", "mine.Net", lambda shape: Right(), {})((3,)), Right)


def test_a_module_beside_the_command_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"is its folder on PYTHONPATH\?$"):
        imported("key", "beside_the_command.Net")
    (tmp_path / "beside_the_command.py").write_text("class Net: ...\n")
    with pytest.raises(ConfigError, match=r"beside_the_command.py lies in this folder: put PYTHONPATH=\. before"):
        imported("key", "beside_the_command.Net")


def test_a_trusted_package_is_named_without_brackets() -> None:
    """They are a pattern of files to some shells."""
    with pytest.raises(ConfigError, match=r"add trust=somebody$"):
        target_of("architecture", {"_target_": "somebody.net.Net"})


def test_an_option_in_a_folder_that_the_command_does_not_name(ib_train: Callable[..., Ended], tmp_path: Path) -> None:
    file = tmp_path / "my_conf/architecture/my_net.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("_target_: my_net.MyNet\n")
    ended = ib_train("-m", "architecture=my_net", "gamma=0.1,1")
    assert ended.code == 2 and "my_conf/architecture/my_net.yaml is read with" in ended.err
    assert ended.err.strip().endswith(": ib-train --config-dir my_conf -m architecture=my_net gamma=0.1,1")


def test_numbers_of_a_column_are_written_in_one_way() -> None:
    assert alike(["1e-2", "0.03", "1"]) == ["0.01", "0.03", "1"]
    assert alike(["1e-2", "0.01", "1.0e-02"]) == ["0.01"] * 3
    assert alike(["1e-4", "0.01", "0.5", "1", "10"]) == ["1e-4", "1e-2", "5e-1", "1", "10"]
    assert alike(["mlp", "1e-2", ""]) == ["mlp", "0.01", ""]
    assert [str(x) for x in logspace(-4, 0, 9)][3:] == ["3.162e-3", "1e-2", "3.162e-2", "1e-1", "3.162e-1", "1"]
    assert [str(x) for x in geomspace(0.1, 1, 3)] == ["0.1", "0.3162", "1"]


def test_the_table_of_a_study_writes_a_swept_number_in_one_way() -> None:
    typed = (("gamma=1e-2", "name=1e-2"), ("gamma=0.03", "name=0.02"), ("gamma=1e-4", "name=3"))
    outcomes = [Outcome("done", words, folder=f"outputs/{i}") for i, words in enumerate(typed)]
    shown = written_alike(outcomes)
    assert [outcome.overrides for outcome in shown] == [
        ("gamma=1e-2", "name=1e-2"), ("gamma=3e-2", "name=0.02"), ("gamma=1e-4", "name=3")
    ]  # fmt: skip
    (column,) = (c for c in end_table(shown, shown, [], 80, "utf-8").columns if str(c.header) == "gamma")
    assert [str(cell) for cell in column.cells] == ["1e-2", "3e-2", "1e-4"]


@pytest.mark.parametrize("given", [(1e-4, 1, 9), (1, 1e-4, 9), (0.001, 0.1, 5)])
def test_logspace_of_ends_names_geomspace(given: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="a and b are exponents, where geomspace takes the ends"):
        logspace(*given)


@pytest.mark.parametrize(
    "value, told", [(16, ", as [16]"), ("64x32", ", as [64,32]"), ("kraskov", ", as [kraskov]"), (True, ""), (None, "")]
)
def test_a_value_where_a_list_is_wanted_is_told_in_brackets(value: object, told: str) -> None:
    """Also in a job of a multirun and in ib-evaluate, which show no whole command."""

    def takes(*, widths: list[int]) -> None: ...

    with pytest.raises(ConfigError) as error:
        check("architecture", takes, {"widths": value})
    assert str(error.value).endswith(f": must be a list{told}")
