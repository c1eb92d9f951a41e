"""What a person waits for beside the training itself, and with `--before COMMIT` what it was at an earlier commit.

Each measurement is a command in a fresh process, on files already read once. Both sides use this Python.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measure import Figure, Options, Ratio, Row, columns, in_turns

TITLE = "Waiting"
ROOT = Path(__file__).parents[1]
COMMANDS = {"train": "from ib_cli.main import main; main()", "report": "from ib_cli.report.main import main; main()"}
SMALL = (
    "dataset.train_size=200", "dataset.test_size=100", "architecture.widths=[16]", "bottleneck.size=4", "epochs=1",
    "figures=false", "estimators=none",
)  # fmt: skip
STUDY = ("-m", "gamma=1e-4,1e-3,3e-3,1e-2,3e-2,1e-1,3e-1,1", "seed=range(4)", "epochs=10", "figures=false", "name=many")
FEW, MANY = 4, 24  # jobs of two multiruns, whose difference is that of MANY − FEW jobs
# Case → the most seconds that it may take.
CASES = {
    "ib-train: the first line": 0.7,
    "the default run": 9,
    "the default run, beside its training": 5,
    "ib-report of 32 runs": 6,
    "a job of a multirun, beside its training": 0.05,
}


def rows(options: Options) -> Iterator[Row]:
    """Seconds of each case, now and before."""
    with ExitStack() as stack:
        sides = [ROOT] if options.before is None else [ROOT, stack.enter_context(worktree(options.before))]
        study = Path(stack.enter_context(TemporaryDirectory()))
        started(ROOT, study, "train", *STUDY).communicate()
        measures: list[Callable[[], float]] = []
        for code in sides:
            waits = Waits(code, study / "outputs" / "many")
            measures += [waits.first_line, waits.whole_run, waits.beside_training, waits.report, waits.job]
        turns = in_turns(measures, options.repeats)
        for i, (case, most) in enumerate(CASES.items()):
            yield Figure(case, [turn[i] for turn in turns], most=most, target=f"≤ {most} s")
            if options.before is not None:
                yield Ratio(f"{case}; other: {options.before}", columns(turns, i, i + len(CASES)))


class Waits:
    """The measurements of one side."""

    def __init__(self, code: Path, study: Path) -> None:
        """`code`: a checkout. `study`: the folder of 32 runs."""
        self.code, self.study = code, study
        self._run: tuple[float, float] = 0.0, 0.0  # seconds of the last whole run, and of its training

    def first_line(self) -> float:
        """From the command to its first line."""
        with TemporaryDirectory() as folder:
            begin = time.perf_counter()
            process = started(self.code, Path(folder), "train")
            assert process.stdout is not None
            process.stdout.readline()
            spent = time.perf_counter() - begin
            process.kill()
            process.communicate()
            return spent

    def whole_run(self) -> float:
        """The default run."""
        with TemporaryDirectory() as folder:
            spent = ended(self.code, Path(folder), "train")
            self._run = spent, trained(Path(folder))
        return spent

    def beside_training(self) -> float:
        """The last whole run, less the seconds of training, evaluations and estimates that its result tells."""
        return self._run[0] - self._run[1]

    def report(self) -> float:
        """The report of the study."""
        with TemporaryDirectory() as folder:
            return ended(self.code, Path(folder), "report", str(self.study), "--output", folder)

    def job(self) -> float:
        """A small job of a multirun in one process."""
        spent = {}
        for count in (FEW, MANY):
            with TemporaryDirectory() as folder:
                whole = ended(self.code, Path(folder), "train", "-m", *SMALL, f"seed=range({count})")
                spent[count] = whole - trained(Path(folder))
        return (spent[MANY] - spent[FEW]) / (MANY - FEW)


@contextmanager
def worktree(commit: str) -> Iterator[Path]:
    """A checkout of an earlier commit, for as long as the block lasts."""
    with TemporaryDirectory() as folder:
        place = Path(folder) / "before"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", place, commit], cwd=ROOT, check=True)
        try:
            yield place
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", place], cwd=ROOT, check=True)


def started(code: Path, folder: Path, command: str, *words: str) -> subprocess.Popen[str]:
    """A command of a checkout, from this folder."""
    environment: Mapping[str, str] = {**os.environ, "PYTHONPATH": str(code), "PYTHONIOENCODING": "utf-8"}
    return subprocess.Popen(
        [sys.executable, "-c", COMMANDS[command], *words], cwd=folder, env=environment, text=True, encoding="utf-8",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def ended(code: Path, folder: Path, command: str, *words: str) -> float:
    """Seconds of a command. Raises RuntimeError, with its output, where it fails."""
    begin = time.perf_counter()
    process = started(code, folder, command, *words)
    out, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{command} {' '.join(words)} ended with {process.returncode}: {out}")
    return time.perf_counter() - begin


def trained(folder: Path) -> float:
    """The seconds that all results below a folder tell."""
    return sum(json.loads(file.read_text())["seconds"] for file in folder.glob("outputs/*/*/result.json"))
