"""The one door to files that are written in place: links are not followed, and nothing that others hold is opened.

Links above a run's folder, and the folder itself, are a person's own and are followed; those within it are not.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

LINK = "it is a link, which is not followed here: delete it"
SHARED = "it has another name, a hard link, whose content would change too: delete it"
NO_FILE = "it is no file"


def own_file(path: str | Path, flags: int) -> int:
    """The `opener` of `open` for a file of the program's own, to read or to append to.

    Raises OSError for a link, a pipe, a folder, and, to append to, a file with another name. Never waits.
    """
    try:
        handle = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, LINK, str(path)) from None
        if error.errno == errno.ENXIO:  # a pipe that nobody reads, a socket
            raise OSError(errno.EINVAL, NO_FILE, str(path)) from None
        raise
    about = os.fstat(handle)
    if not (stat.S_ISREG(about.st_mode) or stat.S_ISCHR(about.st_mode)):  # a device such as /dev/null
        wrong = OSError(errno.EINVAL, NO_FILE, str(path))
    elif about.st_nlink > 1 and flags & (os.O_WRONLY | os.O_RDWR) and stat.S_ISREG(about.st_mode):
        wrong = OSError(errno.EMLINK, SHARED, str(path))
    else:
        return handle
    os.close(handle)
    raise wrong


def open_new(file: Path) -> BinaryIO:
    """A new, empty file to write to. Whatever had its name, a link too, has lost it. Raises OSError for a folder."""
    file.unlink(missing_ok=True)
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666), "wb")


def check_own_folder(folder: Path) -> None:
    """Raises OSError where a link stands in the place of a folder of the program's own."""
    if folder.is_symlink():
        raise OSError(errno.ELOOP, LINK, str(folder))


def make_own_folder(folder: Path) -> None:
    """Make a folder, and those above it, where there is none. Raises OSError for a link in its place."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    check_own_folder(folder)
    folder.mkdir(exist_ok=True)
