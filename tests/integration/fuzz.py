"""Command lines by Hypothesis, of all programs: planned in this process, and some of them run as processes too.

    python -m tests.integration.fuzz FOLDER --seed 1 [--commands 2000] [--processes 200]

FOLDER must be new. Each fault is printed as it is found; the last lines count the exit codes. Exit code: 1 where there
is a fault.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from omegaconf import DictConfig, ListConfig, OmegaConf

from tests.conftest import Ended
from tests.faults.command_lines import Command, commands
from tests.faults.fuzz_box import Box
from tests.faults.fuzz_rules import changes, faults

MEMORY = 14 * 2**30  # bytes of addresses: a model beyond it must be told as one that does not fit
SECONDS = 240  # of a command: on a busy machine imports alone take ten
PROGRESS = 100  # commands between two lines that say how far it is
MOST_JOBS = 4  # of a multirun that is run
LARGEST, SMALL = 40, 8  # whole numbers of a config that are run as they are, and what larger ones become
KEPT = ("seed", "digest", "hydra")  # in the key of a number that stays, however large
ELSEWHERE = ("ray", "slurm", "--watch", "online", "-sc", "--shell-completion")  # in words that are not run for real


class Counts:
    """What the commands did, and what was wrong with it."""

    def __init__(self) -> None:
        self.codes: Counter[tuple[str, int]] = Counter()
        self.faults = 0
        self.tried = 0

    def tell(self, command: Command, ended: Ended, found: Sequence[str]) -> None:
        """Count a command; print its faults."""
        self.tried += 1
        if self.tried % PROGRESS == 0:
            print(f"… {self.summary()}", flush=True)
        self.codes[command.program, ended.code] += 1
        for fault in found:
            self.faults += 1
            words = [word if len(word) < 100 else f"{word[:100]}…" for word in command.words]
            print(f"{command.program} {words}: {fault}\n    {ended.code} {ended.err[-400:]!r}", flush=True)

    def summary(self) -> str:
        """One line for all."""
        codes = ", ".join(f"{program} {code}: {count}" for (program, code), count in sorted(self.codes.items()))
        return f"{self.tried} commands, {self.faults} faults; {codes}"


def drawn(box: Box, count: int, number: int, call: Callable[[Command], None]) -> None:
    """Call with so many commands, drawn from a seed."""

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(commands(box.runs))
    def each(command: Command) -> None:
        call(command)

    each()


def planned(box: Box, count: int, number: int) -> Counts:
    """So many commands, up to their configs and plans, in this process."""
    counts, before = Counts(), box.state()

    def call(command: Command) -> None:
        ended = box.plan(command)
        changed = changes(before, box.state())
        counts.tell(command, ended, faults(command, ended, changed, _output(box)))
        if changed:
            box.restore(before)
            before.update(box.state())

    drawn(box, count, number, call)
    return counts


def run(box: Box, count: int, number: int) -> Counts:
    """So many commands, made tiny, in this process and as processes of their own: both must end alike."""
    counts, before = Counts(), box.state()

    def call(command: Command) -> None:
        assume(not any(part in word for part in ELSEWHERE for word in command.words))
        found = box.plan(command)
        assume(box.jobs <= MOST_JOBS)
        if command.program == "ib-train" and found.code == 0 and box.composed is not None:
            command = Command(command.program, (*command.words, *tiny(box.composed)))
        ends = []
        for way in (box.here, box.process):
            box.restore(before)
            before.update(box.state())
            ended = way(command, SECONDS)
            ends.append(ended)
            counts.tell(command, ended, faults(command, ended, changes(before, box.state()), _output(box)))
        if ends[0].code != ends[1].code:
            counts.tell(command, ends[1], [f"ends with {ends[0].code} in one process and {ends[1].code} in its own"])
        box.restore(before)
        before.update(box.state())

    drawn(box, count, number, call)
    return counts


def tiny(config: DictConfig) -> list[str]:
    """Words that make a run of seconds: whole numbers small, no estimates, no figures."""
    words = [f"{key}={SMALL}" for key in _large(config, "")]
    usual = ("epochs=1", "figures=false", "samples=1", "eval_samples=1", "iw_samples=0", "compile=false", "device=cpu")
    words += [word for word in usual if word.partition("=")[0] in config]
    dataset = config.get("dataset", {})
    words += [
        f"dataset.{key}={LARGEST}" for key in ("train_size", "test_size") if key in dataset and dataset[key] is None
    ]
    return words


def _large(node: Any, key: str) -> list[str]:
    """The keys of whole numbers that would take long; interpolations are left, as what they stand for is made small."""
    if any(part in key for part in KEPT):
        return []
    if isinstance(node, DictConfig):
        inner = [(str(name), f"{key}.{name}" if key else str(name)) for name in node]
        return [
            word
            for name, place in inner
            if not (OmegaConf.is_interpolation(node, name) or OmegaConf.is_missing(node, name))
            for word in _large(node[name], place)
        ]
    if isinstance(node, ListConfig):
        return []
    return [key] if isinstance(node, int) and not isinstance(node, bool) and node > LARGEST else []


def _output(box: Box) -> str:
    """Where the last command's config puts its runs, as a path in the box."""
    output = str((box.composed or {}).get("output", "outputs"))
    place = Path(output) if Path(output).is_absolute() else box.folder / "work" / output
    try:
        return str(place.resolve().relative_to(box.folder.resolve()))
    except (OSError, ValueError):  # outside the box, where nothing must be
        return "work/outputs"


def main() -> int:
    """Run it all; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--commands", type=int, default=2000)
    parser.add_argument("--processes", type=int, default=200)
    given_words = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    given_words.folder.mkdir(parents=True)
    box, wrong = Box(given_words.folder), 0
    for of, count in ((planned, given_words.commands), (run, given_words.processes)):
        started, spent = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        cpu = time.process_time()
        counts = of(box, count, given_words.seed) if count else Counts()
        children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - spent
        print(f"{of.__name__}: {counts.summary()}; {time.monotonic() - started:.0f} s, {time.process_time() - cpu:.0f} "
              f"processor seconds here and {children:.0f} in processes", flush=True)  # fmt: skip
        wrong += counts.faults
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
