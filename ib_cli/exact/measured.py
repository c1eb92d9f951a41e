"""The tables of a solution held against a joint table, theirs or another."""

from __future__ import annotations

from torch.special import xlogy

from ib_cli.exact.solution import Solution
from ib_cli.exact.table import Table, entropy


def measured(solution: Solution, table: Table) -> dict[str, float]:
    """What the solution's encoder, marginal, decoder and classifier come to where (x, y) follows `table` (X, Y).

    In nats, by the names that measures of models have; `accuracy` is of the most probable label, Σ_z e(z|x) c(y|z).
    I[X;Z] and I[Y;Z] are of the encoder alone, and R ≥ I[X;Z], C ≥ H[Y] − I[Y;Z]. A functional is infinite where
    something happens to which the tables give no probability, as D does for an x that they have never seen.
    """
    encoder, predicted = solution.encoder, solution.encoder @ solution.classifier
    joint, of_labels = table.x[:, None] * encoder, encoder.T @ table.joint  # p(x, z), p(z, y)
    hit = table.joint.gather(1, predicted.argmax(1, keepdim=True)).sum()
    return {
        "R": float((xlogy(joint, encoder) - xlogy(joint, solution.marginal)).sum()),
        "C": float(xlogy(of_labels, 1 / solution.classifier).sum()),
        "D": float(xlogy(joint.T, 1 / solution.decoder).sum()),
        "H_model[Y|X]": float(xlogy(table.joint, 1 / predicted).sum()),
        "H[X]": table.x_entropy,
        "H[Y]": table.y_entropy,
        "I[X;Z]": float(entropy(joint.sum(0)) - entropy(encoder) @ table.x),
        "I[Y;Z]": table.y_entropy + float(entropy(joint.sum(0)) - entropy(of_labels.flatten())),
        "accuracy": float(hit),
        "error": 1 - float(hit),
    }
