"""The error rate of runs that trained while the entropy of their latent was scaled (Unpacking, Fig. 4)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ib_cli.report.panels.contents import Contents

BOUND, TARGET, ERROR = "log_Var[Z]", "H_target[Z_hat]", "error"


class Course(NamedTuple):
    """One run on one split: the entropy (n,) in nats and the error (n,), in the order of the epochs.

    The entropy is its bound `log_Var[Z]`, with whatever noise z has.
    """

    run: int
    curve: str
    split: str
    entropy: np.ndarray
    error: np.ndarray


def courses(contents: Contents) -> list[Course]:
    """Of each run whose latent had an entropy to be scaled to, on train and on the split of the report.

    Runs with fewer than two such epochs are left out.
    """
    scaled = [i for i, run in enumerate(contents.runs) if {BOUND, TARGET, ERROR} <= set(run.metrics)]
    found = [
        _course(contents, i, curve, split)
        for curve, members in contents.by_curve(scaled).items()
        for i in members
        for split in dict.fromkeys(("train", contents.split))
    ]
    return [course for course in found if len(course.error) > 1]


def _course(contents: Contents, i: int, curve: str, split: str) -> Course:
    run = contents.runs[i]
    entropy, error = (run.metrics[name][run.splits == split] for name in (BOUND, ERROR))
    there = np.isfinite(entropy) & np.isfinite(error)
    return Course(i, curve, split, entropy[there], error[there])
