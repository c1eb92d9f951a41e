"""The optimal decoder of a discrete z."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Gt
from torch import Tensor

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.passes import Pass, Spec, needed
from ib_cli.model.blocks.densities import Labels
from ib_cli.model.blocks.refreshed import Refreshed


class Optimal(Refreshed):
    """c(y|z) = p(y|z) of a discrete z, by Bayes from q(z|x): no classifier has a lower C (Unpacking §5.4).

    Evaluations use p(y|z) of the train split, held in `table`. Training uses p(y|z) of the batch; with `trained=split`
    it uses the table of the epoch's start, which has no gradient, and C has the gradient of H[Y|Z] all the same
    (App. A.3). `pseudo_counts` samples, spread over all labels alike, are added to each value of z, so that no label
    becomes impossible. Raises ConfigError where y is continuous.
    """

    discrete = True  # made for unit vectors z
    table: Tensor

    def __init__(
        self, size: int, spec: Spec, *, trained: Literal["batch", "split"], pseudo_counts: Annotated[float, Gt(0)]
    ) -> None:
        super().__init__()
        if spec.classes is None:
            raise ConfigError("classifier=optimal counts labels, but y is continuous: use classifier=gaussian")
        self.refreshed_in_training, self.share = trained == "split", pseudo_counts / spec.classes
        self.register_buffer("table", torch.zeros(size, spec.classes))  # log p(y|z), up to a constant for each z

    def sums(self, p: Pass) -> Tensor:
        """How often labels and values of z meet in a batch, (classes, K)."""
        return p.by_class(needed(p.z_weight).T)

    def made_of(self, sums: Tensor) -> dict[str, Tensor]:
        """`table` of these counts, (…, K, classes)."""
        return {"table": self.table_of(sums)}

    def table_of(self, joint: Tensor) -> Tensor:
        """Counts of labels and values of z, (…, classes, K) → log p(y|z), (…, K, classes), as precise as `table`."""
        counts = joint.mT + self.share
        return (counts / counts.sum(-1, keepdim=True)).log().to(self.table.dtype)

    def forward(self, z: Tensor, joint: Tensor | None = None) -> Labels:
        """Unit vectors z (S, B, K) → c(y|z), batch (S, B), event (), by `joint` where it is given, else by `table`."""
        return Labels(z @ (self.table if joint is None else self.table_of(joint)))

    def of_pass(self, p: Pass) -> Labels:
        """c(y|z) at a pass's z: by the pass's own counts in training, unless `trained=split`, else by `table`."""
        own = self.training and not self.refreshed_in_training
        return self(p.z, self.sums(p) if own else None)
