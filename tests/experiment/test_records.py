"""What a kill may and may not do to a run's folder."""

from __future__ import annotations

import json
import math
import os
import re
from pathlib import Path

import pytest
import torch

from ib_cli.contracts.errors import ConfigError, DamagedError
from ib_cli.experiment.damage import FILES
from ib_cli.experiment.records import Records
from ib_cli.system.atomic import as_json, write_atomically

CPU = torch.device("cpu")


@pytest.fixture
def records(tmp_path: Path) -> Records:
    made = Records(tmp_path / "study" / "id")
    made.open("seed: 0\n")
    return made


def test_lines_after_the_checkpoint_are_dropped_when_it_is_loaded(records: Records) -> None:
    for epoch in (1, 2):
        records.metrics.append({"epoch": epoch})
    records.save_checkpoint({"epoch": 2})
    records.metrics.append({"epoch": 3})
    assert records.load_checkpoint(CPU) == {
        "epoch": 2, "lines": [2, 0], "run": records.folder.name, "begun": "",
    }  # fmt: skip
    records.metrics.append({"epoch": 3, "again": True})
    assert records.metrics.read() == [{"epoch": 1}, {"epoch": 2}, {"epoch": 3, "again": True}]


def test_a_last_line_cut_short_does_not_count(records: Records) -> None:
    records.metrics.append({"epoch": 1})
    with (records.folder / "metrics.jsonl").open("a") as handle:
        handle.write('{"epoch": 2, "R"')
    assert records.metrics.read() == [{"epoch": 1}]


def test_lost_lines_are_told(records: Records) -> None:
    records.metrics.append({"epoch": 1})
    records.metrics.append({"epoch": 2})
    records.save_checkpoint({"epoch": 2})
    (records.folder / "metrics.jsonl").write_text('{"epoch": 1}\n{"epo')
    with pytest.raises(DamagedError, match=r"metrics\.jsonl has 1 lines where its checkpoint saw 2"):
        records.load_checkpoint(CPU)


@pytest.mark.parametrize("content", ["", "{", '{"a": 1}', "[1]"])
def test_a_result_that_is_none_does_not_count(records: Records, content: str) -> None:
    (records.folder / "result.json").write_text(content)
    assert records.result is None


def test_writing_fails_before_the_old_content_is_touched(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    write_atomically(file, "old")
    with pytest.raises(TypeError):
        write_atomically(file, 3)
    assert file.read_text() == "old"


def test_numbers_that_are_not_finite_become_null() -> None:
    assert json.loads(as_json({"R": math.nan, "D": [math.inf, 1.5], "name": "x"})) == {
        "R": None,
        "D": [None, 1.5],
        "name": "x",
    }


def test_a_run_in_progress_is_not_started_twice(records: Records) -> None:
    with pytest.raises(ConfigError, match=r"process \d+ on \S+ is at this run"):
        Records(records.folder).open("")
    records.close()
    Records(records.folder).open("")


def test_lines_of_an_attempt_without_a_checkpoint_are_dropped(records: Records) -> None:
    records.metrics.append({"epoch": 1})
    records.close()
    again = Records(records.folder)
    again.open("")
    assert again.load_checkpoint(CPU) is None
    again.metrics.append({"epoch": 1})
    assert again.metrics.read() == [{"epoch": 1}]


def test_a_corrupt_checkpoint_is_named(records: Records) -> None:
    (records.folder / "checkpoint.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(DamagedError, match=r"checkpoint\.pt cannot be read.*rerun=true"):
        records.load_checkpoint(CPU)
    assert (records.folder / "checkpoint.pt").read_bytes() == b"not a checkpoint"


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="output: cannot write"):
        Records(tmp_path / "file" / "study" / "id").open("")


@pytest.mark.parametrize("name", FILES)
def test_what_is_no_file_is_damage(tmp_path: Path, name: str) -> None:
    records, file = Records(tmp_path / "run"), tmp_path / "run" / name
    records.folder.mkdir()
    for make in (os.mkfifo, Path.mkdir, lambda link: link.symlink_to(link.name), lambda link: link.symlink_to("gone")):
        make(file)
        for read in (lambda: records.done, lambda: records.open("")):
            with pytest.raises(DamagedError, match=rf"{re.escape(name)} is no file: delete it"):
                read()
        file.rmdir() if file.is_dir() else file.unlink()
    assert records.done is None
    records.open("")
    records.close()
