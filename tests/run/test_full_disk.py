"""A full disk, a full or closed standard output: exit code 1, a line that names the file, and nothing half-written."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ib_cli.contracts.errors import ConfigError, WriteError
from ib_cli.experiment.records import Records
from ib_cli.report.main import main as report
from ib_cli.study.job_outcomes import Jobs, Outcome
from ib_cli.study.study_log import StudyLog
from ib_cli.system.atomic import replacing, write_atomically
from ib_cli.system.json_lines import JsonLines
from tests.conftest import SMALL

FULL = Path("/dev/full")


@contextmanager
def refused(monkeypatch: pytest.MonkeyPatch, number: int, names: tuple[str, ...]) -> Iterator[None]:
    """Within the block, the disk takes none of the files whose names hold one of `names`."""
    write, fsync = os.write, os.fsync

    def check(handle: int) -> None:
        if any(name in str(Path(f"/proc/self/fd/{handle}").readlink()) for name in names):
            raise OSError(number, os.strerror(number))

    def refusing_write(handle: int, content: bytes) -> int:
        check(handle)
        return write(handle, content)

    def refusing_fsync(handle: int) -> None:
        check(handle)
        fsync(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", refusing_write)
        patch.setattr(os, "fsync", refusing_fsync)
        yield


def left() -> list[Path]:
    return [file for file in Path().rglob("*") if file.name.endswith(".part")]


@pytest.mark.parametrize(
    "number, name",
    [
        *((errno.ENOSPC, name) for name in ("config.yaml", "metrics.jsonl", "result.json")),
        (errno.EDQUOT, "checkpoint.pt"),
        pytest.param(errno.EFBIG, "SHA256SUMS", marks=pytest.mark.slow),
    ],
)
def test_a_file_that_cannot_be_written_is_named_and_the_run_goes_on_later(
    ib_train: Callable, monkeypatch: pytest.MonkeyPatch, number: int, name: str
) -> None:
    with refused(monkeypatch, number, (name,)):
        ended = ib_train(*SMALL, "epochs=1")
    told = [line for line in (ended.out + ended.err).splitlines() if "cannot write" in line]
    assert ended.code == 1 and len(told) == 1 and "Traceback" not in ended.out + ended.err
    assert name in told[0] and os.strerror(number) in told[0]
    assert not left()
    assert ib_train(*SMALL, "epochs=1").code == 0


@pytest.mark.parametrize("launcher", [pytest.param("sequential", marks=pytest.mark.slow), "vectorized"])
def test_a_multirun_goes_on_with_the_runs_that_can_be_written(
    ib_train: Callable, monkeypatch: pytest.MonkeyPatch, launcher: str
) -> None:
    words = ("-m", *SMALL, "epochs=1", "gamma=1,2,3", f"hydra/launcher={launcher}")
    assert ib_train(*words).code == 0
    first, *others = sorted(Path("outputs/runs").glob("*/checkpoint.pt"))
    with refused(monkeypatch, errno.ENOSPC, (f"{first.parent.name}/.checkpoint",)):
        ended = ib_train(*words, "rerun=true")
    assert ended.code == 1 and "2 done, 1 failed" in ended.out and "Traceback" not in ended.out + ended.err
    assert f"cannot write {first}" in ended.out
    assert not left() and all((other.parent / "result.json").exists() for other in others)


def test_run_log_is_no_reason_to_stop(ib_train: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.open", _opening(lambda file: FULL if str(file).endswith("run.log") else file))
    ended = ib_train(*SMALL, "epochs=1")
    assert ended.code == 0 and ended.err.count("\n") == 1 and "run.log (No space left on device)" in ended.err


def _opening(where: Callable) -> Callable:
    opened = open

    def at(file: object, *arguments: object, **keys: object) -> object:
        return opened(where(file), *arguments, **keys)

    return at


def shell(command: str, folder: Path) -> subprocess.CompletedProcess:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    programs = {"train": f"{sys.executable} -m ib_cli", "report": f"{sys.executable} -m ib_cli.report.main"}
    words = ["bash", "-o", "pipefail", "-c", command.format(**programs, small=" ".join(SMALL))]
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "command, code, told",
    [
        ("{train} --help > /dev/full", 1, "ib-train: cannot write standard output (No space left on device)\n"),
        ("{report} --help > /dev/full", 1, "ib-report: cannot write standard output (No space left on device)\n"),
        ("{train} --version >&-", 1, "ib-train: cannot write standard output (it is closed)\n"),
        pytest.param(
            "{train} {small} > /dev/full",
            1,
            "ib-train: cannot write standard output (No space left on device)\n",
            marks=pytest.mark.slow,
        ),
        pytest.param("{train} {small} | head -1", 141, "", marks=pytest.mark.slow),
        pytest.param(
            "{train} -m {small} gamma=1,2 > /dev/full",
            1,
            "ib-train: cannot write standard output (No space left on device)\n",
            marks=pytest.mark.slow,
        ),
        pytest.param("ulimit -f 8; {train} {small} >log", 1, "", marks=pytest.mark.slow),
    ],
)
def test_standard_output_that_is_full_closed_or_left(tmp_path: Path, command: str, code: int, told: str) -> None:
    ended = shell(command, tmp_path)
    assert (ended.returncode, ended.stderr) == (code, told), ended.stdout
    assert not [file for file in tmp_path.rglob("*.part")]


def test_the_report_names_what_it_cannot_write(
    ib_train: Callable, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    assert ib_train(*SMALL, "epochs=1").code == 0
    monkeypatch.setattr("pandas.DataFrame.to_csv", _full)
    with pytest.raises(SystemExit) as end:
        report(["outputs"])
    told = capsys.readouterr().err
    assert end.value.code == 1 and told == "ib-report: cannot write outputs/results.csv (No space left on device)\n"
    assert not left()


def _full(*arguments: object, **keys: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_jobs_and_the_log_of_a_study_stop_no_run(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    jobs = Jobs(tmp_path / "file" / "token")  # nothing can be written below a file
    jobs.write(3, Outcome("failed", error="cannot write checkpoint.pt"))
    assert jobs.read() == {3: Outcome("failed", error="cannot write checkpoint.pt")}
    log = StudyLog(FULL, "name")
    log.write("1/2 running")
    log.write("1/2 failed")
    assert capsys.readouterr().err == "ib-train: cannot write /dev/full (No space left on device)\n"


def test_a_wrong_place_is_the_commands_fault_and_a_full_disk_is_not(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"output: cannot write .*File name too long.*output=\$HOME/outputs"):
        Records(tmp_path / ("a" * 300)).open("")
    with pytest.raises(WriteError, match="No space left on device"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", _full)
        Records(tmp_path / "run").open("")
    Records(tmp_path / "run").open("")  # the lock was let go


def test_a_line_that_does_not_fit_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines, write = JsonLines(tmp_path / "metrics.jsonl"), os.write
    lines.append({"epoch": 1})
    room = [3]

    def short(handle: int, content: bytes) -> int:
        if not room:
            _full()
        return write(handle, content[: room.pop()])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", short)
        with pytest.raises(WriteError, match=r"metrics\.jsonl \(No space left on device\)"):
            lines.append({"epoch": 2})
    assert lines.file.read_bytes() == b'{"epoch": 1}\n'
    lines.append({"epoch": 3})
    lines.close()
    assert [line["epoch"] for line in lines.read()] == [1, 3]


def test_what_cannot_be_replaced_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "page.html"
    write_atomically(file, "old")
    with monkeypatch.context() as patch, pytest.raises(WriteError, match=r"page\.html"):
        patch.setattr(os, "fsync", _full)
        write_atomically(file, "new")
    with pytest.raises(WriteError, match=r"page\.html \(No space"), replacing(file) as part:
        part.write_text("new")
        _full()
    assert file.read_text() == "old" and [entry.name for entry in tmp_path.iterdir()] == ["page.html"]


@pytest.mark.parametrize("links", [True, False])
def test_the_old_content_stays_under_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:
    file, previous = tmp_path / "checkpoint.pt", tmp_path / "checkpoint.previous.pt"
    if not links:
        monkeypatch.setattr(os, "link", lambda *names: (_ for _ in ()).throw(OSError(errno.EPERM, "no links")))
    for content in ("1", "2", "3"):
        write_atomically(file, content, previous)
    assert (file.read_text(), previous.read_text()) == ("3", "2")
    if links:
        previous.unlink()
        previous.hardlink_to(file)  # as after a kill between the link and the replacement
        write_atomically(file, "4", previous)
        assert (file.read_text(), previous.read_text()) == ("4", "3")
    assert sorted(entry.name for entry in tmp_path.iterdir() if "part" in entry.name) == []
