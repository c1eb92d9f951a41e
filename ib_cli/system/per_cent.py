"""An axis of fractions, shown in per cent."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axis import Axis


def show_per_cent(axis: Axis) -> None:
    """Ticks of a linear axis in per cent, without the sign, which the axis' label has; the data stay fractions."""
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(1.0, symbol=""))
