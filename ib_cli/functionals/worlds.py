"""The informations of TherML's two worlds for a discrete z, and the slack of the bounds that R, C, D and V are of them.

All are sums over the samples of a split, exact whatever its batches are. The law φ of the data counts as given: it is
the split's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor
from torch.distributions import Distribution, Independent

from ib_cli.contracts.passes import Pass
from ib_cli.functionals.categorical import encoded_with_uncertainty, entropy_of_masses

LARGEST = 250_000  # entries of a table p(x, z)
OF_Z, OF_Y, OF_X = WORLDS = ("world z", "world y", "world x")  # names of the sums
# Each bounded functional, what it bounds, and where the paper says so.
BOUNDS = {
    "slack_R": ("R", "I(Z;X,Θ)", "TherML §1.1: is m(z) a normalised density?"),
    "slack_C": ("C", "H[Y|Z]", "TherML §1.1: is c(y|z) a normalised density?"),
    "slack_D": ("D", "H[X|Z]", "TherML §1.1: is d(x|z) a normalised density?"),
    "slack_RD": ("R + D", "H[X] + I(Z;Θ|X)", "TherML (12)"),
    "slack_RCD": ("R + C + D", "H[X,Y] + KL[P|Q]", "TherML (11)"),
    "slack_V": ("V", "I(Z;Θ|X)", "TherML App. A: is the averaged encoder a normalised density?"),
}


@dataclass(frozen=True)
class Worlds:
    """What is known exactly of a split, in nats; None: not known here."""

    told_by_all: float  # I(Z;X,Θ), what parameters and input tell of z (TherML eq. 10)
    told_by_weights: float | None  # I(Z;Θ|X); 0 where the weights are numbers
    labels_left: float | None = None  # H[Y|Z]
    label_noise: float | None = None  # H[Y|X]
    input_entropy: float | None = None  # H[X]

    @property
    def least_divergence(self) -> float | None:
        """KL[P|Q] = I_P − I_Q (TherML eq. 9) a sample, but for I(Θ; data)/N, which lies between 0 and S/N.

        I(Z;X,Θ) + I(X;Y) − I(X;Z) − I(Y;Z) = I(Z;Θ|X) + I(X;Y|Z), as the law of the data is given.
        """
        if self.told_by_weights is None or self.labels_left is None or self.label_noise is None:
            return None
        return self.told_by_weights + self.labels_left - self.label_noise

    def measures(self, of: Mapping[str, float]) -> dict[str, float]:
        """`KL[P|Q]` and the slacks of `BOUNDS`, given the functionals `of` the same split.

        A slack is a functional less what it bounds from above, 0 where the bound is tight. Those of (12) and (11) are
        the sums of the slacks of R and D, and of R, C and D; the printed (11) has S/N − I(Θ; data)/N ≥ 0 more.
        """
        least = self.least_divergence
        found = {} if least is None else {"KL[P|Q]": least}
        if "R" in of:
            found["slack_R"] = of["R"] - self.told_by_all
        if "C" in of and self.labels_left is not None:
            found["slack_C"] = of["C"] - self.labels_left
        if self.told_by_weights is not None:
            if "D" in of and self.input_entropy is not None:
                found["slack_D"] = of["D"] - self.input_entropy + self.told_by_all - self.told_by_weights
            if "V" in of:
                found["slack_V"] = of["V"] - self.told_by_weights
        for name, parts in (("slack_RD", "RD"), ("slack_RCD", "RCD")):
            if all(f"slack_{part}" in found for part in parts):  # the bounds are sums, as I(Z;X,Θ) is
                found[name] = sum(found[f"slack_{part}"] for part in parts)
        return found


def world_sums(p: Pass, discrete_x: bool) -> dict[str, Tensor]:
    """Sums over the batch that `worlds` is made from; none for a z that is not discrete or has no density.

    `discrete_x`: x is one-hot, so that p(x, z) is a table.
    """
    if p.z_weight is None or p.code_logits is None:
        return {}
    encoded = encoded_with_uncertainty(p)
    found = {OF_Z: p.weighed(encoded).sum(0, keepdim=True)}
    if p.classes is not None:
        found[OF_Y] = p.by_class(encoded[:, :-1])
    if discrete_x and p.x[0].numel() * (encoded.shape[1] - 1) <= LARGEST:
        x = p.weighed(p.x.flatten(1).double())
        found[OF_X] = x.T @ p.of_samples(encoded[:, :-1])
    return found


def worlds(sums: Mapping[str, Tensor], drawn: bool, label_noise: float | None) -> Worlds | None:
    """The informations from `world_sums` over a split; None without such sums.

    `drawn`: the weights are drawn, so that z tells of them too. Their I(Z;Θ|X) is that of as many draws as the sums
    have, so below its limit. `label_noise`: H[Y|X].
    """
    if OF_Z not in sums:
        return None
    masses, uncertainty = sums[OF_Z][:, :-1], sums[OF_Z][:, -1]
    of_z = entropy_of_masses(masses)
    told_by_all = float(of_z - uncertainty.sum() / masses.sum())
    of_x, told_by_weights = None, None if drawn else 0.0
    if OF_X in sums:
        joint = sums[OF_X]
        of_x = float(entropy_of_masses(joint.sum(1)))
        if drawn:
            told_by_weights = told_by_all - of_x - float(of_z) + float(entropy_of_masses(joint))
    of_y = float(entropy_of_masses(sums[OF_Y]) - of_z) if OF_Y in sums else None
    return Worlds(told_by_all, told_by_weights, of_y, label_noise, of_x)


def is_mass(density: Distribution | None) -> bool:
    """Whether a density is one of countable values, whose logarithm is at most 0: an entropy bounds its mean."""
    inner = density.base_dist if isinstance(density, Independent) else density
    return inner is not None and inner.has_enumerate_support
