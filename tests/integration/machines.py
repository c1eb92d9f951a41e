"""ib-train and ib-report on machines that lack something: room, a home, a place for temporary files, rights, a network.

    unshare -m python tests/integration/machines.py FOLDER

As root, in a mount namespace of its own, so that nothing is mounted for others. FOLDER must be new. Each case is a
command with the exit code and the words that it must end with; none may print a traceback. A case is a line of the
output, and the exit code is 1 if one failed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

SMALL = (
    "dataset.train_size=120", "dataset.test_size=60", "architecture.widths=[64]", "bottleneck.size=4", "epochs=2",
    "batch_size=40", "figures=false", "estimators=none", "device=cpu", "threads=1",
)  # fmt: skip
STUDY = ("-m", *SMALL, "gamma=1,2,3,4")
USER = ("setpriv", "--reuid", "1234", "--regid", "1234", "--clear-groups")
BIN = Path(sys.executable).parent


def mounted(folder: Path, options: str) -> None:
    """Put a file system of its own, in memory, in the place of a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(folder)], check=True)


def remounted(folder: Path, options: str) -> None:
    """Change how a folder is mounted."""
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def read_only(folder: str) -> None:
    """Let nobody write below a folder; what is mounted there stays as it is."""
    subprocess.run(["mount", "--bind", folder, folder], check=folder != "/")
    subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)


class Machine:
    """Runs commands and says whether they ended as they should."""

    def __init__(self, log: Path) -> None:
        """`log`: where what the last command printed goes."""
        self.log, self.failed = log, 0

    def expect(
        self, name: str, command: Sequence[str], codes: Sequence[int], words: str, folder: Path, lines: int = 1,
        **environment: str | None,
    ) -> None:  # fmt: skip
        """Run a command of ib-train's in a folder. `words`: a regular expression of what it prints.

        `lines`: most lines on standard error. `environment`: variables to set, or to unset where they are None.
        """
        given = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
        plain = {key: value for key, value in given.items() if value is not None}
        words_of = [str(BIN / word) if word.startswith("ib-") else word for word in command]
        end = subprocess.run(
            words_of, cwd=folder, env=plain, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=600
        )
        printed = " ".join((end.stdout + end.stderr).split())
        self.log.write_text(f"{end.stdout}\n{end.stderr}")
        wrong = [
            *([f"code {end.returncode}"] if end.returncode not in codes else []),
            *([f"no {words!r}"] if not re.search(words, printed) else []),
            *(["a traceback"] if "Traceback" in printed else []),
            *([f"{len(end.stderr.splitlines())} lines of errors"] if len(end.stderr.splitlines()) > lines else []),
        ]
        self.told(name, wrong, end.stderr.strip().splitlines()[-1:] or printed[-150:])

    def told(self, name: str, wrong: Sequence[str], seen: object) -> None:
        """Print a case's line."""
        self.failed += bool(wrong)
        print(f"{'WRONG' if wrong else 'right'}  {name}{': ' + ', '.join(wrong) if wrong else ''}   {seen}", flush=True)


def measures(study: Path) -> dict[str, list[str]]:
    """By id: the lines of metrics.jsonl of the runs that are done."""
    done = [
        result.parent for result in study.glob("*/result.json") if json.loads(result.read_text())["status"] == "done"
    ]
    return {run.name: (run / "metrics.jsonl").read_text().splitlines() for run in done}


def full_disks(machine: Machine, folder: Path) -> None:
    """Disks of several sizes fill up at different files; with more room the same command ends as it would have."""
    whole = folder / "whole"
    mounted(whole, "size=60m")
    machine.expect("a study on a large disk", ("ib-train", *STUDY), [0], "4 done", whole)
    right = measures(whole / "outputs/runs")
    for size in (4, 16, 40, 60, 100, 160, 240):
        for launcher in ("sequential", "vectorized"):
            disk = folder / f"disk{size}{launcher}"
            mounted(disk, f"size={size}k")
            command = ("ib-train", *STUDY, f"hydra/launcher={launcher}")
            told = r"No space left on device"
            machine.expect(f"{launcher} on {size} KiB", command, [1], told, disk, lines=30)
            remounted(disk, "size=60m")
            machine.expect(
                f"{launcher} with more room", command, [0], "4 (done|skipped)|done, . skipped", disk, lines=9
            )
            same = measures(disk / "outputs/runs") == right if launcher == "sequential" else True
            machine.told(f"{launcher} on {size} KiB has the numbers", [] if same else ["other numbers"], "")
            left = [file.name for file in disk.rglob("*.part")]
            machine.told(f"{launcher} on {size} KiB left nothing half", left, "")
    report = folder / "disk40sequential"
    used = sum(file.stat().st_blocks for file in report.rglob("*")) // 2
    for more in (20, 100):
        remounted(report, f"size={used + more}k")
        machine.expect(f"a report in {more} KiB", ("ib-report", "outputs/runs"), [1], "No space left", report)
    remounted(report, "size=60m")
    machine.expect("a report with more room", ("ib-report", "outputs/runs"), [0], "page", report)
    few = folder / "inodes"
    mounted(few, "nr_inodes=6")
    machine.expect("no inodes", ("ib-train", *SMALL), [1], "cannot write .* .No space left", few)
    machine.expect("no inodes, a study", ("ib-train", *STUDY), [1], "cannot write .* .No space left", few)


