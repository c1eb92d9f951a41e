"""2,000 tiny runs by one command, one after another or together: what grows, and whether the report is right.

    python tests/integration/load.py FOLDER [--runs 2000] [--launcher sequential]

FOLDER must be new. Memory and open files of ib-train are read from Linux's /proc every two seconds, with the number of
runs that are done; the slopes are those of straight lines through what was read from run 100 on. ib-report is timed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

TINY = (
    "dataset.train_size=100", "dataset.test_size=50", "architecture.widths=[8]", "bottleneck.size=2", "epochs=1",
    "batch_size=100", "figures=false", "estimators=none", "device=cpu", "threads=1",
)  # fmt: skip
GAMMAS = 10  # the other factor of a study's size is its seeds
FIRST = 100  # what is imported, compiled and kept once is there by this run
MOST_GROWTH = 10.0  # MiB for 1,000 runs
MOST_FILES = 5  # open files, more at the end than at run 100
MOST_REPORT = 60.0  # seconds


class Seen(NamedTuple):
    """One look at ib-train: runs done, resident memory in MiB, open files."""

    runs: int
    memory: float
    files: int


def look(process: int, study: Path) -> Seen | None:
    """What /proc says of a process; None once it has ended."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
        files = sum(1 for _ in Path(f"/proc/{process}/fd").iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return None
    runs = sum(1 for _ in study.glob("*/result.json"))
    return Seen(runs, pages * os.sysconf("SC_PAGE_SIZE") / 2**20, files) if pages else None


def trained(folder: Path, runs: int, launcher: str) -> tuple[list[Seen], float]:
    """Run the study in a folder; what was seen of it, and its seconds. Raises CalledProcessError where it fails."""
    command = [
        str(Path(sys.executable).with_name("ib-train")), "-m", "name=load", *TINY, f"hydra/launcher={launcher}",
        f"gamma=logspace(-4,0,{GAMMAS})", f"seed=range({runs // GAMMAS})",
    ]  # fmt: skip
    started, seen = time.monotonic(), []
    with (folder / "train.log").open("w") as log, subprocess.Popen(command, cwd=folder, stdout=log, stderr=log) as one:
        while one.poll() is None:
            if found := look(one.pid, folder / "outputs" / "load"):
                seen.append(found)
            time.sleep(2)
    if one.returncode:
        raise subprocess.CalledProcessError(one.returncode, command)
    return seen, time.monotonic() - started


def growth(seen: list[Seen]) -> tuple[float, int]:
    """MiB for 1,000 runs, and open files more at the end, from run `FIRST` until the closing table is printed."""
    late = [each for each in seen if FIRST <= each.runs < seen[-1].runs]
    slope = np.polyfit([each.runs for each in late], [each.memory for each in late], 1)[0]
    return float(slope) * 1000, max(each.files for each in late[-5:]) - late[0].files


def reported(folder: Path, runs: int) -> tuple[float, list[str]]:
    """Seconds of ib-report, and what is wrong with its tables."""
    study, started = folder / "outputs" / "load", time.monotonic()
    command = [str(Path(sys.executable).with_name("ib-report")), str(study)]
    with (folder / "report.log").open("w") as log:
        subprocess.run(command, cwd=folder, stdout=log, stderr=log, check=True)
    seconds, rows = time.monotonic() - started, pd.read_csv(study / "results.csv")
    wrong = [f"{len(rows)} rows for {runs} runs"] if len(rows) != runs else []
    if not (rows["status"] == "done").all():
        wrong.append("a run is not done")
    if list(rows.groupby("gamma").size()) != [runs // GAMMAS] * GAMMAS:
        wrong.append("a γ lacks seeds")
    front = pd.read_csv(study / "frontier.csv").set_index("gamma").sort_index()
    rates = {}  # from the runs themselves
    for file in study.glob("*/result.json"):
        result = json.loads(file.read_text())
        rates.setdefault(result["multipliers"]["gamma"], []).append(result["test"]["R"])
    medians = [np.median(rates[gamma]) for gamma in sorted(rates)]
    if list(front["runs"]) != [runs // GAMMAS] * GAMMAS or not np.allclose(front["R"], medians):
        wrong.append("the frontier is not that of the runs")
    return seconds, wrong


def main() -> int:
    """Run it all; the exit code: 1 where something grows or is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--launcher", default="sequential")
    given = parser.parse_args()
    given.folder.mkdir(parents=True)
    seen, seconds = trained(given.folder, given.runs, given.launcher)
    (given.folder / "seen.json").write_text(json.dumps(seen))
    slope, files = growth(seen)
    first = next(each for each in seen if each.runs >= FIRST)
    print(f"{given.launcher}: {given.runs} runs in {seconds:.0f} s", flush=True)
    print(f"memory: {first.memory:.0f} MiB at run {first.runs}, {seen[-1].memory:.0f} at {seen[-1].runs}; "
          f"{slope:+.1f} MiB for 1,000 runs", flush=True)  # fmt: skip
    print(f"open files: {first.files} at run {first.runs}, {files:+d} at the end", flush=True)
    took, wrong = reported(given.folder, given.runs)
    print(f"ib-report: {took:.0f} s; {'; '.join(wrong) or 'counts and frontier are right'}")
    return int(bool(wrong) or slope > MOST_GROWTH or files > MOST_FILES or took > MOST_REPORT)


if __name__ == "__main__":
    sys.exit(main())
