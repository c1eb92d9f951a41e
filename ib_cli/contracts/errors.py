"""The two ways in which a run can end badly through no fault of the program."""


class ConfigError(ValueError):
    """A command or config that cannot run. Its text is one line: the key and what would be right."""


class BusyError(ConfigError):
    """Another process is at this very run."""


class RunFailedError(RuntimeError):
    """A run that started well and could not end well, such as a loss that became infinite."""
