"""Which cases of a family run each time, and what a case holds."""

from __future__ import annotations

from typing import Any

import pytest

from tests.families import family


def quick(cases: list[Any]) -> list[Any]:
    return [case.values for case in cases if not case.marks]


def test_the_named_cases_are_quick_and_the_others_slow() -> None:
    cases = family([(1, "a"), (2, "b"), (3, "c")], quick=[(2, "b")])
    assert quick(cases) == [(2, "b")] and len(cases) == 3
    assert all(mark.name == "slow" for case in cases for mark in case.marks)


def test_a_mapping_has_its_keys_for_ids_and_its_values_for_cases() -> None:
    cases = family({"one": (1, 2), "two": (3, 4)}, quick=["two"])
    assert [case.id for case in cases] == ["one", "two"] and quick(cases) == [((3, 4),)]


def test_every_so_many_and_tuples_that_are_one_value() -> None:
    assert quick(family(range(7), every=3)) == [(0,), (3,), (6,)]
    assert quick(family([(), (1, 2)], every=1, whole=True)) == [((),), ((1, 2),)]


def test_a_quick_case_that_is_not_there_is_told() -> None:
    with pytest.raises(ValueError, match="no such cases: \\[3\\]"):
        family([1, 2], quick=[3])
