"""Command lines that nobody has typed yet keep to the rules. tests/integration/fuzz.py tries many more."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.conftest import Ended
from tests.faults.command_lines import Command, commands
from tests.faults.fuzz_box import HUNG, RAISED, Box
from tests.faults.fuzz_rules import changes, faults
from tests.faults.typed_values import typed_keys, values_of
from tests.integration.fuzz import planned, run

FOUND = [  # each broke a rule when it was first drawn
    ["sigma=1e-2", "x" * 5000],
    ["-1", "a.b" * 100 + "=1"],
    ["-m", "", "seed=`x`", ""],
    ["-m", "\x85", "1e-3..1", "evaluate_train=true", "\x85"],
    ["-m", "epochs=inf"],
    ["-m", "hydra.sweeper=null"],
    ["-m", "+optimizer.momentum=interval(0,1)"],
    ["-m", "seed=range(1000000000)"],
    ["hydra/job_logging=default"],
    ["hydra.callbacks.study=null"],
    ["hydra.verbose=null"],
    ["-m", "hydra.sweeper=x"],
    ["--shell-completion"],
    ["dataset=npz", "dataset.path=" + "x" * 300],
    ["\U0010e8e2X'¾", "sweep=linspace(0,1,2)", "linspace(0,1,2)"],
]
FOUND_ELSEWHERE = [
    ("ib-evaluate", ["dataset.path=${}", "outputs/my_study"]),
    ("ib-encode", ["estimators.split=)", "outputs/my_study"]),
    ("ib-encode", ["", "outputs/my_study"]),
    ("ib-report", ["x" * 5000]),
    ("ib-report", ["", "outputs/my_study", " ", "--latx"]),
]


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Box:
    return Box(tmp_path_factory.mktemp("fuzz"))


def test_commands_that_nobody_has_typed(box: Box) -> None:
    before = box.state()

    @settings(
        max_examples=60, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(commands(box.runs))
    def each(command: Command) -> None:
        ended = box.plan(command)
        changed = changes(before, box.state())
        if changed:
            box.restore(before)
            before.update(box.state())
        assert not faults(command, ended, changed), (command, ended)

    each()


@pytest.mark.parametrize("words", FOUND, ids=lambda words: " ".join(words)[:40])
def test_what_was_found_is_mended(box: Box, words: list[str]) -> None:
    _keeps_to_the_rules(box, Command("ib-train", tuple(words)))


@pytest.mark.parametrize("program, words", FOUND_ELSEWHERE, ids=lambda each: str(each)[:40])
def test_what_was_found_in_other_programs_is_mended(box: Box, program: str, words: list[str]) -> None:
    _keeps_to_the_rules(box, Command(program, tuple(words)))


def test_words_of_no_letters_are_no_words_of_a_report(box: Box) -> None:
    assert box.plan(Command("ib-report", ("", "outputs/my_study", " ", "--latex", ""))).code == 0


def _keeps_to_the_rules(box: Box, command: Command) -> None:
    before = box.state()
    ended = box.plan(command)
    changed = changes(before, box.state())
    assert ended.code == 2 and not faults(command, ended, changed), ended


@pytest.mark.parametrize(
    "ended, changed, told",
    [
        (Ended(0, "", ""), ["work/outputs/x"], ""),
        (Ended(2, "", "ib-train: seed=x: must be an integer\n"), [], ""),
        (Ended(1, "the run failed\n", ""), ["work/outputs/x"], ""),
        (Ended(HUNG, "", ""), [], "does not end"),
        (Ended(RAISED, "", "Traceback (most recent call last)\nKeyError: 'x'\n"), [], "raises KeyError"),
        (Ended(139, "", ""), [], "exit code 139"),
        (Ended(2, "", ""), [], "says nothing"),
        (Ended(2, "", "ib-train: seed=x: <class 'int'>\n"), [], 'tells "<class \'"'),
        (Ended(2, "", "ib-train: something is wrong\n"), [], "names no word"),
        (Ended(2, "", "seed=x\n"), [], "a line without the program's name"),
        (Ended(2, "", "ib-train: seed=x\n" * 4), [], "answers with 4 lines"),
        (Ended(2, "", "ib-train: seed=x\x1b[2J\n"), [], "a line that acts on a terminal"),
        (Ended(2, "", f"ib-train: seed=x {'y' * 4000}\n"), [], "a line of 40"),
        (Ended(2, "", "ib-train: seed=x\n"), ["work/outputs"], "is refused and leaves"),
        (Ended(0, "", ""), ["home/x"], "writes ['home/x']"),
    ],
)
def test_the_rules_see_what_breaks_them(ended: Ended, changed: list[str], told: str) -> None:
    found = faults(Command("ib-train", ("seed=x",)), ended, changed)
    assert any(fault.startswith(told) for fault in found) if told else not found, found


def test_every_key_has_values_at_its_limits() -> None:
    keys = typed_keys()
    assert {"0", "1", "2147483648"} <= set(keys["epochs"]) and {"null", "0"} <= set(keys["clip"])
    assert {"fp32", "bf16"} <= set(keys["precision"]) and {"1.0", "1.000001"} <= set(keys["averaging"])
    assert {"hydra.launcher.n_jobs", "optimizer.momentum", "dataset.validation_size"} <= keys.keys()
    assert values_of(bool)[:2] == ["true", "false"] and "[mixture]" in keys["estimators.use"]


def test_a_hang_is_seen(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    def wait() -> None:
        while True:
            pass

    monkeypatch.setattr("ib_cli.main.main", wait)
    assert box.here(Command("ib-train", ()), seconds=0.2).code == HUNG


@pytest.mark.slow
def test_many_commands_and_processes(tmp_path: Path) -> None:
    box = Box(tmp_path)
    assert planned(box, 2000, 0).faults == 0
    assert run(box, 200, 0).faults == 0
