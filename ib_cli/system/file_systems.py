"""File systems that show the machine and hold no files, such as /proc: a search has nothing to find there."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

MOUNTS = Path("/proc/self/mounts")
NO_FILES = frozenset(
    {
        "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "efivarfs", "fusectl", "mqueue",
        "nsfs", "proc", "pstore", "rpc_pipefs", "securityfs", "selinuxfs", "sysfs", "tracefs",
    }
)  # fmt: skip


def devices_without_files() -> frozenset[int]:
    """The device numbers, `st_dev`, of these file systems; none where the system does not list its mounts."""
    found = set[int]()
    lines = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines() if MOUNTS.exists() else []
    for _, where, kind, *_ in (line.split(" ") for line in lines):
        if kind in NO_FILES:
            with suppress(OSError):  # others may be forbidden, or have just gone: a search would find them so too
                found.add(Path(where).stat().st_dev)
    return frozenset(found)
