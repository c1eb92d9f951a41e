"""The optimal decoder of a discrete z."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Gt
from torch import Tensor, nn

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.passes import Spec
from ib_cli.model.blocks.densities import Labels


class Optimal(nn.Module):
    """c(y|z) = p(y|z) of a discrete z, by Bayes from q(z|x): no classifier has a lower C (Unpacking §5.4).

    In training p(y|z) is that of the batch, or for `trained=split` that of the train split when the epoch began, which
    has no gradient: C has that of H[Y|Z] all the same (App. A.3). Evaluations put that of the train split as it is in
    `table` first. `pseudo_counts` samples, of all labels alike, are added to each value of z, so that no label becomes
    impossible. Raises ConfigError where y is continuous.
    """

    discrete = True  # made for unit vectors z

    def __init__(
        self, size: int, spec: Spec, *, trained: Literal["batch", "split"], pseudo_counts: Annotated[float, Gt(0)]
    ) -> None:
        super().__init__()
        if spec.classes is None:
            raise ConfigError("classifier=optimal counts labels, but y is continuous: use classifier=gaussian")
        self.of_split, self.share = trained == "split", pseudo_counts / spec.classes
        self.register_buffer("table", torch.zeros(size, spec.classes))  # log p(y|z), up to a constant of each z

    def table_of(self, joint: Tensor) -> Tensor:
        """Counts of labels and values of z, (…, classes, K) → log p(y|z), (…, K, classes), as precise as `table`."""
        counts = joint.mT + self.share
        return (counts / counts.sum(-1, keepdim=True)).log().to(self.table.dtype)

    def forward(self, z: Tensor, joint: Tensor | None = None) -> Labels:
        """Unit vectors z (S, B, K) → c(y|z), batch (S, B), event (), by `joint` where it is given, else by `table`."""
        return Labels(z @ (self.table if joint is None else self.table_of(joint)))
