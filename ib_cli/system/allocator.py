"""The C library's allocator, told to keep what is freed."""

from __future__ import annotations

import ctypes
import platform
from functools import cache

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # malloc.h
MOST = 2**31 - 1


@cache
def keep_freed_memory() -> bool:
    """Have glibc keep freed memory instead of returning it; whether there is a glibc to do so.

    It gives every large tensor back to the system as soon as it is freed, and each step then pays for fresh pages.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    return bool(libc.mallopt(M_MMAP_MAX, 0) and libc.mallopt(M_TRIM_THRESHOLD, MOST))
