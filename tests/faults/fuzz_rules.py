"""What every command must keep to, whatever its words: exit codes, answers of a few lines, files in their place."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from typing import Any

from ib_cli.config.command_words import plain
from ib_cli.system.plain_text import printable
from tests.conftest import Ended
from tests.faults.command_lines import Command
from tests.faults.fuzz_box import HUNG, RAISED

CODES = (0, 1, 2)
MOST_LINES = 3  # of an answer to a wrong command that is no multirun; docs/usage.md promises one beside warnings
LONGEST = 3000  # letters of a line
# What only a programmer knows: Python's way to show an object, and names of libraries' own classes.
INTERNALS = re.compile(
    r"Traceback \(most|File \"[^\"]*\", line|<[\w.]+ object at|<class '|<function |<bound method"
    r"|\b(Dict|List|Omega)Conf\b|PosixPath\(|QuotedString\(|dict_keys\(|NoneType|ValidationError|\bomegaconf\.\w"
    r"|hydra\._internal|shows where\)|Error executing job|object of type|object has no attribute|\w+\(\) takes"
    r"|UNQUOTED_CHAR|BRACE_OPEN|^\w+Error: "
)


LIBRARIES = "tmp/torchinductor_"  # a folder that torch makes as it is imported, for compiled code


def faults(command: Command, ended: Ended, changed: Collection[str], output: str = "work/outputs") -> list[str]:
    """What a command did against the rules. `changed`: paths in the box; `output`: of its runs."""
    found: list[str] = []
    changed = [path for path in changed if not path.startswith(LIBRARIES)]
    if ended.code == HUNG:
        return ["does not end"]
    if ended.code == RAISED:
        return [f"raises {ended.err.strip().splitlines()[-1][:200]}"]
    if ended.code not in CODES:
        found.append(f"exit code {ended.code}")
    texts = _without(command, ended.out + ended.err)
    if match := INTERNALS.search(texts):
        found.append(f"tells {match[0]!r}")
    allowed = [output, *_named(command)]
    if outside := [path for path in changed if not any(_within(path, folder) for folder in allowed)]:
        found.append(f"writes {outside[:3]}")
    if ended.code == 2 and changed:
        found.append(f"is refused and leaves {sorted(changed)[:3]}")
    if ended.code != 0:
        found += _of_the_answer(command, ended)
    return found


def _named(command: Command) -> list[str]:
    """The places that the words of ib-report, ib-encode and ib-evaluate name for their output."""
    if command.program == "ib-train":
        return []
    pairs = zip(command.words, command.words[1:])
    named = [file for flag, file in pairs if flag == "--output"]
    named += [word.partition("=")[2] for word in command.words if word.startswith("--output=")]
    return [*(os.path.normpath(f"work/{file}") for file in named), "work/z.npz"]


def _of_the_answer(command: Command, ended: Ended) -> list[str]:
    found, lines = [], ended.err.splitlines()
    several = "done" in ended.out or "wrong" in ended.out  # the table of a multirun
    if not lines and not (ended.code == 1 and ended.out.strip()):
        return ["says nothing"]
    if len(lines) > MOST_LINES and not several:
        found.append(f"answers with {len(lines)} lines")
    strange = [line for line in lines if not line.startswith(f"{command.program}: ")]
    if ended.code == 2 and strange:
        found.append(f"a line without the program's name: {strange[0][:100]!r}")
    if any(not line.isprintable() for line in lines):
        found.append("a line that acts on a terminal")
    if any(len(line) > LONGEST for line in lines):
        found.append(f"a line of {max(map(len, lines))} letters")
    if ended.code == 2 and lines and not _names_a_word(command, lines[-1]):
        found.append(f"names no word: {lines[-1][:160]!r}")
    return found


def _names_a_word(command: Command, line: str) -> bool:
    """Whether a line has a word of the command in it, its key, a part of the key, or its value."""
    said = line.partition(": ")[2]
    if not any(word.strip() for word in command.words) or "are required" in said or said.startswith("''"):
        return True  # what is not there, or nothing, has no name
    pieces: set[str] = set()
    for word in command.words:
        key, _, value = word.lstrip("+~-").partition("=")
        pieces |= {word.strip(), key, value, *re.split(r"[./@]", key), key.rpartition(".")[0]}
    shown = {_squeezed(printable(piece))[:60] for piece in pieces if piece.strip()}
    return any(piece in _squeezed(said) for piece in shown) or not shown


def _squeezed(text: str) -> str:
    """Without spaces and quotes, and without the letters that an answer puts right."""
    return re.sub("['\"]", "", "".join(plain([re.sub(r"\s", "", text)])))


def _without(command: Command, text: str) -> str:
    """The text without what was typed, which may be anything."""
    typed = {part for word in command.words for part in (word, word.partition("=")[2]) if len(part) > 2}
    for word in sorted(typed, key=len, reverse=True):
        text = text.replace(word, "…").replace(printable(word), "…")
    return text


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The paths that are new, gone or other than before."""
    return sorted(path for path in {*before, *after} if before.get(path) != after.get(path))
