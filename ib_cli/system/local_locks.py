"""Mounts whose locks other hosts do not see: there two hosts may take one lock."""

from __future__ import annotations

import re
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
# Kind of file system → options of its mount that keep locks to the host; none: it always does.
LOCAL = {
    "nfs": {"nolock", "local_lock=flock", "local_lock=all"},
    "nfs4": {"local_lock=flock", "local_lock=all"},
    "lustre": {"localflock"},
    "cifs": {"nobrl"},
    "smb3": {"nobrl"},
    "fuse.sshfs": set(),
}
_ESCAPED = re.compile(r"\\([0-7]{3})")  # a space in a path, say


def local_locks(folder: Path) -> str:
    """The line to tell of a folder whose locks other hosts do not see, by how it is mounted.

    '' where they do, and where that cannot be told.
    """
    try:
        lines, place = MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines(), folder.resolve()
    except OSError:  # no Linux
        return ""
    mounts = [mount for line in lines if place.is_relative_to((mount := _mount(line))[0])]
    if not mounts:
        return ""
    at, kind, options = max(enumerate(mounts), key=lambda each: (len(each[1][0].parts), each[0]))[
        1
    ]  # the last is on top
    found = sorted(LOCAL.get(kind, set()) & options)
    if kind not in LOCAL or (LOCAL[kind] and not found):
        return ""
    how = ", ".join([kind, *found])
    return f"output: other hosts do not see the locks in {at} ({how}): start runs of one study from one host at a time"


def _mount(line: str) -> tuple[Path, str, set[str]]:
    """Where a line of mountinfo mounts, the kind of file system, and its options."""
    first, _, last = line.partition(" - ")
    before, after = first.split(), last.split()
    path = _ESCAPED.sub(lambda match: chr(int(match[1], 8)), before[4])
    return Path(path), after[0], {*before[5].split(","), *after[-1].split(",")}
