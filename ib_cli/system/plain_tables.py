"""Tables whose texts are harmless in a spreadsheet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ib_cli.system.plain_text import cell

if TYPE_CHECKING:
    from pandas import DataFrame


def plain_cells(table: DataFrame) -> DataFrame:
    """The table with its texts, and the names of its columns, as `cell` writes them; numbers are as they were."""
    import pandas as pd

    texts = {
        name: table[name].map(_plain)
        for name in table.columns
        if not (pd.api.types.is_numeric_dtype(table[name]) or pd.api.types.is_bool_dtype(table[name]))
    }
    return table.assign(**texts).rename(columns=_plain)


def _plain(value: Any) -> Any:
    return cell(value) if isinstance(value, str) else value
