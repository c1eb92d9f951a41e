"""The picture of a codebook: how often each codeword is chosen, and where the codewords lie among the encodings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ib_cli.system.per_cent import show_per_cent
from ib_cli.watch.pictures.curves import MEDIUM, SMALL, STYLES, write

PLACES = 6  # most places whose usage is drawn
BINS = 60
MARKERS, DASHES = ("o", "s", "^", "D", "v", "P"), ("-", "--", ":", "-.")
BLUE, RED = STYLES["train"]["color"], STYLES["test"]["color"]


@dataclass(frozen=True)
class Codewords:
    """A codebook on part of a split: L codewords of d dimensions at each of P places."""

    usage: np.ndarray  # (P, L): shares of the samples
    words: np.ndarray  # (P, L, d)
    encodings: np.ndarray  # (N, P, d)

    @property
    def perplexity(self) -> float:
        """exp of the mean entropy of a place."""
        p = self.usage
        return float(np.exp(-(p * np.log(np.where(p > 0, p, 1))).sum(1).mean()))


def draw_codewords(found: Codewords, file: Path) -> None:
    """Draws usage in falling order, a line for each place, as a PNG that replaces `file`.

    Beside it, of the first place: encodings and codewords for d = 2; a histogram of encodings for d = 1.
    """
    from matplotlib.figure import Figure

    d = found.words.shape[-1]
    figure = Figure(figsize=(5.0 if d <= 2 else 2.6, 2.4), layout="constrained")
    panels = figure.subplots(1, 2 if d <= 2 else 1, squeeze=False)[0]
    for i, shares in enumerate(found.usage[:PLACES]):
        look = {"marker": MARKERS[i], "linestyle": DASHES[i % len(DASHES)], "markersize": 2, "linewidth": 0.8}
        panels[0].plot(np.arange(1, len(shares) + 1), np.sort(shares)[::-1], label=f"place {i + 1}", **look)
    if len(found.usage) > 1:
        panels[0].legend(fontsize=SMALL, frameon=False)
    panels[0].set_xlabel("codeword, by usage", fontsize=MEDIUM)
    panels[0].set_ylabel("share of the test samples (%)", fontsize=MEDIUM)
    show_per_cent(panels[0].yaxis)
    panels[0].set_ylim(bottom=0)
    panels[0].set_title(f"perplexity {found.perplexity:.3g} of {found.usage.shape[1]}", fontsize=MEDIUM)
    if d <= 2:
        _places(panels[1], found)
    for panel in panels:
        panel.tick_params(labelsize=SMALL)
    write(figure, file)


def _places(panel, found: Codewords) -> None:  # type: ignore[no-untyped-def]
    e, used = found.encodings[:, 0], found.usage[0] > 0
    c = found.words[0][used]
    of = "" if found.usage.shape[0] == 1 else ", first place"
    panel.set_title(f"{len(c)} codewords chosen{of}", fontsize=MEDIUM)
    if e.shape[1] == 1:
        panel.hist(e[:, 0], bins=BINS, color=BLUE, alpha=0.5, linewidth=0)
        for word in c[:, 0]:
            panel.axvline(word, color=RED, linewidth=0.6)
        panel.set_xlabel("e", fontsize=MEDIUM)
        return
    panel.scatter(*e.T, s=1, color=BLUE, alpha=0.3, linewidths=0)
    panel.scatter(*c.T, s=9, color=RED, marker="x", linewidths=0.8)
    panel.set_xlabel("$e_1$", fontsize=MEDIUM)
    panel.set_ylabel("$e_2$", fontsize=MEDIUM)
