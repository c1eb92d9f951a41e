"""--version of the programs beside ib-train."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ib_cli import __version__
from ib_cli.report.main import main as ib_report
from ib_cli.run.encode import main as ib_encode
from ib_cli.run.evaluate import main as ib_evaluate


@pytest.mark.parametrize(
    "name, main", [("ib-report", ib_report), ("ib-encode", ib_encode), ("ib-evaluate", ib_evaluate)]
)
def test_every_program_knows_its_version(name: str, main: Callable, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0 and capsys.readouterr() == (f"{name} {__version__}\n", "")
