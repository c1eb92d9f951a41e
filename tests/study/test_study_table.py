"""The table of a study fits its screen: what tells rows apart and the status stay, errors and ids shrink first."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from random import Random

import pytest
from rich.console import Console

from ib_cli.study.job_outcomes import Outcome
from ib_cli.study.study_table import end_table, folders, live_table, same_runs, telling, varying

FIXED = ("dataset.train_size=200", "figures=false")
ERROR = "output: cannot write outputs/runs/0123456789/run.log (Is a directory): choose a folder that you may write to"
DONE = {"J": 1.234, "accuracy": 0.91, "C": 0.2, "R": 12.0, "D": 3.0}
STUDIES = {
    "two": {"gamma": ("1e-4", "1e-3", "0.01", "0.1"), "seed": ("0", "1", "2")},
    "five": {"gamma": ("0.0001", "1e-3"), "delta": ("0.25", "0.5"), "rho": ("0.125", "1e-3"), "sigma": ("0.1", "1.0"),
             "seed": ("0", "1")},
    "long": {"architecture._target_": ("a_package.of.many.modules.first.Net", "a_package.of.many.modules.second.Net"),
             "optimizer.weight_decay": ("0.001", "1e-05", "0")},
}  # fmt: skip


def jobs(study: str) -> list[Outcome]:
    keys = STUDIES[study]
    points = product(*keys.values())
    return [Outcome("waiting", (*FIXED, *(f"{key}={v}" for key, v in zip(keys, point)))) for point in points]


def begun(study: str) -> list[Outcome]:
    first, second, *rest = jobs(study)
    failed = replace(first, status="failed", folder="outputs/runs/0123456789", error=ERROR)
    return [failed, replace(second, status="done", folder="outputs/runs/abcdef0123", test=DONE), *rest]


def shown(table: object, width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    return console.file.getvalue()


def rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in text.splitlines() if line.startswith("│")]


def live(outcomes: Sequence[Outcome], width: int) -> str:
    measured = ["  ".join(f"{name} {value:g}" for name, value in outcome.test.items()) for outcome in outcomes]
    texts = [outcome.error or text for outcome, text in zip(outcomes, measured)]
    return shown(live_table(outcomes, outcomes, texts, width, "utf-8"), width)


@pytest.mark.parametrize("width", [80, 120, 160])
@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("make", [jobs, begun])
def test_live_rows_are_told_apart_and_have_their_status(make: object, study: str, width: int) -> None:
    outcomes = make(study)
    text = live(outcomes, width)
    found, count = rows(text), len(STUDIES[study])
    assert max(map(len, text.splitlines())) <= width
    assert [row[count] for row in found] == [outcome.status for outcome in outcomes]
    if study == "long" and width == 80:
        assert len({tuple(row[:count]) for row in found}) == len(outcomes)
    else:  # every value as a whole
        assert [row[:count] for row in found] == [list(point) for point in product(*STUDIES[study].values())]


@pytest.mark.parametrize("width", [80, 120, 160])
def test_the_error_shrinks_first(width: int) -> None:
    outcomes = begun("five")
    failed, done, *_ = rows(live(outcomes, width))
    assert failed[-1].startswith("output: cannot write") and (failed[-1].endswith("…") or failed[-1] == ERROR)
    assert failed[:6] == ["0.0001", "0.25", "0.125", "0.1", "0", "failed"] and done[-1].startswith("J 1.234  accuracy")
    assert ("0123456789" in failed) is (width > 80)  # the id goes when there is no room


def test_a_long_value_loses_what_all_begin_with() -> None:
    values = ["/data/of/mine/" + "x" * 50 + name for name in ("first", "second")]
    outcomes = [Outcome("waiting", (f"dataset.path={value}", f"seed={n}")) for n, value in enumerate(values)]
    text = live(outcomes, 40)
    assert [row[0] for row in rows(text)] == ["…first", "…second"] or "…first" not in text
    assert [row[-1] for row in rows(text)] == ["waiting", "waiting"]


def test_keys_that_tell_nothing_more_go_first() -> None:
    points = [("a", "1", "x"), ("a", "2", "x"), ("b", "1", "y"), ("b", "2", "y")]
    outcomes = [Outcome("waiting", (f"one={a}", f"two={b}", f"joint={c}", "same=1")) for a, b, c in points]
    assert varying(outcomes) == ["one", "two", "joint"] and telling(outcomes) == ["one", "two"]
    some = [Outcome("waiting", ("a=1",)), Outcome("waiting", ("a=1", "b=2"))]
    assert varying(some) == ["b"]


@pytest.mark.parametrize("study", STUDIES)
def test_the_closing_table_names_what_it_leaves_out(study: str) -> None:
    outcomes = begun(study)[:2]
    measures = ("J", "R", "C", "D", "accuracy")
    text = shown(end_table(outcomes, begun(study), measures, 80, "utf-8"), 80)
    assert max(map(len, text.splitlines())) <= 80
    whole = shown(end_table(outcomes, begun(study), measures, 200, "utf-8"), 200)
    assert "no room" not in whole and "0123456789" in whole and "accuracy" in whole
    assert ("run" in text.splitlines()[1] or "no room for run" in text) and "1.234" in text
    first = next(product(*STUDIES[study].values()))
    if study == "five":
        assert rows(text)[0][:6] == [*first, "failed"] and "no room for run, D, accuracy" in text


@pytest.mark.parametrize("width", [80, 120, 160])
def test_wide_letters_count_for_two(width: int) -> None:
    words = [f"実験の名前がとても長い場合にはどうなるのか{number}" for number in range(3)]
    outcomes = [Outcome("waiting", (f"name={word}",)) for word in words]
    found = rows(shown(live_table(outcomes, outcomes, [""] * 3, width, "utf-8"), width))
    assert len({row[0] for row in found}) == 3
    assert width < 120 or [row[0] for row in found] == words


@pytest.mark.parametrize("width", [40, 60, 80])
def test_numbers_are_whole_or_not_there(width: int) -> None:
    draws, numbers = Random(21), ("0.001", "1e-05", "0.0001234", "100000", "-0.5", "3.162e-04", "7")
    keys = ("gamma", "optimizer.lr", "seed", "architecture.dropout", "batch_size", "beta", "window.batches")
    for count in range(1, len(keys) + 1):
        outcomes = [
            Outcome(
                draws.choice(("done", "failed", "running")),
                tuple(f"{key}={draws.choice(numbers)}" for key in keys[:count]),
                folder="outputs/x/0123456789",
                test={name: draws.choice((0.1234567, 1234.5, -3e-7)) for name in ("J", "R", "C")},
            )
            for _ in range(9)
        ]
        end = shown(end_table(outcomes, outcomes, ["J", "R", "C"], width, "utf-8"), width)
        texts = ["epoch 3  J 0.1234"] * len(outcomes)
        text = end + shown(live_table(outcomes, outcomes, texts, width, "utf-8"), width)
        whole = {*numbers, "0.1235", "1234", "-3.000e-07", "0123456789"}
        cut = [cell for row in rows(text) for cell in row if re.match(r"-?\d", cell) and cell not in whole]
        assert cut == [] and "J 0.1…" not in text and max(map(len, text.splitlines())) <= width


WORDS = {
    "objective": ("vib", "vae"), "optimizer.weight_decay": ("0", "0.1"), "architecture.dropout": ("0.0", "0.2"),
    "dataset.validation_size": ("0.1", "100"), "evaluate_every": ("1", "2"), "dataset.path": ("a" * 40, "b" * 40),
    "bottleneck.size": ("2", "4"), "decoder.size": ("1", "3"),
}  # fmt: skip


@pytest.mark.parametrize("width", [40, 80, 100, 160])
def test_headers_are_whole_or_not_there(width: int) -> None:
    """`objective` is no `objectiv` above an `e`, whatever else there is to show."""
    headers = {*(key.rpartition(".")[2] for key in WORDS if "size" not in key), "validation_size", *WORDS, "J", "R", ""}
    headers |= {"accuracy", "status", "run", "size"}
    for count in range(1, len(WORDS) + 1):
        keys = list(WORDS)[:count]
        words = (tuple(f"{key}={WORDS[key][n]}" for key in keys) for n in range(2))
        outcomes = [Outcome("done", each, folder="outputs/x/0123456789", test=DONE) for each in words]
        end = shown(end_table(outcomes, outcomes, ["J", "R", "accuracy"], width, "utf-8"), width)
        for text in (end, live(outcomes, width)):
            head = [line for line in text.splitlines() if line.startswith("┃")]
            assert len(head) == 1 and {cell.strip() for cell in head[0].strip("┃").split("┃")} <= headers, text
            assert max(map(len, text.splitlines())) <= width
        if count == 1:
            assert "objective" in end and "vib" in end


def of_run(status: str, name: str, *overrides: str) -> Outcome:
    return Outcome(status, overrides, folder=f"outputs/{name}", test=DONE)


def test_jobs_that_are_one_run_are_told() -> None:
    """Several spellings of a value, or keys that change no number, make one run, and the table says skipped."""
    jobs = [
        of_run("done", "s/a", "gamma=0.01"),
        of_run("skipped", "s/a", "gamma=0.01"),
        of_run("done", "s/b", "gamma=1"),
    ]
    assert same_runs(jobs) == ["gamma=0.01: 2 jobs are one run, which the first trains"]
    jobs = [of_run("done", "s/a", "device=auto"), of_run("skipped", "s/a", "device=cpu")]
    assert same_runs(jobs) == ["device=auto, device=cpu: 2 jobs are one run, which the first trains"]
    assert same_runs([of_run("skipped", "s/a", "seed=0"), of_run("skipped", "s/b", "seed=1")]) == []
    assert same_runs([Outcome("wrong", ("seed=a",)), Outcome("wrong", ("seed=b",))]) == []
    many = [of_run(status, f"s/{n}", f"seed={n}") for n in range(9) for status in ("done", "skipped")]
    assert len(same_runs(many)) == 6 and same_runs(many)[-1] == "and 4 more"


def test_the_folders_named_at_the_end_are_those_of_the_runs() -> None:
    """A measurement lies in the study of the run that it measures, whatever the multirun's own name is."""
    assert folders([of_run("done", "mine/a"), of_run("done", "mine/b")]) == ["outputs/mine"]
    assert folders([Outcome("wrong")]) == []
    assert folders([of_run("done", f"{n}/a") for n in range(5)]) == ["outputs/0, outputs/1, outputs/2, …"]
