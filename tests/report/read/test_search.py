"""Which folders a report looks into: each once, and none that shows the machine instead of files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ib_cli.report.read.runs import Reader
from ib_cli.system import file_systems
from tests.report.conftest import Ended


def test_file_systems_without_files_are_passed_by(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scan, looked = os.scandir, list[Path]()

    def note(folder: Path) -> object:
        looked.append(Path(folder))
        return scan(folder)

    (tmp_path / "machine").symlink_to("/proc")
    monkeypatch.setattr(os, "scandir", note)
    assert len(Reader().read([tmp_path])) == 15
    assert study in looked and not [folder for folder in looked if folder.is_relative_to("/proc")]


def test_only_the_named_kinds_hold_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mounts"
    monkeypatch.setattr(file_systems, "MOUNTS", mounts)
    mounts.write_text(f"disk {tmp_path} ext4 rw 0 0\nproc /nowhere/at/all proc rw 0 0\n")
    assert file_systems.devices_without_files() == frozenset()
    mounts.write_text(f"sysfs {tmp_path} sysfs rw 0 0\n")
    assert file_systems.devices_without_files() == {tmp_path.stat().st_dev}
    mounts.unlink()
    assert file_systems.devices_without_files() == frozenset()


def test_a_folder_mounted_twice_is_read_once(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    again = tmp_path / "again"
    again.mkdir()
    usual = Path.stat

    def stat(path: Path, **keys: bool) -> os.stat_result:
        return usual(study if path == again else path, **keys)

    monkeypatch.setattr(Path, "stat", stat)  # the device and the inode of the study's folder, as a bind mount has them
    reader = Reader()
    assert len(reader.read([study, again])) == 15 and reader.without == []


def test_no_table_is_written_where_folders_cannot_be_read_and_no_run_is(
    ib_report: Callable[..., Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed").mkdir()
    scan = os.scandir

    def refuse(folder: Path) -> object:
        if Path(folder).name == "closed":
            raise PermissionError(13, "Permission denied", str(folder))
        return scan(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    end = ib_report(tmp_path)
    assert end.code == 2 and end.err.count("\n") == 1
    assert "holds no run of ib-train that can be read, and 1 folder cannot be read, such as" in end.err
    assert [file.name for file in tmp_path.iterdir()] == ["closed"]
