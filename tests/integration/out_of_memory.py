"""A worker of `hydra/launcher=local` killed by the kernel for memory: told at once; the same command goes on.

    python tests/integration/out_of_memory.py FOLDER [--limit 900]      # as root, on Linux

FOLDER must be new. ib-train runs in a memory cgroup of its own (version 1 or 2) with a limit in MiB, which all its
processes share; one of nine runs needs more. The kernel's count of kills says when it killed, study.log when that was
told. Then the same command is given again outside the cgroup.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

PROGRAM = str(Path(sys.executable).with_name("ib-train"))
WORDS = (
    "-m", "dataset.train_size=200", "dataset.test_size=100", "bottleneck.size=4", "epochs=2", "batch_size=50",
    "figures=false", "estimators=none", "device=cpu", "threads=1",
    f"architecture.widths=choice([6000,6000],{','.join(f'[{units}]' for units in range(8, 16))})",
    "hydra/launcher=local", "hydra.launcher.n_jobs=2", "name=memory",
)  # fmt: skip
ROOTS = (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup"))  # of version 1, of version 2
LIMITS = ("memory.limit_in_bytes", "memory.max")
COUNTS = ("memory.oom_control", "memory.events")  # files with a line `oom_kill 1`


def cgroup(limit: int) -> tuple[Path, str]:
    """A new memory cgroup with a limit in MiB, and the file with its count of kills."""
    for root, name, count in zip(ROOTS, LIMITS, COUNTS):
        group = root / f"ib-train-{os.getpid()}"
        if not (root / "cgroup.procs").exists():
            continue
        group.mkdir()
        if (group / name).exists():
            (group / name).write_text(str(limit * 2**20))
            return group, count
        group.rmdir()
    sys.exit("no memory cgroup can be made here")


def kills(file: Path) -> int:
    """The processes of a cgroup that the kernel has killed."""
    return int(re.search(r"^oom_kill (\d+)$", file.read_text(), re.MULTILINE)[1])


def within(group: Path, count: str, folder: Path) -> tuple[str, float]:
    """What the study printed within the cgroup, and the seconds from the kernel's kill to its line in study.log."""
    log, killed, told = folder / "outputs" / "memory" / "study.log", 0.0, 0.0
    enter = 'echo $$ > "$0"/cgroup.procs && exec "$@"'
    with (folder / "printed").open("w+") as printed:
        process = subprocess.Popen(
            ["sh", "-c", enter, str(group), PROGRAM, *WORDS], cwd=folder, stdout=printed, stderr=printed
        )
        while process.poll() is None:
            killed = killed or (time.monotonic() if kills(group / count) else 0.0)
            told = told or (time.monotonic() if log.exists() and "SIGKILL" in log.read_text() else 0.0)
            time.sleep(0.02)
        printed.seek(0)
        text = printed.read()
    if process.returncode != 1 or "8 done, 1 failed" not in text or not killed or not told:
        sys.exit(f"code {process.returncode}; killed: {bool(killed)}, told: {bool(told)}\n{text}")
    return text, told - killed


def _remove(group: Path) -> None:
    """Remove a cgroup, whose last processes may take a moment to end."""
    for left in reversed(range(100)):
        try:
            return group.rmdir()
        except OSError:
            if not left:
                raise
            time.sleep(0.1)


def main() -> None:
    """Run it all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, default=900)
    given = parser.parse_args()
    given.folder.mkdir(parents=True)
    folder = given.folder.resolve()
    group, count = cgroup(given.limit)
    try:
        text, seconds = within(group, count, folder)
        print(f"the kernel killed {kills(group / count)} process(es) in {group}; told {seconds:.1f} s later:")
        print("  " + next(line for line in text.splitlines() if "failed" in line))
    finally:
        _remove(group)
    log = (folder / "outputs" / "memory" / "study.log").read_text()
    after = log.partition("SIGKILL")[2]
    print(f"{after.count(' done  ')} runs ended after that; at the end: {text.splitlines()[-1]}")
    again = subprocess.run([PROGRAM, *WORDS], cwd=folder, capture_output=True, text=True)
    if again.returncode or "1 done, 8 skipped" not in again.stdout:
        sys.exit(f"the same command again: code {again.returncode}\n{again.stdout}{again.stderr}")
    print(f"the same command again: {again.stdout.splitlines()[-1]}")


if __name__ == "__main__":
    main()
