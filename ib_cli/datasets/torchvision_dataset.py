"""Data sets whose files torchvision knows how to fetch."""

import errno
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

from ib_cli.contracts.errors import ConfigError
from ib_cli.datasets.data import Split
from ib_cli.datasets.dataset import Arrays, DataSet
from ib_cli.datasets.published_files import genuine, is_genuine
from ib_cli.system.home import expanded
from ib_cli.system.places import is_file, is_there
from ib_cli.system.torchvision_import import import_torchvision

# All that torchvision is seen to raise where it cannot fetch, check or unpack.
UNREACHABLE = (RuntimeError, OSError, ValueError, AssertionError, LookupError, EOFError, HTTPException)
# What says that root is no place to fetch to, rather than that there is no network.
UNWRITABLE = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True, kw_only=True)
class TorchvisionDataSet(DataSet):
    """Ten classes of 8-bit images, read from the published files as whole arrays, without a detour over PIL.

    A run's id knows these data by their name alone, so the files must be the published ones to the last bit.
    """

    root: str  # the folder that holds torchvision's own folder for the data set; relative: to the working directory
    download: bool  # fetch the files that are missing

    peer: ClassVar[str]  # torchvision's class
    folder: ClassVar[str]  # folder of its files under root
    checksums: ClassVar[Mapping[str, str]]  # files in that folder → MD5

    @abstractmethod
    def split(self, name: str) -> Split:
        """`train` or `test`, of `content`: x (N, C, H, W) uint8, y (N,) int64."""

    def fingerprint(self) -> str:
        """Empty, as the name says it all. Raises ConfigError where files are there and not the published ones."""
        for name, checksum in self.checksums.items():
            try:
                if is_file(self._home / name) and not is_genuine(self._home / name, checksum):
                    raise self._damaged(name)
            except OSError as error:
                raise self._unreadable(name, error) from error
        return ""

    def read(self) -> Arrays:
        """Raises ConfigError where files are missing and cannot be fetched, or are not the published ones."""
        missing = [name for name in self.checksums if not is_file(self._home / name)]
        if missing and not self.download:
            raise ConfigError(
                f"dataset.root: there is no {self._home / missing[0]}; set dataset.download=true or point "
                f"dataset.root, or IB_DATA, at the folder that holds {self.folder}"
            )
        if missing:
            self._fetch()
        self.fingerprint()  # checks files that are not read, too
        return Arrays(self.split("train"), self.split("test"), classes=10, levels=256)

    def content(self, name: str) -> bytes:
        """The bytes of a published file. Raises ConfigError where they are others."""
        try:
            content = genuine(self._home / name, self.checksums[name])
        except OSError as error:
            raise self._unreadable(name, error) from error
        if content is None:
            raise self._damaged(name)
        return content

    @property
    def _home(self) -> Path:
        return expanded(self.root) / self.folder

    def _damaged(self, name: str) -> ConfigError:
        return ConfigError(
            f"dataset.root: the files in {self._home} are not those of {self.peer}: {name} is damaged or of something "
            "else, as its checksum tells; delete them and set dataset.download=true, or use dataset=npz for other data"
        )

    def _unreadable(self, name: str, error: OSError) -> ConfigError:
        return ConfigError(f"dataset.root: {self._home / name} cannot be read ({error.strerror or error})")

    def _fetch(self) -> None:
        """Downloads to a temporary folder first: neither a killed run nor several at once leave half a file."""
        home, peer = self._home, getattr(import_torchvision().datasets, self.peer)
        made = [folder for folder in (home, *home.parents) if not is_there(folder)]
        try:
            home.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(dir=home) as scratch:
                peer(scratch, download=True)
                for name in self.checksums:
                    (Path(scratch) / self.folder / name).replace(home / name)
        except UNREACHABLE as error:
            if isinstance(error, OSError) and error.errno in UNWRITABLE:
                raise ConfigError(
                    f"dataset.root: cannot write {home} ({error.strerror}); name a folder that holds {self.folder}, or "
                    "one that you may write to and that has room"
                ) from error
            raise ConfigError(
                f"dataset.download: could not fetch {self.peer} into {home} ({_line(error)}); connect to "
                f"the network or point dataset.root at the folder that holds {self.folder}"
            ) from error
        finally:
            with suppress(OSError):  # the first that is not empty: what was fetched stays
                for folder in made:
                    folder.rmdir()


def _line(error: Exception) -> str:
    """An error's last line: torchvision lists every address it tried, and the last says why."""
    return (str(error).strip() or type(error).__name__).splitlines()[-1]
