"""What a person sees: nothing wider than 80 columns, brackets and all, in any encoding."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from ib_cli.watch.observer import RunInfo
from ib_cli.watch.screen import Screen, bounds, number, packed, readable, show_finished

FOLDER = Path("outputs/study/ab12cd34")
FACTS = {"data": "digits [8×8], 1437 train, 360 test", "model": "mlp " + "64 – 256 – " * 12 + "10", "device": "cpu"}
WIDEST = {"R": -1.2341e-5, "C": -1.2341e-7, "D": 123456.7, "J": float("nan"), "accuracy": 0.98765}
MEASURES = {"accuracy": 0.9, "error": 0.1, "extra[a]": 1.0, "H_model[Y|X]": 0.11, "C": 0.2, "R": 12.3456, "J": 0.32}
RESULT = {
    "status": "done",
    "lagrangian": "C + 0.01 R",
    "seconds": 200.2,
    "train": MEASURES | {"J": 0.3},
    "test": MEASURES | {"H[Y]": 2.302585},
    "estimates": {},
}


def run_info(first_epoch: int = 0, epochs: int = 30, folder: Path = FOLDER) -> RunInfo:
    return RunInfo("study", "ab12cd34", folder, "C + 0.01 R", FACTS, epochs, first_epoch, {})


def terminal() -> Console:
    return Console(file=io.StringIO(), width=80, force_terminal=True, force_interactive=True, color_system="standard")


def plain() -> Console:
    return Console(file=io.StringIO(), width=80, force_terminal=False)


def shown(console: Console) -> str:
    return console.file.getvalue()


def widths(text: str) -> list[int]:
    return [Text.from_ansi(line).cell_len for line in text.splitlines()]


def whole_run(console: Console, **info) -> str:
    screen = Screen(console)
    screen.start(run_info(**info))
    for epoch in range(6, 8):
        for step in range(1, 4):
            screen.progress(epoch, step, 3, WIDEST)
        for split in ("train", "validation", "test"):
            screen.evaluated({"epoch": epoch + 1, "step": 3, "split": split, **WIDEST})
    screen.finish(RESULT)
    return shown(console)


def test_start_says_what_is_minimised_the_facts_and_the_folder():
    console = plain()
    Screen(console).start(run_info(first_epoch=6))
    lines = shown(console).splitlines()
    assert lines[0] == "minimise C + 0.01 R"
    assert lines[1] == "data    digits [8×8], 1437 train, 360 test"
    assert "folder  outputs/study/ab12cd34" in lines
    assert lines[-1] == "goes on at epoch 7 of 30"
    assert max(widths(shown(console))) <= 80
    fresh = plain()
    Screen(fresh).start(run_info())
    assert "goes on" not in shown(fresh)


def test_without_a_terminal_there_are_plain_lines():
    text = whole_run(plain())
    assert "\x1b" not in text and "\r" not in text
    assert max(widths(text)) <= 80
    assert "epoch  7/30  train  R -1.234e-05  C -1.234e-07  D 1.235e+05  J nan" in text
    assert "epoch  8/30  test" in text
    assert "left" not in text


def test_a_usual_epoch_takes_one_line_a_split():
    console = plain()
    screen = Screen(console)
    screen.start(run_info())
    before = len(shown(console).splitlines())
    screen.evaluated({"epoch": 1, "step": 3, "split": "test", **MEASURES, "D": 131.04})
    expected = "epoch  1/30  test   R 12.35  C 0.2000  D 131.0  J 0.3200  accuracy 0.9000"
    assert shown(console).splitlines()[before:] == [expected]


def test_a_terminal_shows_a_bar_with_live_measures_in_80_columns():
    text = whole_run(terminal(), epochs=300, first_epoch=6)
    frames = Text.from_ansi(text.replace("\x1b[2K", "").replace("\x1b[1A", "")).plain
    assert "epoch 8/300" in frames and "left" in frames and "━" in frames
    for value in WIDEST.values():
        assert number(value) in frames
    assert "\ntest" in frames and "validation" in frames
    assert max(widths(text.replace("\r", "\n"))) <= 80
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1  # the cursor comes back


def test_the_closing_table_is_in_order_with_brackets_and_bounds(tmp_path):
    folder = tmp_path / "run"
    (folder / "figures").mkdir(parents=True)
    (folder / "figures" / "training.png").touch()
    (folder / "result.json").touch()
    text = whole_run(plain(), folder=folder)
    cells = [line.strip("│ ").split("│") for line in text.splitlines() if line.startswith("│")]
    rows = {row[0].strip(): [cell.strip() for cell in row[1:]] for row in cells}
    assert list(rows) == ["J", "R", "C", "H_model[Y|X]", "accuracy", "error", "extra[a]", "H[Y]"]
    assert rows["J"] == ["0.3000", "0.3200", "nats"]
    assert rows["H[Y]"] == ["-", "2.303", "nats"]
    assert rows["accuracy"] == ["0.9000", "0.9000"]
    assert "I(X;Z) ≤ R = 12.35 nats = 17.81 bits (test)" in text
    assert "I(Y;Z) ≥ H[Y] − C = 2.103 nats = 3.033 bits (test)" in text
    assert "3 min 20 s" in text and str(folder / "result.json") in text and "training.png" in text


def test_a_failed_run_says_why_in_red():
    console = terminal()
    screen = Screen(console)
    screen.start(run_info())
    screen.finish({"status": "failed", "error": "J is nan [/red] at epoch 3", "seconds": 2.0, "train": {}, "test": {}})
    line = next(line for line in shown(console).splitlines() if "J is nan" in line)
    assert "failed: J is nan [/red] at epoch 3" in line and "\x1b[1;31m" in line


def test_an_interrupt_closes_the_bar_and_says_why():
    console = terminal()
    screen = Screen(console)
    screen.start(run_info())
    screen.progress(0, 1, 2, MEASURES)
    screen.interrupt("stopped by Ctrl-C [the same command goes on]")
    text = shown(console)
    assert text.rstrip().splitlines()[-1].endswith("stopped by Ctrl-C [the same command goes on]\x1b[0m")
    assert text.index("\x1b[?25h") < text.index("stopped by")


def test_a_run_done_before_is_shown_with_how_to_repeat_it():
    console = plain()
    show_finished(RESULT, FOLDER, console)
    text = shown(console)
    assert text.startswith("done before") and "rerun=true" in text
    assert "H_model[Y|X]" in text and "outputs/study/ab12cd34" in text


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_an_encoding_without_greek_letters(encoding):
    code = (
        "from pathlib import Path; from ib_cli.watch.screen import *; s = Screen()\n"
        "s.start(RunInfo('s', 'i', Path('o'), 'γ R', {'model': '8 → 4 × 2 日'}, 2, 1, {}))\n"
        "s.evaluated({'epoch': 2, 'step': 1, 'split': 'test', 'R': 1.0})\n"
        "s.finish({'status': 'failed', 'error': 'γ…', 'test': {'R': 1.0, 'Θ[a]': 2.0}, 'seconds': 1.0})\n"
        "s.interrupt('γ'); show_finished({'lagrangian': 'γ', 'test': {'R': 1.0}}, Path('o'), Console())"
    )
    environment = os.environ | {"PYTHONIOENCODING": encoding, "LANG": "C"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    text = done.stdout.decode(encoding)
    assert "minimise gamma R" in text and "I(X;Z) <= R" in text and "Theta[a]" in text


def test_the_small_parts():
    assert [number(value) for value in (1437.4, 0.5, 12, 1e-7, float("nan"), None)] == [
        "1437", "0.5000", "12.00", "1.000e-07", "nan", "-",
    ]  # fmt: skip
    assert packed(["abc", "def", "ghi"], 8) == ["abc  def", "    ghi"]
    assert readable("γ ≤ 1", "utf-8") == "γ ≤ 1" and readable("γ ≤ 1", "ascii") == "gamma <= 1"
    assert bounds({"C": 1.0}) == []
