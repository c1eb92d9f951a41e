"""What an estimator says: a value and how far to trust it."""

from __future__ import annotations

import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class Estimate:
    """An estimate of one quantity.

    `lower` and `upper` enclose the true value, up to the standard error, where the estimator is a bound; otherwise they
    are None. `value` is None where the quantity is no finite number; `reason` then says why. Negative values are never
    clipped. Raises ValueError for numbers that are NaN or infinite.
    """

    quantity: str  # 'H[Z]', 'I[Y;Z]', …
    estimator: str  # 'kraskov', 'mixture', …
    value: float | None  # nats
    lower: float | None = None
    upper: float | None = None
    stderr: float | None = None  # of the mean over samples; says nothing of the bias
    k: int | None = None  # neighbours, where there are any
    n: int = 0  # samples that went in
    saturated: bool = False  # the value cannot be trusted
    reason: str = ""  # why it is saturated, or what was done to the data
    drift_k: float | None = None  # largest move of the value over the k-sweep
    drift_n: float | None = None  # move of the value from half of the samples to all of them
    units: str = "nats"

    def __post_init__(self) -> None:
        for name in ("value", "lower", "upper", "stderr", "drift_k", "drift_n"):
            number = getattr(self, name)
            if number is not None and not math.isfinite(number):
                raise ValueError(f"{self.quantity} by {self.estimator}: {name} is {number}")

    def of(self, quantity: str) -> Estimate:
        """The same numbers as an estimate of `quantity`."""
        return dataclasses.replace(self, quantity=quantity)

    def flagged(self, reason: str) -> Estimate:
        """The same numbers, marked as not to be trusted; `reason` is added to the reasons there are."""
        return dataclasses.replace(self, saturated=True, reason="; ".join(filter(None, (self.reason, reason))))


def names_in(quantity: str) -> tuple[str, str]:
    """The variables of an information in lower case: 'I[Y;Z]' → 'y', 'z'."""
    return quantity[2].lower(), quantity[4].lower()
