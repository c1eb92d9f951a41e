"""What a report and its page make of folders of runs."""

from __future__ import annotations

import json
from pathlib import Path

from ib_cli.report.page.plots import plots
from ib_cli.report.panels.contents import Contents, contents
from ib_cli.report.read.runs import Reader


def contents_of(*folders: Path, **options: object) -> Contents:
    """The contents of a report on the runs in these folders."""
    return contents(Reader().read(folders), **options)


def plots_of(report: Contents) -> dict[str, dict]:
    """The plots of its page by their ids, as the page takes them."""
    found = plots(report)
    json.dumps(found, allow_nan=False)
    return {plot["id"]: plot for plot in found}
