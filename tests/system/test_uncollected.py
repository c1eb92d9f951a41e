"""Imports without the garbage collector."""

from __future__ import annotations

import gc

import pytest

from ib_cli.system.uncollected import uncollected


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_left_as_it_was(enabled: bool) -> None:
    before = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        with pytest.raises(ValueError), uncollected():
            assert not gc.isenabled()
            kept = [[]]
            raise ValueError
        assert gc.isenabled() is enabled
        assert not any(each is kept for each in gc.get_objects())  # frozen: no collection looks at it
    finally:
        gc.unfreeze()
        (gc.enable if before else gc.disable)()
