"""The error rate of runs during which the entropy of the latent was scaled (Unpacking, Fig. 4)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ib_cli.report.panels.contents import Contents

BOUND, TARGET, ERROR = "log_Var[Z]", "H_target[Z_hat]", "error"


class ErrorCurve(NamedTuple):
    """One run's entropy (n,) in nats and error (n,) on one split, in the order of the epochs.

    The entropy is the bound `log_Var[Z]`, including the noise of z.
    """

    run: int
    curve: str
    split: str
    entropy: np.ndarray
    error: np.ndarray


def error_curves(contents: Contents) -> list[ErrorCurve]:
    """The curves of each run with a target entropy of the latent, on train and on the split of the report.

    Curves of fewer than two epochs are left out.
    """
    scaled = [i for i, run in enumerate(contents.runs) if {BOUND, TARGET, ERROR} <= set(run.metrics)]
    found = [
        _error_curve(contents, i, curve, split)
        for curve, members in contents.by_curve(scaled).items()
        for i in members
        for split in dict.fromkeys(("train", contents.split))
    ]
    return [line for line in found if len(line.error) > 1]


def _error_curve(contents: Contents, i: int, curve: str, split: str) -> ErrorCurve:
    run = contents.runs[i]
    entropy, error = (run.metrics[name][run.splits == split] for name in (BOUND, ERROR))
    there = np.isfinite(entropy) & np.isfinite(error)
    return ErrorCurve(i, curve, split, entropy[there], error[there])
