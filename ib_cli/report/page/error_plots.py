"""The page's plot of the error rate against the entropy of a latent scaled during training (Unpacking, Fig. 4)."""

from __future__ import annotations

from ib_cli.report.figures.style import COLOURS, cycled
from ib_cli.report.page.plot_parts import SYMBOLS, Plot, layout, numbers, per_cent
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.error_by_entropy import BOUND, ErrorCurve, error_curves

DASHES = {"train": "solid", "validation": "dot", "test": "dash"}


def error_by_entropy(contents: Contents) -> list[Plot]:
    """A plot with a line per run and split over the epochs; none if no latent was scaled."""
    found = error_curves(contents)
    if not found:
        return []
    order = list(dict.fromkeys(line.curve for line in found))
    traces = [_trace(line, order.index(line.curve), contents.scale(BOUND)) for line in found]
    return [
        {
            "id": "error-by-entropy",
            "title": "Error against entropy",
            "split": " and ".join(dict.fromkeys(line.split for line in found)),
            "note": "A line per run over its epochs, while the entropy of its latent is scaled down. "
            "Hollow: log_Var[Z] is a bound.",
            "traces": traces,
            "layout": layout(f"{BOUND} ({contents.units})", "error rate (%)", showlegend=True, yaxis=per_cent("error")),
        }
    ]


def _trace(line: ErrorCurve, i: int, k: float) -> Plot:
    return {
        "type": "scatter", "mode": "lines+markers", "name": f"{line.curve}, {line.split}",
        "x": numbers(line.entropy * k), "y": numbers(line.error),
        "line": {"color": cycled(COLOURS, i), "dash": DASHES[line.split], "width": 1.4},
        "marker": {"symbol": f"{cycled(SYMBOLS, i)}-open", "size": 5},
        "customdata": [line.run] * len(line.error),
        "hovertemplate": f"%{{text}}<br>{BOUND} = %{{x:.4g}}<br>error = %{{y:.4g}}<extra></extra>",
    }  # fmt: skip
