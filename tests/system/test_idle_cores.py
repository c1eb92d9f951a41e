"""Processors that others leave free."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ib_cli.system import idle_cores as processors


def test_busy_processors_are_not_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = int(processors.MOMENT * os.sysconf("SC_CLK_TCK"))
    stat = "cpu 0 0 0 {0} 0\ncpu0 0 0 0 {1} 0\ncpu1 0 0 0 {2} {3}\ncpu2 0 0 0 5 5\nintr 1\n"
    file = tmp_path / "stat"
    file.write_text(stat.format(0, 100, 100, 0))
    monkeypatch.setattr(processors, "STAT", file)
    later = stat.format(
        0, 100 + ticks, 100 + ticks // 2, ticks - ticks // 2
    )  # one idle, one idle or at the disk, one busy
    monkeypatch.setattr(processors.time, "sleep", lambda seconds: file.write_text(later))
    assert processors.free() == 2
    monkeypatch.setattr(processors.time, "sleep", lambda seconds: None)
    assert processors.free() == 1  # all of them busy: ours is still there
    monkeypatch.setattr(processors, "STAT", tmp_path / "none")
    assert processors.free() is None
