"""What a command leaves: compared, checked after a kill, and made worse than a kill leaves it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from ib_cli.experiment.damage import check_digests
from ib_cli.system.json_lines import JsonLines

NAMED_ONLY = {".lock", "SHA256SUMS", "multirun.yaml"}  # of a process or of times: that it is there is compared
TIMES = re.compile(r"seconds$|^origin$|^begun$|^start$|^made$|_at$")
PDF_DATE = re.compile(rb"/CreationDate \(.*?\)")
HTML_DATE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?Z?")
UNLOCKED = re.compile(r"\.[0-9a-f]{8}\.part$")  # half a file where several processes may write: it goes after an hour
JUNK = b"\x00half of a file"


def remains(folder: Path) -> dict[str, Any]:
    """Every file below a folder, hidden ones too, and every empty folder: path → what must be equal, without times."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if UNLOCKED.search(name) and not any((run / "config.yaml").exists() for run in path.parents[:2]):
            continue
        if path.is_file():
            found[name] = _content(path)
        elif not any(path.iterdir()):
            found[f"{name}/"] = "empty"
    return found


def differences(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """In words, what one has and the other has not, and what is not equal."""
    missing = [f"{name} is missing" for name in wanted if name not in found]
    left = [f"{name} is left over" for name in found if name not in wanted]
    return missing + left + [f"{name} differs" for name in wanted if name in found and wanted[name] != found[name]]


def unsound(folder: Path) -> list[str]:
    """What a kill may not leave: a record that is not whole. Empty where all is well."""
    wrong = []
    for config in folder.rglob("config.yaml"):
        run = config.parent
        try:
            check_digests(run)
            if (run / "result.json").exists():
                json.loads((run / "result.json").read_text())
            JsonLines(run / "metrics.jsonl").read()
        except (ValueError, RuntimeError) as error:
            wrong.append(str(error))
    return wrong


def worsen(folder: Path) -> None:
    """Lay what a kill at the worst moment leaves: halves of files and of lines, the folders of dead multiruns."""
    for config in folder.rglob("config.yaml"):
        run = config.parent
        if (run / "result.json").exists():  # with which no line is half written
            continue
        for lines in run.glob("*.jsonl"):
            lines.write_bytes(lines.read_bytes() + b'{"epoch": 1, "spl')
        for name in ("config.yaml", "metrics.jsonl", "checkpoint.pt", "checkpoint.previous.pt", "best.pt",
                     "result.json", "SHA256SUMS", "tables.npz", "figures/training.png"):  # fmt: skip
            for ending in ("part", "0123abcd.part"):
                part = (run / name).with_name(f".{Path(name).name}.{ending}")
                if part.parent.is_dir():
                    part.unlink(missing_ok=True)  # it may be a second name of the file itself
                    part.write_bytes(JUNK)
    for jobs in folder.rglob(".jobs"):
        for name in ("dead", ".dead"):
            (jobs / name).mkdir(exist_ok=True)
            for file in (".lock", "0.json", ".1.json.part"):
                (jobs / name / file).write_bytes(JUNK)


def _content(file: Path) -> Any:
    try:
        return _read(file)
    except Exception as error:  # as many kinds as there are readers
        return f"{type(error).__name__}: {error}"


def _read(file: Path) -> Any:
    if file.name in NAMED_ONLY or file.suffix == ".log":
        return "there"
    if file.suffix == ".json":
        return _timeless(json.loads(file.read_text()))
    if file.suffix == ".npz":
        with np.load(file, allow_pickle=False) as arrays:
            return {name: _array(arrays[name]) for name in arrays}
    if file.suffix == ".pt":
        return _timeless(torch.load(file, weights_only=True))
    if file.suffix in (".csv", ".parquet"):
        table = pd.read_csv(file) if file.suffix == ".csv" else pd.read_parquet(file)
        return table[[name for name in table if not TIMES.search(str(name))]].to_json(double_precision=15)
    content = file.read_bytes()
    if file.suffix == ".pdf":
        content = PDF_DATE.sub(b"", content)
    if file.suffix == ".html":
        content = HTML_DATE.sub("", content.decode()).encode()
    return content


def _timeless(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return _array(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()), tuple(value.shape)
    if isinstance(value, Mapping):
        return {key: _timeless(part) for key, part in value.items() if not TIMES.search(str(key))}
    return [_timeless(part) for part in value] if isinstance(value, list | tuple) else value


def _array(value: np.ndarray) -> tuple[str, tuple[int, ...], str]:
    return str(value.dtype), value.shape, sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
