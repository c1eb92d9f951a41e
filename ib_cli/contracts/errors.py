"""Errors that are no fault of the program: a command that cannot run, and a run that cannot end well."""


class ConfigError(ValueError):
    """A command or config that cannot run. Its text is one line: the key and what would be right."""


class BusyError(ConfigError):
    """Another process is working on this run."""


class RunFailedError(RuntimeError):
    """A run that started well and could not end well, such as a loss that became infinite."""
