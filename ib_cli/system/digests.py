"""Digests of files, by which a file that has changed since it was written is noticed."""

from __future__ import annotations

import json
import os
import re
import struct
import zipfile
from collections.abc import Mapping
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

from ib_cli.contracts.errors import DamagedError
from ib_cli.system.atomic import as_json, write_atomically

SUMS = "SHA256SUMS"  # as `sha256sum -c SHA256SUMS` reads it
_LINE = re.compile(r"([0-9a-f]{64})  ([\w.]+)")
_FIRST = re.compile(r"# sha256 of the lines below: ([0-9a-f]{64})")
_COMMENT = re.compile(rb'(\{["\w., :\[\]]*\}) sha256 ([0-9a-f]{64})\Z')
_END = struct.Struct("<4s4H2LH")  # a zip file's last record, before its comment: signature, …, the comment's length
_TAIL = 4096  # bytes: more than the comment


def digest_of(content: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return sha256(content).hexdigest()


def write_sums(folder: Path, digests: Mapping[str, str]) -> None:
    """Write SHA256SUMS: file name in the folder → digest."""
    write_atomically(folder / SUMS, "".join(f"{digest}  {name}\n" for name, digest in digests.items()))


def read_sums(folder: Path) -> dict[str, str]:
    """The content of SHA256SUMS; empty where there is none. Raises DamagedError where it cannot be read."""
    file = folder / SUMS
    if not os.path.lexists(file):
        return {}
    if not file.is_file():
        raise DamagedError(f"{file} is no file: delete it to take the other files as they are")
    text = file.read_text(encoding="ascii", errors="replace")
    found = [_LINE.fullmatch(line) for line in text.split("\n")[:-1]]
    digests = {match[2]: match[1] for match in found if match}
    if not text.endswith("\n") or len(digests) < len(found):
        raise DamagedError(
            f"{file} is damaged: delete it to take the other files as they are, or start this run anew with rerun=true"
        )
    return digests


def sealed_text(text: str) -> str:
    """YAML, or another text with such comments, below a line with its digest."""
    return f"# sha256 of the lines below: {digest_of(text.encode())}\n{text}"


def text_is_whole(content: bytes) -> bool:
    """Whether the digest is right. A text that begins with no comment has none, and is taken as whole."""
    if not content.startswith(b"#"):
        return True
    first, _, rest = content.partition(b"\n")
    match = _FIRST.fullmatch(first.decode("ascii", errors="replace"))
    return match is not None and match[1] == digest_of(rest)


def sealed_zip(content: bytes, notes: Mapping[str, Any]) -> bytes:
    """A zip file without a comment, with a comment: the notes, and a digest of all that comes before it."""
    told = as_json(notes).encode()
    length = len(told) + len(b" sha256 ") + 64
    body = content[:-2] + length.to_bytes(2, "little") + told
    return body + b" sha256 " + digest_of(body).encode()


def zip_notes(content: bytes) -> dict[str, Any] | None:
    """The notes of a whole sealed zip file; None for a whole one without a seal. Raises ValueError for others.

    One without a seal is checked by the CRC of each member, which zip files have, and torch.load does not look at.
    """
    if match := _COMMENT.search(content[-_TAIL:]):
        if digest_of(content[: -len(b" sha256 ") - 64]) != match[2].decode():
            raise ValueError("its digest is another")
        return json.loads(match[1])
    if len(content) < _END.size or content[-_END.size :][:4] != b"PK\x05\x06" or content[-2:] != b"\0\0":
        raise ValueError("its end is missing")
    try:
        broken = zipfile.ZipFile(BytesIO(content)).testzip()
    except Exception as error:  # damage has many faces: lengths, flags, methods, signatures
        raise ValueError(f"{type(error).__name__}: {error}") from error
    if broken is not None:
        raise ValueError(f"the CRC of {broken} is another")
    return None


def last_notes(file: Path) -> dict[str, Any]:
    """The notes at the end of a sealed zip file, of which nothing else is read; empty where there are none."""
    if not file.is_file():
        return {}
    try:
        with file.open("rb") as handle:
            handle.seek(max(handle.seek(0, 2) - _TAIL, 0))
            match = _COMMENT.search(handle.read())
    except OSError:  # as where it may not be read
        return {}
    return json.loads(match[1]) if match else {}
