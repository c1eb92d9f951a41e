"""What an installation would lack."""

from __future__ import annotations

from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def setup() -> ConfigParser:
    parser = ConfigParser(interpolation=None)
    parser.read(ROOT / "setup.cfg")
    return parser


def test_every_package_is_listed(setup: ConfigParser) -> None:
    listed = set(setup["options"]["packages"].split())
    files = [file for room in ("ib_cli", "hydra_plugins") for file in (ROOT / room).rglob("*.py")]
    found = {".".join(file.parent.relative_to(ROOT).parts) for file in files}
    assert listed - {"hydra_plugins"} == found | {"ib_cli.conf", "ib_cli.sweeps"}


def test_every_requirement_has_a_tested_version(setup: ConfigParser) -> None:
    pinned = {line.partition("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines()}
    needed = setup["options"]["install_requires"].split() + setup["options.extras_require"]["dev"].split()
    names = {word.split(">")[0].lower() for word in needed if not word.startswith("%")}
    assert names <= pinned


def test_the_image_gets_what_it_installs(setup: ConfigParser) -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    rooms = {name.split(".")[0] for name in setup["options"]["packages"].split() if not name.startswith("ib_cli.")}
    moved = {line.split("=")[1].strip() for line in setup["options"]["package_dir"].splitlines() if "=" in line}
    assert kept == rooms | moved | {"LICENSE", "README.md", "constraints.txt", "pyproject.toml", "setup.cfg"}
    assert all((ROOT / name).exists() for name in kept)
