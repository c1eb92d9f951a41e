"""A rounded number never contradicts its message."""

from __future__ import annotations

import math

from ib_cli.contracts.labels import counted
from ib_cli.contracts.told_numbers import apart, duration, percent


def test_a_share_is_never_told_as_none_or_all_of_it() -> None:
    shares = (0, 1, 0.123, 0.0314, 3e-4, 1.4e-5, 3e-9, 0.996, 0.99998, 12.3, -0.25)
    assert [percent(share) for share in shares] == [
        "0 %", "100 %", "12 %", "3.1 %", "0.030 %", "0.0014 %", "3e-07 %", "99.6 %", "99.998 %", "1230 %", "-25 %",
    ]  # fmt: skip
    assert percent(math.inf) == "inf %"


def test_a_share_is_never_told_as_the_limit_that_it_passes() -> None:
    assert percent(0.010001, 0.01) == "1.0001 %" and percent(-0.010001, 0.01) == "-1.0001 %"
    assert percent(0.01, 0.01) == "1.0 %" and percent(2e-6, 1e-9) == "0.00020 %"


def test_two_numbers_that_differ_are_told_apart() -> None:
    assert apart(2.3041, 2.3026, 2) == ("2.304", "2.303") and apart(1024, 512.4, 0) == ("1,024", "512")
    assert apart(0.3, 0.2, 0) == ("0.3", "0.2") and apart(2.0, 2.0, 2) == ("2.00", "2.00")


def test_a_time_is_never_none() -> None:
    seconds = (0.00042, 0.04, 0.26, 8.13, 59.94, 59.96, 200.2, 7500)
    assert [duration(each) for each in seconds] == [
        "0.0004 s", "0.04 s", "0.3 s", "8.1 s", "59.9 s", "1 min 00 s", "3 min 20 s", "2 h 05 min",
    ]  # fmt: skip


def test_one_is_singular() -> None:
    assert [counted(n, "class", "classes") for n in (1, 2)] == ["1 class", "2 classes"]
    assert [counted(n, "run") for n in (0, 1, 1000)] == ["0 runs", "1 run", "1,000 runs"]
