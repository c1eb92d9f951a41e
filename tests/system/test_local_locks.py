"""How a folder is mounted says whether other hosts see its locks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ib_cli.system import local_locks as module
from ib_cli.system.local_locks import local_locks
from tests.conftest import SMALL

ROOT = "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw,seclabel"
NFS = "rw,vers=3,rsize=1048576,proto=tcp,mountproto=udp"


@pytest.mark.parametrize(
    "kind, options, told",
    [
        ("nfs", f"{NFS},nolock,local_lock=none,addr=10.0.0.1", "nfs, nolock"),
        ("nfs", f"{NFS},nolock,local_lock=all", "nfs, local_lock=all, nolock"),
        ("nfs", f"{NFS},local_lock=flock", "nfs, local_lock=flock"),
        ("nfs", f"{NFS},local_lock=posix", ""),
        ("nfs4", "rw,vers=4.2,local_lock=none", ""),
        ("lustre", "rw,flock", ""),
        ("lustre", "rw,localflock", "lustre, localflock"),
        ("cifs", "rw,nobrl", "cifs, nobrl"),
        ("cifs", "rw", ""),
        ("fuse.sshfs", "rw,user_id=0", "fuse.sshfs"),
        ("ext4", "rw,nolock", ""),
    ],
)
def test_mounts_with_locks_of_one_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, options: str, told: str
) -> None:
    shared = tmp_path / "a b"
    escaped = str(shared).replace(" ", "\\040")
    line = f"41 22 0:35 / {escaped} rw,noatime shared:5 master:2 - {kind} server:/x {options}"
    (tmp_path / "mountinfo").write_text("\n".join([ROOT, line]))
    monkeypatch.setattr(module, "MOUNTS", tmp_path / "mountinfo")
    found = local_locks(shared / "outputs" / "runs")
    assert found == (told and f"output: other hosts do not see the locks in {shared} ({told}): start runs of one study "
                     "from one host at a time")  # fmt: skip
    assert local_locks(tmp_path / "a bc") == ""


def test_the_mount_on_top_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nfs = f"41 22 0:35 / {tmp_path}/a rw - nfs server:/x nolock"
    local = f"42 22 254:1 / {tmp_path}/a rw - ext4 /dev/vdb rw"
    within = f"43 41 254:2 / {tmp_path}/a/b rw - ext4 /dev/vdc rw"
    monkeypatch.setattr(module, "MOUNTS", tmp_path / "mountinfo")
    for lines, folder, told in (
        ((ROOT, nfs), "a", True), ((ROOT, nfs, local), "a", False), ((ROOT, local, nfs), "a", True),
        ((within, ROOT, nfs), "a/b/c", False), ((within, ROOT, nfs), "a/c", True),
    ):  # fmt: skip
        (tmp_path / "mountinfo").write_text("\n".join(lines))
        assert bool(local_locks(tmp_path / folder)) == told
    (tmp_path / "mountinfo").unlink()  # no Linux
    assert local_locks(tmp_path / "a") == ""


def test_a_run_tells_it(ib_train: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mountinfo").write_text(f"{ROOT}\n41 22 0:35 / {tmp_path} rw - nfs server:/x rw,nolock\n")
    monkeypatch.setattr(module, "MOUNTS", tmp_path / "mountinfo")
    ended = ib_train(*SMALL, "epochs=1")
    assert ended.code == 0 and f"ib-train: {local_locks(tmp_path)}\n" in ended.err
