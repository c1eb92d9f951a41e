"""How many files this process may still open."""

from __future__ import annotations

import resource
from pathlib import Path

OPEN = Path("/proc/self/fd")
SPARE = 32  # files that a process opens for a moment: data, fonts, figures, compiled code


def room(wanted: int) -> int:
    """How many of `wanted` files may be open at once, beside those that are and a few for passing needs.

    Where the process's soft limit is too low for them, it is raised as far as the hard limit allows.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = (len(list(OPEN.iterdir())) if OPEN.is_dir() else SPARE) + SPARE
    if soft != resource.RLIM_INFINITY and taken + wanted > soft:
        most = taken + wanted if hard == resource.RLIM_INFINITY else min(hard, taken + wanted)
        if most > soft:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
    return wanted if soft == resource.RLIM_INFINITY else max(min(wanted, soft - taken), 0)
