"""What the commands beside ib-train share: errors of one line, and exit codes.

0: done. 1: a full disk and the like. 2: a wrong command. 128 + n: stopped by signal n, as 130 by Ctrl-C. 141: nobody
reads the output.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from ib_cli import __version__
from ib_cli.contracts.errors import ConfigError, OutputError, RunFailedError, WriteError, in_a_line
from ib_cli.system.output import drop_output, named_output
from ib_cli.system.secrets import begin, told_line
from ib_cli.system.signals import acting

TRACEBACK = "HYDRA_FULL_ERROR"  # environment variable: 1 shows where an error comes from, as in ib-train


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line that begins with the program's name."""

    keys: Sequence[str] = ()  # that the program takes as words KEY=VALUE

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's own, but words of no letters are shown in quotes where they are refused."""
        found, rest = self.parse_known_args(args, namespace)
        if rest:
            self.error("unrecognized arguments: " + " ".join(word if word.strip() else repr(word) for word in rest))
        return found

    def error(self, message: str) -> NoReturn:
        """Print the error and exit with code 2."""
        match = re.match(r"unrecognized arguments: --([\w.]+)[= ]?(\S*)", message)
        if match and match[1] in self.keys:
            message = f"--{match[1]}: is no flag, but a key: {match[1]}={match[2] or '…'}"
        self.exit(2, f"{self.prog}: {told_line(message)} ({self.prog} --help lists what there is)\n")


def add_version(parser: argparse.ArgumentParser) -> None:
    """Give a parser the flag --version, which prints the program's name and ib-train's version."""
    shown = f"{parser.prog} {__version__}"
    parser.add_argument("--version", action="version", version=shown, help="print the version and exit")


@contextmanager
def exit_codes(program: str) -> Iterator[None]:
    """Within the block errors become one line on standard error and an exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of studies in a locale without their letters
    begin(sys.argv[1:], os.environ)  # its secrets are hidden from here on
    try:
        with acting(), named_output():
            yield
    except BrokenPipeError:  # the reader of our output, such as `head`, has ended
        drop_output()
        sys.exit(141)
    except OutputError as error:
        drop_output()
        _leave(program, error, 1)
    except WriteError as error:
        _leave(program, error, 2 if error.wrong_place else 1)
    except RunFailedError as error:
        _leave(program, error, 1)
    except ConfigError as error:
        _leave(program, error, 2)
    except MemoryError as error:
        _leave(program, RunFailedError(in_a_line(error)), 1)
    except Exception as error:
        if os.environ.get(TRACEBACK) == "1":
            raise
        _leave(program, ConfigError(f"{in_a_line(error)} ({TRACEBACK}=1 shows where)"), 1)
    except KeyboardInterrupt as stop:
        print("stopped", flush=True)
        sys.exit(getattr(stop, "exit_code", 130))


def _leave(program: str, error: Exception, code: int) -> NoReturn:
    print(f"{program}: {told_line(str(error))}", file=sys.stderr)
    sys.exit(code)
