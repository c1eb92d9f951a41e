"""A shared folder seen by two hosts: runs in progress are left alone, those of a killed process go on.

    python tests/integration/two_hosts.py FOLDER        # as root, on Linux, with unshare (util-linux)

FOLDER must be new. A host is a mount namespace that has the shared folder at a path of its own, with a host name and
process numbers of its own: ib-train has the same number on both. Its locks are real: the file system is one.

1. `first` runs a study; `second` gives the command of the run that `first` is at, and is told who has it.
2. `second` gives the same study. It trains what is free and waits for the rest; `first` is killed.
3. `second` ends the study, with the numbers of one that nobody disturbed.
4. The other way round, with a single run that is stopped (SIGSTOP) first.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

EPOCHS = 8  # so many that a run takes longer than a start
PROGRAM = str(Path(sys.executable).with_name("ib-train"))
STUDY = (
    "dataset.train_size=1200", "batch_size=4", f"epochs={EPOCHS}", "figures=false", "estimators=none", "device=cpu",
    "threads=1", "name=study",
)  # fmt: skip
GAMMAS = ("1e-3", "1e-2", "1e-1", "1")
ENTER = 'hostname "$1" && mount --bind "$2" "$3" && cd "$3" && shift 3 && "$@"; exit $?'  # no exec: a number above 1
PATIENCE = 600.0  # seconds until something must have happened


class Host:
    """A pretended host, which has the shared folder at a path of its own."""

    def __init__(self, name: str, shared: Path, at: Path) -> None:
        self.name, self.shared, self.at = name, shared, at
        at.mkdir(parents=True)

    def start(self, *words: str) -> subprocess.Popen:
        """A command in the shared folder, as seen from here. To kill the process that this returns kills the host."""
        spaces = ("unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc")
        enter = ("sh", "-c", ENTER, "sh", self.name, str(self.shared), str(self.at))
        return subprocess.Popen(
            [*spaces, *enter, PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def run(self, *words: str) -> tuple[int, str]:
        """The exit code of a command, and what it printed."""
        process = self.start(*words)
        printed = process.communicate(timeout=PATIENCE)[0]
        return process.returncode, printed


def until(seen: Any, what: str) -> Any:
    """Wait for a true value of a function."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := seen():
            return found
        time.sleep(0.02)
    raise AssertionError(f"not seen: {what}")


def records(folder: Path) -> dict[str, tuple[str, dict[str, Any]]]:
    """Of each run what must be equal: its metrics to the letter, its result but for its time and origin."""
    found = {}
    for file in folder.glob("outputs/*/*/result.json"):
        result = json.loads(file.read_text())
        kept = {key: value for key, value in result.items() if not key.endswith("seconds") and key != "origin"}
        found[file.parent.name] = (file.with_name("metrics.jsonl").read_text(), kept)
    return found


def at_work(shared: Path, host: str, γ: str, lines: int = 2) -> str:
    """What the lock of a run of this host says, once the run has written so many lines of metrics."""
    for lock in shared.glob("outputs/*/*/.lock"):
        metrics, config = lock.with_name("metrics.jsonl"), lock.with_name("config.yaml")
        if (
            f" on {host} since " not in lock.read_text()
            or not metrics.exists()
            or lock.with_name("result.json").exists()
        ):
            continue
        own = re.search(r"^gamma: (.+)$", config.read_text(), re.MULTILINE)
        if own and float(own[1]) == float(γ) and metrics.read_text().count("\n") >= lines:
            return lock.read_text().strip()
    return ""


def check(right: bool, what: str, printed: str = "") -> None:
    """Print what was seen. Raises AssertionError where it is not right."""
    if not right:
        raise AssertionError(f"{what}\n{printed}")
    print(f"ok: {what}", flush=True)


def study_goes_on(first: Host, second: Host, expected: dict[str, Any]) -> None:
    """Steps 1 to 3."""
    study = ("-m", *STUDY, f"gamma={','.join(GAMMAS)}")
    killed = first.start(*study)
    holder = until(lambda: at_work(first.shared, first.name, GAMMAS[0]), "a run of the first host")
    code, printed = second.run(*STUDY, f"gamma={GAMMAS[0]}")
    who, _, since = holder.partition(" since ")
    told = f"{who} is at this run, since {since}"
    check(code == 2 and told in printed and "Traceback" not in printed, f"told: {printed.splitlines()[-1]}", printed)
    process = second.start(*study)
    until(lambda: any(at_work(first.shared, second.name, γ) for γ in GAMMAS), "a run of the second host")
    locks = {lock.read_text().split()[1] for lock in first.shared.glob("outputs/*/*/.lock")}
    check(len(locks) == 1, f"processes of both hosts have the number {', '.join(locks)}")
    (left,) = (lock for lock in first.shared.glob("outputs/*/*/.lock") if f" on {first.name} " in lock.read_text()
               and not lock.with_name("result.json").exists())  # fmt: skip
    killed.kill()  # and with it all that runs on the host
    began = time.monotonic()
    until(lambda: f" on {second.name} " in left.read_text(), "that the second host takes the run up")
    print(
        f"the killed host's run was taken up {time.monotonic() - began:.1f} s later, after the host's own", flush=True
    )
    printed = process.communicate(timeout=PATIENCE)[0]
    check(process.returncode == 0, f"the study ended: {printed.splitlines()[-1]}", printed)
    check(records(first.shared) == expected, f"{len(expected)} runs, equal to those of one undisturbed host")


def run_goes_on(first: Host, second: Host) -> None:
    """Step 4."""
    words = (*STUDY, "gamma=0.5", "name=alone")
    stopped = second.start(*words)
    holder = until(lambda: at_work(first.shared, second.name, "0.5"), "a run of the second host")
    inside = [int(line) for line in _below(stopped.pid)]
    for number in inside:
        os.kill(number, signal.SIGSTOP)
    code, printed = first.run(*words)
    check(
        code == 2 and holder.partition(" since ")[0] in printed,
        f"stopped, it keeps its run: {printed.splitlines()[-1]}",
        printed,
    )
    stopped.kill()
    stopped.wait()
    code, printed = first.run(*words)
    check(code == 0, "killed, the other host ends its run", printed)
    (metrics,) = first.shared.glob("outputs/alone/*/metrics.jsonl")
    epochs = [json.loads(line)["epoch"] for line in metrics.read_text().splitlines()]
    check(sorted(set(epochs)) == list(range(1, EPOCHS + 1)) and epochs == sorted(epochs), "with each epoch once")


def _below(process: int) -> list[str]:
    """The numbers, here, of all processes that a process has started, and they."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [number for child in children for number in (child, *_below(int(child)))]


def main() -> None:
    """Run it all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder.resolve()
    shared = folder / "shared"
    shared.mkdir(parents=True)
    first, second = Host("first", shared, folder / "here"), Host("second", shared, folder / "there" / "mounted")
    alone = folder / "alone"
    alone.mkdir()
    subprocess.run(
        [PROGRAM, "-m", *STUDY, f"gamma={','.join(GAMMAS)}"], cwd=alone, check=True, stdout=subprocess.DEVNULL
    )
    study_goes_on(first, second, records(alone))
    run_goes_on(first, second)


if __name__ == "__main__":
    main()
