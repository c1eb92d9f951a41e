"""--package: a part of the config that --cfg shows, or one line that says what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    "words, told",
    [
        ("-c job --package x", "--package x: the config has no such part; ib-train --cfg job shows all"),
        ("--cfg job -p lr", "--package lr: the config has no such part; did you mean optimizer.lr?"),
        ("--cfg job --package=objectiv", "objectiv: the config has no such part; did you mean objective?"),
        ("--cfg job -p hydra.job", "--package hydra.job: the config has no such part; --cfg hydra shows Hydra's own"),
        ("--cfg job -p architecture.widths.9", "--package architecture.widths.9: the config has no such part"),
        ("--package x", "--package: says which part of a config --cfg shows"),
        ("-p objective epochs=1", "--package: says which part of a config --cfg shows"),
        ("--info config --package x", "--package: says which part of a config --cfg shows"),
    ],
)
def test_a_part_that_cannot_be_shown_is_one_line(ib_train: Callable, words: str, told: str) -> None:
    ended = ib_train(*words.split())
    (line,) = ended.err.splitlines()
    assert ended.code == 2 and ended.out == "" and line.startswith("ib-train: ") and told in line


@pytest.mark.parametrize(
    "package, shown",
    [
        ("objective", "# @package objective\nname: vib"),
        ("gamma", "0.01\n"),
        ("clip", "null\n"),
        ("_global_", "bottleneck:\n"),
        ("architecture.widths[0]", "256\n"),
    ],
)
def test_a_part_is_shown(ib_train: Callable, package: str, shown: str) -> None:
    ended = ib_train("--cfg", "job", "--package", package)
    assert (ended.code, ended.err) == (0, "") and ended.out.startswith(shown), ended
