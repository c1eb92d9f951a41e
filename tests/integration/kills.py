"""SIGKILLs at random moments of every procedure, launcher and command; the same command then ends as if undisturbed.

    python -m tests.integration.kills FOLDER [--kills 200] [--seed 21] [--only NAME …]

FOLDER must be new; it is run from the checkout. Each case of kill_cases.py is run once undisturbed. Then its command is
killed, with its process group, and given again in the same folder, until it has had its share of kills; whenever it
comes to its end, all files are compared with the undisturbed ones, and it begins anew. Moments are of three kinds:

    imports   0 to 1.5 seconds after the start of Python
    life      after a share of the processor time that the undisturbed command took, evenly between 0.3 and 1: its own
              imports are most of what comes before
    write     just before one of the changes of files that the undisturbed command made, or within it

After a kill of the last kind, halves of files and lines are laid beside what the kill left.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tests.faults.deaths import KILLED, die_at_write
from tests.faults.remains import differences, remains, unsound, worsen
from tests.integration.kill_cases import CASES, FINISHED, Case, write_clouds
from tests.processes import FORKS, Forked

ROOT = Path(__file__).parents[2]
IMPORTS = 1.5  # seconds
EARLIEST = 0.3
KINDS = ("imports", "life", "write", "life", "write", "life", "write")  # the order of a case's kills
TICK = os.sysconf("SC_CLK_TCK")
LONGEST = 600.0  # seconds: a command that takes longer hangs


class Undisturbed(NamedTuple):
    """What a command leaves, its processor time in seconds, and how often it changed files."""

    remains: dict[str, Any]
    seconds: float
    writes: int


class Killed:
    """One case: its folder, its kills and what was wrong."""

    def __init__(self, name: str, case: Case, folder: Path, prepared: Path, rng: random.Random) -> None:
        self.name, self.case, self.folder, self.prepared, self.rng = name, case, folder, prepared, rng
        found = {f"{{{study}}}": _place(prepared, study) for study in FINISHED if case.wants_runs}
        self.words = [_filled(word, found) for word in case.words]
        self.kills: Counter[str] = Counter()
        self.starts = self.rounds = 0
        self.wrong: list[str] = []
        self.stages: Counter[str] = Counter()
        self.moments: list[str] = []  # of the kills at writes: before what

    def undisturbed(self) -> Undisturbed:
        """Run it to its end, and empty its folder again."""
        self.fresh()
        told = self.folder.with_suffix(".writes")
        before = _children()
        code, said = self.end(self.process(0, str(told)))
        if code:
            raise RuntimeError(f"{self.name} undisturbed ended with {code}: {said}")
        left = Undisturbed(remains(self.folder), _children() - before, int(told.read_text()))
        self.fresh()
        return left

    def fresh(self) -> None:
        """Make its folder anew."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.prepared / ("runs" if self.case.wants_runs else "data"), self.folder)
        (self.folder / "tmp").mkdir()

    def process(self, number: int, told: str = "") -> subprocess.Popen[str]:
        """Start it in a group of its own; it dies at the change of files of this number, counted from 1."""
        self.starts += 1
        words = [sys.executable, "-m", "tests.faults.deaths", str(number), told, self.case.command, *self.words]
        if not number and not told:  # as a person starts it
            words = [str(Path(sys.executable).with_name(f"ib-{self.case.command}")), *self.words]
        return subprocess.Popen(
            words, cwd=self.folder, env=self.environment(), text=True, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def environment(self) -> dict[str, str]:
        """With a folder for temporary files that is looked at, too."""
        return {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(self.folder / "tmp"), "OMP_NUM_THREADS": "1"}

    def end(self, process: subprocess.Popen[str]) -> tuple[int, str]:
        """Its exit code and what it said, once it has ended by itself."""
        try:
            said = process.communicate(timeout=LONGEST)[0]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return 124, "it hangs"
        return process.returncode, said

    def killed(self, kind: str, whole: Undisturbed) -> tuple[bool, str]:
        """Start it, and kill it at a moment of this kind: whether it was killed, and what it said if it was not.

        Raises RuntimeError where it fails by itself.
        """
        if kind == "write":
            code, said = self.forked(self.rng.randint(1, whole.writes))
        elif kind == "imports":
            process = self.process(0)
            code, said = self.kill_after(process, self.rng.uniform(0, IMPORTS), clock=time.monotonic)
        else:
            process = self.process(0)
            moment = self.rng.uniform(EARLIEST, 1) * whole.seconds
            code, said = self.kill_after(process, moment, clock=partial(_processor_time, process.pid))
        if code == -signal.SIGKILL:
            self.moments += [line.removeprefix(KILLED) for line in said.splitlines() if line.startswith(KILLED)][-1:]
            return True, ""
        if code:
            raise RuntimeError(f"ended with {code} before a kill ({kind}): {said[-600:]}")
        return False, said

    def forked(self, number: int) -> tuple[int, str]:
        """Its code and words where it dies at a change of files; 0: it lives. A forked process needs no imports."""
        if self.case.command != "train" or not self.case.alone:
            return self.end(self.process(number))
        self.starts += 1
        with _environment(self.environment()):
            return Forked(self.folder, *self.words, before=partial(die_at_write, number)).end()

    def kill_after(self, process: subprocess.Popen[str], moment: float, clock: Callable[[], float]) -> tuple[int, str]:
        """Kill its group once the clock has gone on by a moment; if it ends before, its code and words."""
        start, deadline = clock(), time.monotonic() + LONGEST
        while process.poll() is None and clock() - start < moment and time.monotonic() < deadline:
            time.sleep(0.01)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        return process.returncode if process.poll() is not None else -signal.SIGKILL, process.communicate()[0]

    def run(self, kills: int) -> None:
        """Kill and restart it, this many times; compare at each end."""
        whole = self.undisturbed()
        planned = [KINDS[number % len(KINDS)] for number in range(kills)]
        while planned:
            kind = planned[0]
            dead, said = self.killed(kind, whole)
            if dead:
                planned.pop(0)
                self.kills[kind] += 1
                self.stages[self.stage()] += 1
                self.wrong += [f"after a kill ({kind}): {text}" for text in unsound(self.folder)]
                if kind == "write":
                    worsen(self.folder)
            else:
                self.compare(whole, said)
                self.fresh()
        code, said = self.forked(0)
        if code:
            raise RuntimeError(f"ended with {code} at last: {said[-600:]}")
        self.compare(whole, said)

    def compare(self, whole: Undisturbed, said: str) -> None:
        """Note what is not as in the undisturbed folder."""
        self.rounds += 1
        self.wrong += [f"round {self.rounds}: {text}" for text in differences(whole.remains, remains(self.folder))]
        if "Traceback" in said:
            self.wrong.append(f"round {self.rounds} shows a traceback: {said[-600:]}")

    def stage(self) -> str:
        """How far the command had come, by what it left."""
        new = [config.parent for config in (self.folder / "outputs").rglob("config.yaml")]
        new = [run for run in new if not (self.prepared / "runs" / run.relative_to(self.folder)).exists()]
        for name in ("result.json", "SHA256SUMS", "checkpoint.pt", "metrics.jsonl"):
            if any((run / name).exists() for run in new):
                return name
        return "a run's folder" if new else "no run's folder"


def _filled(word: str, found: dict[str, str]) -> str:
    for name, place in found.items():
        word = word.replace(name, place)
    return word


def _place(prepared: Path, study: str) -> str:
    """A finished run's folder, or the study's if it has several, from the folder of a case."""
    runs = [config.parent for config in (prepared / "runs" / "outputs" / study).glob("*/config.yaml")]
    return str((runs[0] if len(runs) == 1 else runs[0].parent).relative_to(prepared / "runs"))


def _processor_time(process: int) -> float:
    """Seconds of a process and those that it started."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(map(int, fields[11:15])) / TICK + sum(_processor_time(int(child)) for child in children)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Within the block, these are the variables of the environment."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def prepare(folder: Path) -> None:
    """Data, and finished runs, from which every case begins."""
    (folder / "data").mkdir(parents=True)
    write_clouds(folder / "data")
    shutil.copytree(folder / "data", folder / "runs")
    for words in FINISHED.values():
        code, said = Forked(folder / "runs", *words).end()
        if code:
            raise RuntimeError(said)


def main() -> int:
    """Run it all; the exit code: 1 where something is not equal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=21)
    parser.add_argument("--only", nargs="*", choices=list(CASES), default=list(CASES), metavar="NAME")
    given = parser.parse_args()
    folder = given.folder.resolve()
    prepare(folder / "prepared")
    names, total, wrong = given.only, Counter(), 0
    print("| command | kills | in imports | in its life | at a write | restarts | ends | equal |", flush=True)
    for number, name in enumerate(names):
        kills = given.kills // len(names) + (number < given.kills % len(names))
        one = Killed(name, CASES[name], folder / name.replace(", ", "_"), folder / "prepared",
                     random.Random(f"{given.seed} {name}"))  # fmt: skip
        started = time.monotonic()
        try:
            one.run(kills)
        except RuntimeError as error:
            one.wrong.append(str(error))
        total.update(one.kills)
        wrong += bool(one.wrong)
        counts = [sum(one.kills.values()), *(one.kills[kind] for kind in ("imports", "life", "write"))]
        cells = [name, *counts, one.starts - 2, one.rounds, "yes" if not one.wrong else "NO"]
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)
        print(
            f"  {name}: {time.monotonic() - started:.0f} s; {dict(one.stages)}; {one.moments}",
            file=sys.stderr,
            flush=True,
        )
        for text in one.wrong:
            print(f"  {name}: {text}", file=sys.stderr, flush=True)
    print(f"{sum(total.values())} kills: {dict(total)}; {_children():.0f} s of processor time")
    return int(wrong > 0)


if __name__ == "__main__":
    FORKS.set_forkserver_preload(["ib_cli.main", "ib_cli.run.attempt", "ib_cli.functionals"])
    sys.exit(main())
