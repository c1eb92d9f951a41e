"""Records that are not what was written. Imports no torch: `ib-report` asks as well."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ib_cli.contracts.errors import DamagedError
from ib_cli.system.digests import SUMS, digest_of, last_notes, read_sums, text_is_whole
from ib_cli.system.json_lines import JsonLines, parsed

LINES = ("metrics.jsonl", "estimates.jsonl")
CHECKPOINTS = ("checkpoint.pt", "checkpoint.previous.pt")
BEST = "best.pt"  # the parameters of the best evaluation of the validation split
NOISE_LAYERS = "noise_layers.npz"  # arrays that a run with layers of noise may measure at its end
NOVELTY = "novelty.npz"  # scores of samples, of a run that measures how new they are to another one
MORE = ("thermodynamics.jsonl", "tables.npz", NOISE_LAYERS, NOVELTY)  # what some runs write at their end
PLACE = ("split", "path_step", "quantity", "estimator", "k")  # with the epoch, what tells one line from all others
FILES = (".lock", "run.log", "config.yaml", "result.json", SUMS, *LINES, *MORE, *CHECKPOINTS, BEST)
FOLDERS = ("figures", "wandb", "tensorboard")
REMEDY = "put it back as it was, or start this run anew with rerun=true"


def check_places(folder: Path) -> None:
    """Raises DamagedError where a folder, a pipe, a device or a broken link is in the place of a run's record.

    To read a pipe or a device may wait for ever, and a folder can neither be read nor replaced.
    """
    for name in FILES:
        file = folder / name
        if os.path.lexists(file) and not file.is_file():
            raise DamagedError(f"{file} is no file: delete it, and give the same command again")
    for name in FOLDERS:
        if os.path.lexists(folder / name) and not (folder / name).is_dir():
            raise DamagedError(f"{folder / name} is no folder: delete it, and give the same command again")


def check_links(folder: Path) -> None:
    """Raises DamagedError where a run about to write would write, or could not, by what was laid into its folder.

    A link to a file or a folder elsewhere; a folder in the place of a file that is being written.
    """
    for name in (*FILES, *FOLDERS):
        if os.path.islink(folder / name):  # noqa: PTH114 (False, too, where the name is too long)
            raise DamagedError(
                f"{folder / name} is a link, and links within a run's folder are not followed: delete it"
            )
    for part in (folder / f".{name}.part" for name in FILES):
        if os.path.isdir(part) and not os.path.islink(part):  # noqa: PTH112, PTH114
            raise DamagedError(f"{part} is no file: delete it, and give the same command again")


def remove_parts(folder: Path) -> None:
    """Remove what a killed process left half written in a run's folder, whose lock is held: `.NAME.…part`."""
    ours = tuple(f".{name}." for name in FILES)
    records = [part for part in folder.glob(".*.part") if part.name.startswith(ours)]
    for part in (*records, *(folder / "figures").glob(".*.part")):
        part.unlink(missing_ok=True)


def check_digests(folder: Path) -> None:
    """Raises DamagedError, naming the file, where a record in a run's folder has changed since it was written.

    A run that has ended is held by SHA256SUMS, the lines of another one by its checkpoint. What earlier versions wrote
    has no digests, and passes.
    """
    config = folder / "config.yaml"
    if config.is_file() and not text_is_whole(_content(config)):
        raise DamagedError(f"{config} is damaged: {REMEDY}")
    if (folder / "result.json").exists():
        for name, digest in read_sums(folder).items():
            _check_file(folder / name, digest)
        return
    for name, (count, digest) in last_notes(folder / "checkpoint.pt").items():
        try:
            JsonLines(folder / name).check(count, digest)
        except DamagedError as error:
            raise DamagedError(f"{error}: {REMEDY}") from None


def check_finished(folder: Path, result: Mapping[str, Any]) -> None:
    """`check_digests` of a run that is done, and whether `result` is its own.

    Without digests, as earlier versions left it, its lines must be readable and in order at least.
    """
    check_digests(folder)
    if (run := result.get("run", folder.name)) != folder.name:
        raise DamagedError(f"{folder / 'result.json'} is the result of another run, {run}: {REMEDY}")
    if (folder / SUMS).exists():
        return
    if "run" in result:  # with which digests are written
        raise DamagedError(f"{folder / SUMS} is missing: {REMEDY}")
    for file in (folder / name for name in (*LINES, "thermodynamics.jsonl")):
        if file.is_file():
            try:
                check_order(file, parsed(file, _content(file).split(b"\n")[:-1]))
            except DamagedError as error:
                raise DamagedError(f"{error}: {REMEDY}") from None


def check_order(file: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """Raises DamagedError where lines of metrics.jsonl or estimates.jsonl are not in the order a run writes them in."""
    if wrong := disorder(lines):
        raise DamagedError(f"{file} is damaged: {wrong}")


def disorder(lines: Sequence[Mapping[str, Any]]) -> str:
    """Which line repeats an earlier one, or is of an earlier epoch than the line before it; '' if none.

    Lines without an epoch are not looked at.
    """
    seen: set[tuple[float | str, ...]] = set()
    latest: int | float = 0
    for number, line in enumerate(lines, 1):
        if not isinstance(epoch := line.get("epoch"), int | float):
            continue
        key = (epoch, *(str(line.get(name)) for name in PLACE))
        if key in seen:
            return f"line {number} is there twice"
        if epoch < latest:
            return f"line {number} is of an earlier epoch than the one before it"
        seen.add(key)
        latest = epoch
    return ""


def _check_file(file: Path, digest: str) -> None:
    if os.path.lexists(file) and not file.is_file():
        raise DamagedError(f"{file} is no file: {REMEDY}")
    if not file.is_file():
        raise DamagedError(f"{file} is missing, or its line in {SUMS} is damaged: {REMEDY}")
    if digest_of(_content(file)) != digest:
        raise DamagedError(f"{file} is damaged, or its line in {SUMS} is: {REMEDY}")


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise DamagedError(f"{file} cannot be read ({error.strerror})") from error