def homes(machine: Machine, folder: Path) -> None:
    """HOME and TMPDIR that are unset, missing, files, or not to be written."""
    disk = folder / "homes"
    mounted(disk, "size=99m")
    drawn = [word for word in SMALL if not word.startswith("figures")]
    for key in ("HOME", "TMPDIR", "XDG_CACHE_HOME"):
        for value in (None, "", "/nonexistent/x", "/etc/passwd", "/proc"):
            given = {key: value}
            command = ("ib-train", *drawn, f"seed={abs(hash((key, value))) % 2**31}")
            machine.expect(f"{key}={value}", command, [0], "training.png", disk, lines=0, **given)
    machine.expect("no environment", ("env", "-i", str(BIN / "ib-train"), *SMALL, "seed=1"), [0], "folder", disk, 0)
    for locale in ("C", "POSIX"):
        words = ("ib-train", *SMALL, 'output="ä ö/日本"', f"seed={len(locale)}")
        machine.expect(f"LC_ALL={locale}", words, [0], "folder", disk, 0, LC_ALL=locale)
        machine.expect(f"a report, LC_ALL={locale}", ("ib-report", "ä ö/日本"), [0], "page", disk, 0, LC_ALL=locale)


def limits(machine: Machine, folder: Path) -> None:
    """Few open files, few processes, a strict umask, streams that are closed or full."""
    disk = folder / "limits"
    mounted(disk, "size=99m,mode=1777")
    train = f"{BIN / 'ib-train'} {' '.join(SMALL)}"
    study = f"{BIN / 'ib-train'} {' '.join(STUDY)}"
    for shell, codes, words in (
        (f"ulimit -n 64; {train} seed=1", [0], "folder"),
        (f"ulimit -n 64; {study} seed=2 hydra/launcher=vectorized", [0], "4 done"),
        (f"ulimit -n 64; {study} seed=3 hydra/launcher=local", [0], "4 done"),
        (f"umask 077; {train} seed=4", [0], "folder"),
        (f"{train} seed=5 <&-", [0], "folder"),
        (f"{train} seed=6 >&-", [1], "standard output"),
        (f"{train} seed=7 <&- >&- 2>&-", [1], ""),
        (f"set -o pipefail; {train} seed=8 | head -1", [141], "run"),
        (f"set -o pipefail; {study} seed=9 | head -1", [141], ""),
        (f"{train} seed=10 > /dev/full", [1], "standard output .No space"),
        (f"{study} seed=11 > /dev/full", [1], "standard output .No space"),
        (f"{train} seed=12 2> /dev/full", [0], "folder"),
        (f"{BIN / 'ib-report'} outputs/runs > /dev/full", [1], "standard output .No space"),
        (f"set -o pipefail; {BIN / 'ib-report'} outputs/runs | head -1", [0, 141], "read"),
        (f"ulimit -n 64; {BIN / 'ib-report'} outputs/runs", [0], "page"),
    ):
        machine.expect(
            shell.replace(train, "TRAIN").replace(study, "STUDY"), ("bash", "-c", shell), codes, words, disk, 3
        )


