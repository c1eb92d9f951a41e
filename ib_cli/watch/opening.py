"""The first line of a run: what has been chosen. It is there before torch is imported, which takes seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from ib_cli.config.multipliers import MULTIPLIERS
from ib_cli.system.plain_text import printable
from ib_cli.watch.screen import Terminal

GROUPS = ("objective", "dataset", "architecture")


def show_opening(config: Mapping[str, Any], choices: Mapping[str, str | None], console: Console | None = None) -> None:
    """Print the run's words, by default to standard output. Takes what `opening` takes."""
    shown = printable(opening(config, choices))
    (console or Terminal()).print(Text.assemble(("run", "dim"), " " * 9, shown), soft_wrap=True)


def opening(config: Mapping[str, Any], choices: Mapping[str, str | None]) -> str:
    """The run as words of the command line: `objective=vib gamma=0.01 dataset=digits … epochs=40 seed=0`.

    `config` is resolved, but need not be right; `choices` are the options chosen, by group. A measurement of a finished
    run has the run in place of what that run chose.
    """
    procedure = config.get("procedure")
    measured = procedure.get("run") if isinstance(procedure, Mapping) else None
    fitted = choices.get("procedure") == "fit"
    words = {} if fitted else {"procedure": choices.get("procedure")}
    if measured:
        words["procedure.run"] = measured
    else:
        words |= {group: choices.get(group) for group in GROUPS}
        words |= {name: config.get(name) for name in (*MULTIPLIERS, *(["epochs"] if fitted else []))}
    words["seed"] = config.get("seed")
    order = ["procedure", "procedure.run", "objective", *MULTIPLIERS, "dataset", "architecture", "epochs", "seed"]
    return " ".join(f"{key}={words[key]}" for key in order if words.get(key) is not None)
