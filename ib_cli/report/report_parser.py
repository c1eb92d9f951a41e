"""The parser of ib-report's words: an error is one line, with the command as it should be where that can be told."""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from ib_cli.config.command_words import plain
from ib_cli.config.near_words import near_word, squashed
from ib_cli.system.places import is_folder, is_there
from ib_cli.system.secrets import told_line

SHORT = {"-o": "--output", "-u": "--units", "-s": "--split", "-m": "--metric", "-g": "--group-by", "-w": "--watch",
         "-t": "--thermodynamics", "-v": "--help", "help": "--help",
         "-V": "--version", "version": "--version", "--out": "--output", "--dir": "--output",
         "--measure": "--metric", "--by": "--group-by", "--live": "--watch"}  # fmt: skip
STUDY = ("name", "study", "folder", "dir", "sweep", "run")  # keys of a study for people who write KEY=VALUE
OUTPUTS = Path("outputs")


class ReportParser(argparse.ArgumentParser):
    """Its errors are one line that begins with the program's name; a folder that there is not is such an error."""

    words: Sequence[str] = ()

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """The options of the words; ends the program with code 2 where they are wrong."""
        self.words = [word for word in (sys.argv[1:] if args is None else args) if word.strip()]  # as ib-train does
        options = super().parse_args(self.words, namespace)
        for folder in options.folders:
            if not is_folder(folder):
                self.error(f"{folder}: {'is a file' if is_there(folder) else 'no such folder'}")
        return options

    def error(self, message: str) -> NoReturn:
        """Print the error, with the command as it should be, and exit with code 2."""
        right = self._mended()
        hint = f" ({self.prog} --help lists what there is)" if "--" in message or "required" in message else ""
        if right != list(self.words):
            hint = f": {shlex.join([self.prog, *right])}"
        self.exit(2, f"{self.prog}: {told_line(message + hint)}\n")

    def _mended(self) -> list[str]:
        """The words as they should be, as far as that can be told."""
        found: list[str] = []
        words = plain(self.words)
        while words and words[0].casefold() in ("$", "report", "ib-report", "ib_report") and not is_folder(words[0]):
            words = words[1:]
        flag = ""
        for word in words:
            if word in SHORT or re.match(r"--?[A-Za-z]", word):
                flag, *value = self._flag(word)
                found += [flag, *(self._value(flag, each) for each in value)]
                flag = "" if value else flag
            elif re.match(r"[A-Za-z_-]+=", word) and not is_there(word):
                found += self._assigned(word)
            elif flag:
                found.append(self._value(flag, word))
                flag = flag if flag in ("--metric", "--group-by") else ""
            else:
                found.append(_folder(word))
        return self._complete(found)

    def _flag(self, word: str) -> list[str]:
        """A flag in its own spelling, and its value where one word holds both."""
        name, equals, value = word.partition("=")
        known = self._flags()
        near = name if name in known else SHORT.get(name) or near_word(name, known)
        return [near or name, *([value] if equals else [])]

    def _assigned(self, word: str) -> list[str]:
        """`units=bits` as a flag; `name=my_study` as a folder."""
        key, _, value = word.partition("=")
        if squashed(key) in STUDY:
            return [_folder(value)]
        near = near_word(key, self._flags())
        return [near, self._value(near, value)] if near else [word]

    def _value(self, flag: str, value: str) -> str:
        """A value that a flag takes, if it is near one; a number of seconds without its unit."""
        action = self._option_string_actions.get(flag)
        if action is not None and action.choices:
            return near_word(value, map(str, action.choices)) or value
        if flag == "--watch" and (match := re.fullmatch(r"([\d.]+)\s*(s|sec|seconds?|m|min|minutes?)", value)):
            return f"{float(match[1]) * (60 if match[2].startswith('m') else 1):g}"
        return value

    def _complete(self, words: list[str]) -> list[str]:
        """With folders before the flags that would swallow them, and with one where none was named."""
        flagged: list[str] = []
        folders: list[str] = []
        for place, word in enumerate(words):
            before = words[place - 1] if place else ""
            folder = (is_folder(word) and before != "--output") or not before.startswith("-")
            (folders if folder and not word.startswith("-") and not _of_list(words, place) else flagged).append(word)
        if not folders and OUTPUTS.is_dir() and not {"--help", "--version"} & set(flagged):
            folders = [str(OUTPUTS)]
        return [*folders, *flagged] if folders else words

    def _flags(self) -> list[str]:
        return [flag for flag in self._option_string_actions if flag.startswith("--")]


def _of_list(words: Sequence[str], place: int) -> bool:
    """Whether a word is one of several values of a flag."""
    before = next((word for word in reversed(words[:place]) if word.startswith("-")), "")
    return before in ("--metric", "--group-by") and not is_folder(words[place])


def _folder(text: str) -> str:
    """The folder of a study or run that a word means; the word itself where none is near."""
    path = Path(text)
    if is_folder(path):
        return text
    if is_there(path):
        return str(next((each for each in path.parents if (each / "config.yaml").is_file()), path.parent))
    if path.suffix in (".json", ".yaml", ".jsonl", ".csv", ".html") and is_folder(path.parent):
        return str(path.parent)
    if is_folder(OUTPUTS / text):
        return str(OUTPUTS / text)
    for parent in (path.parent, OUTPUTS):
        if is_folder(parent) and (near := near_word(path.name, _studies(parent))):
            return str(parent / near)
    return text


def _studies(folder: Path) -> Iterable[str]:
    return [each.name for each in sorted(folder.iterdir()) if each.is_dir() and not each.name.startswith(".")]
