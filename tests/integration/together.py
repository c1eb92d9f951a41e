"""Multiruns of two studies, two of them of the same runs, and a watching report on one folder, for some minutes.

    python tests/integration/together.py FOLDER [--minutes 5]

FOLDER must be new. Four loops give one multirun of tiny runs after the other: two in the study `first` with the same
runs at the same time, one there through `hydra/launcher=vectorized` whose runs overlap with theirs, one in the study
`second`. `ib-report --watch` writes the report of both all the while, and a second ib-report now and then. At the end:
every run that was asked for is done, was begun once, counts once as done by the commands, and stands in the tables with
the numbers of its result.json; no command left with a code other than 0, or printed a traceback or an error.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

TINY = (
    "dataset.train_size=100", "dataset.test_size=50", "architecture.widths=[8]", "bottleneck.size=2", "epochs=1",
    "batch_size=100", "figures=false", "estimators=none", "device=cpu", "threads=1",
)  # fmt: skip
SEEDS = 8  # of a multirun, each at two γ
LOOPS = (  # study, launcher, and how many seeds later the next multirun begins
    ("first", "sequential", 8), ("first", "sequential", 8), ("first", "vectorized", 4), ("second", "sequential", 8),
)  # fmt: skip
EVERY = 2  # seconds between two looks of the watch
LATE = 120  # seconds within which the watch must have reported the last runs
REPORT_EVERY = 20  # seconds between two reports by a second process
WRONG = re.compile(r"Traceback|[A-Z]\w*Error\b|failed|damaged|cannot|wrong|stopped")
DONE = re.compile(r"^(?:.*?(\d+) done)?.* in [\d.]+ .*; outputs/", re.MULTILINE)


@dataclass
class Seen:
    """What the commands left behind."""

    commands: int = 0
    done: int = 0  # runs that the commands' closing lines say they trained
    wanted: set[tuple[str, float, int]] = field(default_factory=set)  # study, γ, seed
    wrong: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, words: list[str], code: int, output: str) -> None:
        """Note the end of a command."""
        with self.lock:
            self.commands += 1
            if code or WRONG.search(output):
                self.wrong.append(f"code {code} of {' '.join(words)}:\n{output}")
            if (closing := DONE.search(output)) and words[0] == "ib-train":
                self.done += int(closing[1] or 0)


def called(folder: Path, words: list[str], seen: Seen) -> None:
    """Run a command in a folder."""
    program = str(Path(sys.executable).with_name(words[0]))
    ended = subprocess.run(
        [program, *words[1:]], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    seen.add(words, ended.returncode, ended.stdout)


def trains(folder: Path, seen: Seen, until: float, study: str, launcher: str, step: int) -> None:
    """One multirun after the other; the n-th, from 0, has `SEEDS` seeds from n · `step` on."""
    number = 0
    while time.monotonic() < until:
        seeds = range(number * step, number * step + SEEDS)
        words = ["ib-train", "-m", f"name={study}", *TINY, "gamma=1e-3,1e-1", f"hydra/launcher={launcher}",
                 f"seed=range({seeds.start},{seeds.stop})"]  # fmt: skip
        seen.wanted |= {(study, gamma, seed) for gamma in (1e-3, 1e-1) for seed in seeds}
        called(folder, words, seen)
        number += 1


def reports(folder: Path, seen: Seen, until: float) -> None:
    """A report by another process than the watch, now and then, once there is a run."""
    while time.monotonic() < until:
        time.sleep(REPORT_EVERY)
        if any((folder / "outputs").glob("*/*/result.json")):
            called(folder, ["ib-report", "outputs"], seen)


def caught_up(folder: Path) -> None:
    """Wait until the table has as many rows as there are runs; not for ever, as `compared` says what is missing."""
    runs, until = len(list((folder / "outputs").glob("*/*/result.json"))), time.monotonic() + LATE
    while len(pd.read_csv(folder / "outputs" / "results.csv")) < runs and time.monotonic() < until:
        time.sleep(1)


def watched(folder: Path, minutes: float, seen: Seen) -> str:
    """Start the loops beside a watch; returns what the watch printed."""
    (folder / "outputs").mkdir()
    words = [str(Path(sys.executable).with_name("ib-report")), "outputs", "--watch", str(EVERY)]
    until = time.monotonic() + minutes * 60
    loops = [threading.Thread(target=trains, args=(folder, seen, until, *about)) for about in LOOPS]
    loops.append(threading.Thread(target=reports, args=(folder, seen, until)))
    with (folder / "watch.log").open("w+") as log, subprocess.Popen(words, cwd=folder, stdout=log, stderr=log) as watch:
        for loop in loops:
            loop.start()
        for loop in loops:
            loop.join()
        caught_up(folder)
        if (code := watch.poll()) is not None:
            seen.wrong.append(f"the watch ended with code {code}")
        watch.send_signal(signal.SIGINT)
        code = watch.wait()
        log.seek(0)
        printed = log.read()
    if code != 130 or re.search(r"Traceback|[A-Z]\w*Error\b|damaged|failed", printed):
        seen.wrong.append(f"code {code} of the watch:\n{printed}")
    return printed


def compared(folder: Path, seen: Seen) -> list[str]:
    """What is wrong with the runs, and with the watch's last report of them."""
    wrong, found = [], {}
    for file in (folder / "outputs").glob("*/*/result.json"):
        result = json.loads(file.read_text())
        key = (file.parent.parent.name, result["multipliers"]["gamma"], result["seed"])
        if key in found:
            wrong.append(f"{key} has two folders")
        found[key] = result
        begun = sum("ib-train -m" in line for line in (file.parent / "run.log").read_text().splitlines())
        lines = (file.parent / "metrics.jsonl").read_text().splitlines()
        if begun != 1 or len(lines) != len(set(lines)):
            wrong.append(f"{key} was begun {begun} times and has {len(lines)} lines")
    if missing := seen.wanted - set(found):
        wrong.append(f"{len(missing)} runs are missing, such as {min(missing)}")
    if seen.done != len(found):
        wrong.append(f"the commands say that they trained {seen.done} runs, and there are {len(found)}")
    rows = pd.read_csv(folder / "outputs" / "results.csv").set_index(["study", "gamma", "seed"])
    if len(rows) != len(found) or not (rows["status"] == "done").all():
        wrong.append(f"{len(rows)} rows for {len(found)} runs, {(rows['status'] != 'done').sum()} not done")
    for key, result in found.items():
        if key in rows.index and abs(rows.loc[key, "test/J"] - result["test"]["J"]) > 1e-12:
            wrong.append(f"{key}: another J in the table")
    left = [
        str(file) for file in (folder / "outputs").rglob("*") if file.name.endswith(".part") or file.name == ".jobs"
    ]
    return wrong + [f"left behind: {', '.join(left)}" for _ in left[:1]]


def main() -> int:
    """Run it all; the exit code: 1 where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=5.0)
    given = parser.parse_args()
    given.folder.mkdir(parents=True)
    folder, seen = given.folder.resolve(), Seen()
    printed = watched(folder, given.minutes, seen)
    wrong = [*seen.wrong, *compared(folder, seen)]
    statuses = Counter(re.findall(r"\d+ (done|unfinished|damaged|failed)", printed))
    print(f"{seen.commands} commands, {len(seen.wanted)} runs; load {os.getloadavg()[0]:.1f}")
    print(f"the watch reported {printed.count('page  ')} times; {dict(statuses)}")
    print("\n".join(wrong) or "each run was trained once, and the report is right")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
