"""Lines are parsed many at once: no boundary between such portions is seen, and a wrong line is named by its number."""

from __future__ import annotations

from pathlib import Path

import pytest

from ib_cli.contracts.errors import DamagedError
from ib_cli.report.read import record_files
from ib_cli.report.read.record_files import read_lines

LINES = [f'{{"epoch": {epoch}, "split": "test"}}' for epoch in range(7)]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(record_files, "AT_ONCE", 3)
    return tmp_path / "metrics.jsonl"


@pytest.mark.parametrize("end, cut", [("\n", False), ('\n{"epoch": 7, "sp', True), ("\n\n", False)])
@pytest.mark.parametrize("count", [0, 1, 3, 4, 7])
def test_all_whole_lines_are_read_in_order(file: Path, count: int, end: str, cut: bool) -> None:
    file.write_text("\n".join(LINES[:count]) + end)
    found = read_lines(file)
    assert found is not None and [line["epoch"] for line in found.lines] == list(range(count)) and found.cut == cut


@pytest.mark.parametrize("number", [1, 3, 4, 7])
@pytest.mark.parametrize("wrong", ['{"epoch": 1', "3", '{"epoch": 1, "epoch": 2}', '{"epoch": 1}, {"epoch": 2}'])
def test_a_wrong_line_is_named(file: Path, number: int, wrong: str) -> None:
    file.write_text("\n".join([*LINES[: number - 1], wrong, *LINES[number:]]) + "\n")
    with pytest.raises(DamagedError, match=rf"line {number} of metrics\.jsonl is no JSON"):
        read_lines(file)


def test_an_object_in_two_lines_is_none(file: Path) -> None:
    file.write_text('{"epoch": 0\n"split": "test"}\n')
    with pytest.raises(DamagedError, match=r"line 1 of metrics\.jsonl"):
        read_lines(file)
