"""The page's plot of the error rate against the entropy of a latent that was scaled (Unpacking, Fig. 4)."""

from __future__ import annotations

from ib_cli.report.figures.style import COLOURS
from ib_cli.report.page.traces import SYMBOLS, Plot, layout, numbers
from ib_cli.report.panels.contents import Contents
from ib_cli.report.panels.error_by_entropy import BOUND, Course, courses

DASHES = {"train": "solid", "validation": "dot", "test": "dash"}


def error_by_entropy(contents: Contents) -> list[Plot]:
    """A line per run and split, along its epochs; none where no latent was scaled."""
    found = courses(contents)
    if not found:
        return []
    order = list(dict.fromkeys(course.curve for course in found))
    traces = [_trace(course, order.index(course.curve), contents.scale(BOUND)) for course in found]
    return [
        {
            "id": "error-by-entropy",
            "title": "Error against entropy",
            "note": "A line per run over its epochs, while the entropy of its latent is scaled down.",
            "traces": traces,
            "layout": layout(f"{BOUND} ({contents.units})", "error rate", showlegend=True),
        }
    ]


def _trace(course: Course, i: int, k: float) -> Plot:
    return {
        "type": "scatter", "mode": "lines+markers", "name": f"{course.curve}, {course.split}",
        "x": numbers(course.entropy * k), "y": numbers(course.error),
        "line": {"color": COLOURS[i % len(COLOURS)], "dash": DASHES[course.split], "width": 1.4},
        "marker": {"symbol": SYMBOLS[i % len(SYMBOLS)], "size": 5},
        "customdata": [course.run] * len(course.error),
        "hovertemplate": f"%{{text}}<br>{BOUND} = %{{x:.4g}}<br>error = %{{y:.4g}}<extra></extra>",
    }  # fmt: skip
