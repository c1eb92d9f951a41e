"""The functionals of a solution's tables under a joint table: its own or another."""

from __future__ import annotations

import math

from torch.special import xlogy

from ib_cli.exact.solution import Solution
from ib_cli.exact.table import Table, entropy


def measured(solution: Solution, table: Table) -> dict[str, float]:
    """Measures of a solution's encoder, marginal, decoder and classifier where (x, y) follows `table` (X, Y); nats.

    Names are the same as for models. `accuracy` and `error` concern the most probable label under Σ_z e(z|x) c(y|z).
    `error_drawn` is that of a label drawn from it, at most `error_bound` = 1 − exp(−C) (Unpacking Obs. 3).
    I[X;Z] and I[Y;Z] depend on the encoder alone; R ≥ I[X;Z] and C ≥ H[Y] − I[Y;Z]. A functional is infinite where
    something happens to which the solution's tables give probability 0, as D is for an x that the solution has never
    seen.
    """
    encoder, predicted = solution.encoder, solution.encoder @ solution.classifier
    joint, of_labels = table.x[:, None] * encoder, encoder.T @ table.joint  # p(x, z), p(z, y)
    hit = table.joint.gather(1, predicted.argmax(1, keepdim=True)).sum()
    C = float(xlogy(of_labels, 1 / solution.classifier).sum())
    return {
        "R": float((xlogy(joint, encoder) - xlogy(joint, solution.marginal)).sum()),
        "C": C,
        "D": float(xlogy(joint.T, 1 / solution.decoder).sum()),
        "H_model[Y|X]": float(xlogy(table.joint, 1 / predicted).sum()),
        "H[X]": table.x_entropy,
        "H[Y]": table.y_entropy,
        "I[X;Z]": float(entropy(joint.sum(0)) - entropy(encoder) @ table.x),
        "I[Y;Z]": table.y_entropy + float(entropy(joint.sum(0)) - entropy(of_labels.flatten())),
        "accuracy": float(hit),
        "error": 1 - float(hit),
        "error_drawn": 1 - float((table.joint * predicted).sum()),
        "error_bound": -math.expm1(-C),
    }
