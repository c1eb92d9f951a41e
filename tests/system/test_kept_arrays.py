"""Arrays kept on the disk: made once, and anew where the file is damaged."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from ib_cli.system import kept_arrays as module
from ib_cli.system.kept_arrays import kept_arrays

ARRAYS = {"a": np.arange(6.0).reshape(2, 3), "b": np.array([1], np.int32)}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "ib-train"


class Maker:
    """Counts how often the arrays are made."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.count, self.seconds = 0, seconds

    def __call__(self):
        self.count += 1
        time.sleep(self.seconds)
        return ARRAYS


def same(found) -> bool:
    return found.keys() == ARRAYS.keys() and all(
        np.array_equal(found[key], ARRAYS[key]) and found[key].dtype == ARRAYS[key].dtype for key in ARRAYS
    )


def test_arrays_are_made_once_for_each_name(cache):
    make = Maker()
    for name in ("one-1", "one-1", "other"):
        found, told = kept_arrays(name, make)
        assert same(found) and told == ()
    assert make.count == 2 and sorted(path.name for path in cache.iterdir()) == ["one-1", "other"]


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-1], lambda b: b[:100] + bytes([b[100] ^ 1]) + b[101:], lambda b: b"", lambda b: b * 2]
)
def test_a_damaged_file_is_made_anew(cache, damage):
    make = Maker()
    kept_arrays("one-1", make)
    file = cache / "one-1" / "arrays.npz"
    file.write_bytes(damage(file.read_bytes()))
    found, told = kept_arrays("one-1", make)
    assert same(found) and told == () and make.count == 2
    assert same(kept_arrays("one-1", make)[0]) and make.count == 2


def test_of_several_at_once_one_makes_them(monkeypatch):
    monkeypatch.setattr(module, "BETWEEN", 0.01)
    make, found = Maker(0.3), []
    threads = [threading.Thread(target=lambda: found.append(kept_arrays("one-1", make)[0])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert make.count == 1 and len(found) == 4 and all(map(same, found))


def test_where_nothing_can_be_written_it_is_told(cache):
    cache.parent.write_text("a file in the place of a folder")
    make = Maker()
    for _ in range(2):
        found, (told,) = kept_arrays("one-1", make)
        assert (same(found) and told.endswith("made anew")) or "made anew" in told
    assert make.count == 2


def test_a_full_disk_is_told(cache, monkeypatch):
    def full(file, content):
        raise module.WriteError(file, OSError(28, "No space left on device"))

    monkeypatch.setattr(module, "write_atomically", full)
    found, (told,) = kept_arrays("one-1", Maker())
    assert same(found) and "No space left on device" in told


def test_without_a_cache_of_ones_own_the_home_has_it(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    monkeypatch.setenv("HOME", str(tmp_path))
    kept_arrays("one-1", Maker())
    assert (tmp_path / ".cache" / "ib-train" / "one-1" / "arrays.npz").is_file()
