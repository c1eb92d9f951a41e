"""Config files that cannot be read, or are not taken: a line that names the file and what is wrong there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import yaml

from ib_cli.system.places import is_file, is_folder, is_there

UNREADABLE = (yaml.YAMLError, UnicodeDecodeError, RecursionError)  # what reading a config file raises, beside OSError
TOO_DEEP = "its values are nested too deeply"


def config_folders(words: Sequence[str]) -> list[Path]:
    """The folders that `--config-dir` and `--config-path` name on a command line."""
    found = []
    for word, following in zip(words, [*words[1:], ""]):
        flag, equals, value = word.partition("=")
        if flag in ("--config-dir", "-cd", "--config-path", "-cp"):
            found.append(Path(value if equals else following))
    return [folder for folder in found if is_folder(folder)]


def hidden_files(words: Sequence[str], ours: Path) -> list[str]:
    """A line for each YAML in a folder of `--config-dir` that Hydra passes over for one of the same name in `ours`."""
    if any(word.partition("=")[0] in ("--config-path", "-cp") for word in words):
        return []  # the folder takes the place of ours
    files = [(file, folder) for folder in config_folders(words) for file in sorted(folder.rglob("*.yaml"))]
    return [
        f"{file}: is not read, as ib-train has a config of this name: rename it"
        for file, folder in files
        if (ours / file.relative_to(folder)).is_file()
    ]


def own_file(error: OSError, words: Sequence[str]) -> bool:
    """Whether the error is about a file in one of `config_folders`."""
    file = Path(str(error.filename)).resolve()
    return error.filename is not None and any(file.is_relative_to(folder.resolve()) for folder in config_folders(words))


def no_file(option: str, words: Sequence[str]) -> str:
    """One line for an option, `group/name`, that is there in one of `config_folders` and is no file; '' for others."""
    for folder in config_folders(words):
        file = folder / f"{option}.yaml"
        if wrong := no_plain_file(file):
            return wrong
        if is_file(folder / f"{option}.yml"):
            return f"{folder / option}.yml: the name of a config ends in .yaml"
    return ""


def no_plain_file(file: Path) -> str:
    """One line for a path at which there is something that is no file; '' for others."""
    if is_file(file) or not os.path.lexists(file):
        return ""
    kind = "a folder" if is_folder(file) else "a pipe or a device" if is_there(file) else "a link to no file"
    return f"{file}: a config must be a file, and this is {kind}"


def reading_error_of(file: Path, error: Exception) -> str:
    """One line for an error raised while this config file was read, for errors that do not name it; '' for others."""
    if isinstance(error, OSError):
        return f"{file}: cannot be read ({error.strerror})"
    if isinstance(error, RecursionError):
        return f"{file}: {TOO_DEEP}"
    if isinstance(error, UnicodeDecodeError):
        return _no_utf_8(file, file.read_bytes(), error)
    return ""


def _no_utf_8(file: Path, content: bytes, error: UnicodeDecodeError) -> str:
    """`error.object`: the content, or the part of it that was read."""
    line = content[: content.index(error.object) + error.start].count(b"\n") + 1
    return f"{file}: is no YAML in UTF-8: line {line}: {error.reason}: save it as UTF-8"


def reading_error(error: Exception, words: Sequence[str]) -> str:
    """One line for an error raised while config files were read. `words`: the command line's."""
    if isinstance(error, OSError):
        return f"{error.filename}: cannot be read ({error.strerror})"
    if isinstance(error, RecursionError):
        return _recursion(error)
    if isinstance(error, yaml.MarkedYAMLError) and (mark := error.problem_mark or error.context_mark) is not None:
        what = " ".join(" ".join(filter(None, (error.context, error.problem))).split())
        if "nesting depth" in what:  # a limit of newer releases of libyaml
            what = TOO_DEEP
        return f"{mark.name}, line {mark.line + 1}, column {mark.column + 1}: {what}"
    if isinstance(error, yaml.reader.ReaderError):
        return f"{error.name}: is no YAML in UTF-8: character {error.position + 1}: {error.reason}"
    for file in (file for folder in config_folders(words) for file in sorted(folder.rglob("*.yaml"))):
        if isinstance(error, UnicodeDecodeError) and file.is_file() and error.object in (content := file.read_bytes()):
            return _no_utf_8(file, content, error)
    return f"a config file is no YAML in UTF-8 ({' '.join(str(error).split())})"


def _recursion(error: RecursionError) -> str:
    """The line for a defaults list that Hydra follows without end, or for values nested too deeply."""
    place, named = error.__traceback__, []
    while place is not None:
        if place.tb_frame.f_code.co_name == "_create_defaults_tree_impl":
            named.append(place.tb_frame.f_locals["root"].node.get_config_path())
        place = place.tb_next
    if len(set(named)) < len(named):
        return f"{named[-1]}: its defaults lead back to itself"
    return f"{named[-1] if named else 'a config file'}: {TOO_DEEP}"
