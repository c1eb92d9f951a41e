"""Files of torch that show by themselves whether they are as they were written."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ib_cli.contracts.errors import DamagedError
from ib_cli.system.atomic import check_regular
from ib_cli.system.digests import sealed_zip, zip_notes


def torch_bytes(state: Mapping[str, Any], notes: Mapping[str, Any]) -> bytes:
    """A state as torch.save writes it, sealed. `notes`: JSON that can be read without torch."""
    content = io.BytesIO()
    torch.save(dict(state), content)
    return sealed_zip(content.getvalue(), notes)


def read_torch(file: Path, device: torch.device | str) -> tuple[dict[str, Any], dict[str, Any]]:
    """State, with its tensors on the device, and notes. A file that earlier versions wrote has no notes.

    Raises DamagedError where the bytes are not what was written.
    """
    try:
        check_regular(file)
        content = file.read_bytes()
        notes = zip_notes(content)
        if not content.startswith(b"PK"):
            raise ValueError("it is no zip file, as torch writes them")
    except (OSError, ValueError) as error:
        raise DamagedError(f"{file} cannot be read ({error})") from error
    try:
        state = torch.load(io.BytesIO(content), map_location=device, weights_only=True)
    except Exception as error:  # another program's file: what torch raises depends on what it holds
        raise DamagedError(f"{file} cannot be read ({type(error).__name__})") from error
    if not isinstance(state, dict):
        raise DamagedError(f"{file} cannot be read (it holds no state)")
    return state, notes or {}
