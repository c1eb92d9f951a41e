"""Errors that are no fault of the program: a command that cannot run, and a run that cannot end well."""

import errno
from pathlib import Path

# What a file system says that has no locks.
NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
# What is wrong with a place to write to, and so with the command that names it. A full disk is not among them.
PLACES = frozenset(
    {
        errno.EACCES,
        errno.EEXIST,
        errno.EINVAL,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOLCK,
        errno.ENOSYS,
        errno.ENOTDIR,
        errno.ENOTSUP,
        errno.EOPNOTSUPP,
        errno.EPERM,
        errno.EROFS,
    }
)


class ConfigError(ValueError):
    """A command or config that cannot run. Its text is one line: the key and what would be right."""


class BusyError(ConfigError):
    """Another process is working on this run."""

    def __init__(self, text: str, folder: str = "", holder: str = "another process") -> None:
        """`folder`: the run's. `holder`: which process, as `process 12 on node7 since 2026-11-30 19:40:12`."""
        super().__init__(text)
        self.folder, self.holder = folder, holder


class RunFailedError(RuntimeError):
    """A run that started well and could not end well, such as a loss that became infinite."""


class DamagedError(RunFailedError):
    """A record that is not what was written. Its text is one line: the file and the remedy."""


class WriteError(RunFailedError):
    """A file that cannot be written, as on a full disk. Its text is one line: the file and the cause."""

    def __init__(self, file: Path | str, error: OSError) -> None:
        self.file, self.cause = file, error
        super().__init__(f"cannot write {file} ({error.strerror or error})")

    @property
    def wrong_place(self) -> bool:
        """Whether another place would do: a folder that others own, a name that is too long."""
        return self.cause.errno in PLACES

    @property
    def remedy(self) -> str:
        """The error of a place within `output`, in a line with what would be right."""
        if not self.wrong_place:
            return f"output: {self}"
        place = "on another file system" if self.cause.errno in NO_LOCKS else "that you may write to"
        return f"output: {self}: choose a folder {place}, as in output=$HOME/outputs"


class OutputError(WriteError):
    """Standard output that cannot be written, as `> /dev/full`."""


class TooLargeError(MemoryError):
    """What would take more memory than is free, seen before it is taken. Its text is one line."""

    def __init__(self, text: str, fits: int = 0) -> None:
        """`fits`: how many samples at a time would do; 0: not even one."""
        super().__init__(text)
        self.fits = fits


def in_a_line(error: Exception) -> str:
    """One line for any error; the text of ours is one line already."""
    if isinstance(error, ConfigError | RunFailedError):
        return str(error)
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror or error}"
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError):
        return f"out of memory: {text or 'the process may take no more'}"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
