"""Families of cases: a few that differ in kind run each time, the others with the slow tests."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import pytest
from _pytest.mark import ParameterSet


def family(
    cases: Iterable[Any], quick: Collection[Any] | None = None, *, every: int = 1, whole: bool = False
) -> list[ParameterSet]:
    """The cases for `parametrize`, all of them marked slow but those of `quick` or, without `quick`, every so many.

    Of a mapping the values are the cases and the keys their ids, which `quick` then lists. A tuple of another
    iterable holds the values of several parameters, or with `whole` that of one. Raises ValueError for a quick case
    that is not there.
    """
    named = list(cases.items()) if isinstance(cases, Mapping) else [(None, case) for case in cases]
    known = [case if name is None else name for name, case in named]
    if quick is not None and (missing := [one for one in quick if one not in known]):
        raise ValueError(f"no such cases: {missing}")
    made = []
    for i, (name, case) in enumerate(named):
        values = case if isinstance(case, tuple) and name is None and not whole else (case,)
        is_quick = i % every == 0 if quick is None else known[i] in quick
        made.append(pytest.param(*values, id=name, marks=() if is_quick else pytest.mark.slow))
    return made
