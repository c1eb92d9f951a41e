"""Config files that cannot be read, as one line that names the file, the place and what is wrong there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

UNREADABLE = (yaml.YAMLError, UnicodeDecodeError)  # what reading a config file raises


def config_folders(words: Sequence[str]) -> list[Path]:
    """The folders that `--config-dir` and `--config-path` name on a command line."""
    found = []
    for word, following in zip(words, [*words[1:], ""]):
        flag, equals, value = word.partition("=")
        if flag in ("--config-dir", "-cd", "--config-path", "-cp"):
            found.append(Path(value if equals else following))
    return [folder for folder in found if folder.is_dir()]


def reading_error(error: yaml.YAMLError | UnicodeDecodeError, words: Sequence[str]) -> str:
    """One line for an error raised while config files were read. `words`: the command line's."""
    if isinstance(error, yaml.MarkedYAMLError) and (mark := error.problem_mark or error.context_mark) is not None:
        what = " ".join(filter(None, (error.context, error.problem)))
        return f"{mark.name}, line {mark.line + 1}, column {mark.column + 1}: {' '.join(what.split())}"
    if isinstance(error, yaml.reader.ReaderError):
        return f"{error.name}: is no YAML in UTF-8: character {error.position + 1}: {error.reason}"
    for file in (file for folder in config_folders(words) for file in sorted(folder.rglob("*.yaml"))):
        if isinstance(error, UnicodeDecodeError) and file.is_file() and error.object in (content := file.read_bytes()):
            line = content[: content.index(error.object) + error.start].count(b"\n") + 1
            return f"{file}: is no YAML in UTF-8: line {line}: {error.reason}: save it as UTF-8"
    return f"a config file is no YAML in UTF-8 ({' '.join(str(error).split())})"
