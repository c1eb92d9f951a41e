"""The C library's allocator, set to keep freed memory."""

from __future__ import annotations

import ctypes
import platform
from functools import cache

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # malloc.h
MOST = 2**31 - 1


@cache
def keep_freed_memory() -> bool:
    """Make glibc keep freed memory; True if it will, False without glibc.

    By default glibc returns every large tensor to the system when it is freed, and each step pays for fresh pages.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    return bool(libc.mallopt(M_MMAP_MAX, 0) and libc.mallopt(M_TRIM_THRESHOLD, MOST))