def users(machine: Machine, folder: Path) -> None:
    """An ordinary user who may not write the packages, the home or what root made, and may start few processes."""
    disk = folder / "users"
    mounted(disk, "size=99m,mode=1777")
    for above in Path(sys.executable).resolve().parents:  # such as /root, which only root may enter
        if not above.stat().st_mode & 0o001:
            kept, top, work = (Path(f"/run/machines/{name}") for name in ("kept", "top", "work"))
            mounted(kept.parent, "size=99m,mode=755")
            for each in (kept, top, work):
                each.mkdir()
            options = f"lowerdir={above},upperdir={top},workdir={work}"
            subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(above)], check=True)
            above.chmod(0o755)
    machine.expect("user 1234", (*USER, "ib-train", *SMALL), [0], "folder", disk, 0, HOME="/")
    machine.expect("user 1234, local", (*USER, "ib-train", *STUDY, "hydra/launcher=local"), [0], "4 done", disk, 0)
    machine.expect("user 1234, a report", (*USER, "ib-report", "outputs"), [0], "page", disk, 0)
    other = ("ib-train", *SMALL, "name=roots")
    machine.expect("root's study", other, [0], "folder", disk, 0)
    machine.expect("user 1234 in root's study", (*USER, *other, "seed=1"), [2], "cannot write", disk)
    machine.expect("user 1234, root's finished run", (*USER, *other), [0], "folder", disk, 0)
    machine.expect("user 1234, a report of root's", (*USER, "ib-report", "outputs/roots"), [2], "cannot write", disk)
    few = ("prlimit", "--nproc=3", *USER)
    machine.expect("few processes", (*few, "ib-train", *SMALL, "seed=3"), [0, 1], "folder|ib-train: ", disk, 9)
    words = (*few, "ib-train", *STUDY, "seed=4", "hydra/launcher=local")
    machine.expect("few processes, local", words, [0, 1], "done|ib-train: ", disk, 9)


def bare(machine: Machine, folder: Path) -> None:
    """Nothing to write to but the outputs: read-only packages, home and /tmp, no /dev/shm, no network. The last."""
    disk = folder / "bare"
    mounted(disk, "size=99m")
    for shared in ("/dev/shm", "/dev/shm"):
        subprocess.run(["umount", shared], check=False, stderr=subprocess.DEVNULL)
    for part in [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]:
        if part.startswith(("/tmp", "/root", "/home", "/run", "/var")) and not part.startswith(str(folder)):
            subprocess.run(["mount", "-o", "remount,bind,ro", part], check=False, stderr=subprocess.DEVNULL)
    read_only("/")
    drawn = [word for word in SMALL if not word.startswith("figures")]
    for cwd in (disk, Path("/")):
        output = f"output={disk}/of{cwd.name}"
        machine.expect(f"read-only, from {cwd}", ("ib-train", *drawn, output), [0], "training.png", cwd, 0)
        for launcher in ("vectorized", "local"):
            words = ("ib-train", *STUDY, output, f"hydra/launcher={launcher}", f"name={launcher}")
            machine.expect(f"read-only, {launcher}", words, [0], "4 done", cwd, 0)
        machine.expect("read-only, a report", ("ib-report", f"{disk}/of{cwd.name}"), [0], "page", cwd, 0)
    machine.expect(
        "read-only outputs", ("ib-train", *SMALL), [2], "output: cannot write .*: choose a folder", Path("/")
    )
    machine.expect("read-only outputs, -m", ("ib-train", *STUDY), [2], "output: cannot write .*: choose", Path("/"))
    mnist = ("ib-train", *SMALL, "dataset=mnist", f"output={disk}")
    machine.expect("read-only data", (*mnist, "dataset.root=/nodata"), [2], "dataset.root: cannot write", disk)
    offline = ("unshare", "-n", "ib-train", *SMALL, "dataset=mnist", "dataset.root=data")
    machine.expect("no network", offline, [2], "dataset.download: could not fetch MNIST .*connect", disk)
    machine.expect("no network, digits", ("unshare", "-n", "ib-train", *SMALL), [0], "folder", disk, 0)


CASES: dict[str, Callable[[Machine, Path], None]] = {
    "full_disks": full_disks, "homes": homes, "limits": limits, "users": users, "bare": bare,
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=CASES, action="append", help="default: all")
    options = parser.parse_args()
    folder = options.folder.absolute()
    folder.mkdir(parents=True)
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    mounted(folder, "size=1m")
    machine = Machine(Path("/dev/null"))
    for name, cases in CASES.items():
        if name in (options.only or CASES):
            print(f"-- {name}", flush=True)
            cases(machine, folder)
    print(f"{machine.failed} wrong")
    return 1 if machine.failed else 0


if __name__ == "__main__":
    sys.exit(main())
