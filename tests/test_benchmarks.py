"""The speed table: its command, its arithmetic and its page; nothing is timed here."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import softplus

from benchmarks import __main__ as command
from benchmarks.__main__ import SECTIONS, main
from benchmarks.experiments import Solo, Together, made
from benchmarks.measure import HEADER, Apart, Figure, NotRun, Options, Ratio, columns, in_turns
from benchmarks.page import table, write
from benchmarks.plain import Vib


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_has_a_title_and_rows(section: str) -> None:
    module = importlib.import_module(f"benchmarks.{SECTIONS[section]}")
    assert module.TITLE and callable(module.rows)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["speed"], "speed: no such section; there are loader, step"),
        (["start-up", "--repeats", "0"], "--repeats=0: at least one turn"),
        (["autoencoders"], "--peer: is missing"),
        (["autoencoders", "--peer", "nowhere"], "--peer=nowhere: there is no such interpreter"),
        (["start-up", "--epochs", "1"], "--epochs=1: at least two"),
        (["start-up", "--images", "99"], "--images=99: must be 100 to 60000"),
        (["step", "--root", "nowhere"], "--root=nowhere: there is no MNIST/raw and no cifar-10-batches-py in it"),
    ],
)
def test_a_wrong_command_is_one_line(words: list[str], told: str, capsys: pytest.CaptureFixture) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"benchmarks: {told}") and err.count("\n") == 1


def test_sides_take_turns_after_a_first_one_of_each() -> None:
    order: list[str] = []

    def side(name: str) -> Callable[[], float]:
        clock = count(1)
        return lambda: (order.append(name), float(next(clock)))[1]

    turns = in_turns([side("a"), side("b"), side("c")], 2)
    assert "".join(order) == "abcabcabc"
    assert turns == [(2.0, 2.0, 2.0), (3.0, 3.0, 3.0)]
    assert columns([(1.0, 2.0, 3.0), (4.0, 5.0, 6.0)], 0, 2) == [(1.0, 3.0), (4.0, 6.0)]


def test_a_ratio_is_that_of_neighbours_and_its_median_counts() -> None:
    row = Ratio("case", [(1.0, 2.0), (2.0, 6.0), (1.0, 20.0)], least=3)
    assert row.ratios == [2.0, 3.0, 20.0] and row.met
    assert row.cells() == ("case", "1.00 s", "6.00 s", "3.00×", "2.00–20", "≥ 3×", "yes")
    assert not Ratio("case", [(1.0, 2.9)], least=3).met
    assert Ratio("case", [(1.0, 2.9)]).met is None


def test_a_figure_is_held_against_a_number() -> None:
    assert Figure("case", [1.0, 2.0, 9.0], most=2, target="≤ 2 s").cells() == (
        "case", "2.00 s", "", "", "1.00 s–9.00 s", "≤ 2 s", "yes",
    )  # fmt: skip
    assert Figure("case", [2.1], most=2).met is False


@pytest.mark.slow
def test_a_side_can_work_in_a_process_of_its_own() -> None:
    with Apart(lasting, 0.25) as side:
        assert in_turns([side], 2) == [(0.25,), (0.25,)]


def lasting(seconds: float) -> Callable[[], float]:
    return lambda: seconds


def test_the_table_is_printed_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    seen: list[Options] = []

    def rows(options: Options) -> list[Ratio]:
        seen.append(options)
        return [Ratio("case", [(1.0, 4.0)], least=5)]

    monkeypatch.setattr(command.importlib, "import_module", lambda name: SimpleNamespace(TITLE="Title", rows=rows))
    page = tmp_path / "page.md"
    assert main(["start-up", "--repeats", "7", "--page", str(page)]) == 0
    assert seen[0].repeats == 7
    out = capsys.readouterr().out
    assert "Title" in out and "4.00×" in out and "≥ 5×" in out
    text = page.read_text()
    assert "| case | 1.00 s | 4.00 s | 4.00× | 4.00–4.00 | ≥ 5× | no |" in text and "7 turns, load" in text


def test_a_section_replaces_its_own_table_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Speed\n\nBefore.\n\n<!-- one -->\nold\n<!-- end of one -->\n\nAfter.\n")
    rows = [NotRun("case", r"≥ 10× \1")]
    write(page, "one", "One", rows, "Idle.")
    write(page, "two", "Two", rows, "Busy.")
    write(page, "two", "Two", rows, "Idle.")
    text = page.read_text()
    assert "old" not in text and "Busy." not in text and text.count("Idle.") == 2
    assert text.index("Before.") < text.index(table(rows)) < text.index("After.") < text.index("## Two")
    assert text.splitlines().count("| " + " | ".join(HEADER) + " |") == 2


@pytest.mark.slow
def test_our_sides_train(tmp_path: Path) -> None:
    words = ("dataset.train_size=200", "dataset.test_size=100", "architecture.widths=[8]", "device=cpu", "threads=1")
    many = Together([made(*words, f"seed={seed}") for seed in (0, 1)])
    experiment = made(*words, folder=tmp_path / "run")
    alone = Solo(experiment)
    experiment.records.open("")
    for measure in (many.step, alone.step, alone.epoch):
        assert measure() > 0
    assert [state.step for state in many.states] == [2, 2] and alone.progress.state.step == 4
    assert [line["split"] for line in experiment.records.metrics.read()] == ["train", "test"]
    experiment.records.close()


def test_the_plain_script_has_our_network_and_rate(real_data: str) -> None:
    theirs = Vib([16, 8], 4)
    words = ("dataset=mnist", f"dataset.root={real_data}", "architecture.widths=[16,8]", "bottleneck.size=4")
    ours = made(*words, "dataset.train_size=100", "device=cpu").model
    assert [p.numel() for p in theirs.parameters()] == [p.numel() for p in ours.parameters()]
    x = torch.rand(5, 1, 28, 28)
    mean, rho = theirs.encoder(x).chunk(2, dim=-1)
    q = Normal(mean, softplus(rho - 5))
    assert torch.allclose(theirs(x)[1], kl_divergence(q, Normal(0.0, 1.0)).sum(-1), rtol=1e-4)
