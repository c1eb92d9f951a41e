"""Entropies of a discrete z in nats, exact for the batch in training and for the split in evaluations.

All are sums over p(y, z) and p(z), the means of the encoder's q(z|x) over samples (Unpacking, §5.4).
"""

from __future__ import annotations

import torch
from torch import Tensor

from ib_cli.contracts.passes import Pass, needed
from ib_cli.functionals.functional import functional, of_whole


def entropy_of_masses(masses: Tensor) -> Tensor:
    """−Σ p ln p with p = masses/Σ masses over all entries, (). At p = 0 the term and its gradient are 0."""
    p = masses / masses.sum()
    return -(p * p.where(p > 0, 1).log()).sum()


def _of_codes(p: Pass) -> Tensor:
    """Unnormalised p(z), (1, K)."""
    return p.weighed(needed(p.z_weight).T.double()).sum(0, keepdim=True)


def _joint(p: Pass) -> Tensor:
    """Unnormalised p(y, z), (classes, K)."""
    return p.by_class(needed(p.z_weight).T)


def encoded_with_uncertainty(p: Pass) -> Tensor:
    """q(z|x) and H[Z|x] as the last column, (G, K + 1), in float64."""
    log_q = needed(p.code_logits).double()
    q = log_q.exp()
    return torch.cat([q, -(q * log_q).sum(1, keepdim=True)], 1)


def _of_codes_with_uncertainty(p: Pass) -> Tensor:
    """Unnormalised p(z) and E H[Z|x], (1, K + 1)."""
    return p.weighed(encoded_with_uncertainty(p)).sum(0, keepdim=True)


def _joint_with_uncertainty(p: Pass) -> Tensor:
    """Unnormalised p(y, z) and p(y) E[H[Z|x] | y], (classes, K + 1)."""
    return p.by_class(encoded_with_uncertainty(p))


# The classifier is there so that C, which it bounds, is measured beside it.
@of_whole("H[Y|Z]", "decoder uncertainty, ≤ C", "z_weight", "classes", sums=_joint, beside="label_density")
def decoder_uncertainty(joint: Tensor) -> Tensor:
    """H[Y|Z] = H[Y,Z] − H[Z] (Unpacking §5.4), the least C of any classifier of z on these samples, ().

    Its gradient is E_{p(x,z)} [∇ ln q(z|x) E_{p(y|x)} (−ln p(y|z))] (App. A.3), which automatic differentiation gives.
    """
    return entropy_of_masses(joint) - entropy_of_masses(joint.sum(0))


@of_whole("H[Z]", "encoding entropy", "z_weight", sums=_of_codes, costly=True)
def encoding_entropy(masses: Tensor) -> Tensor:
    """H[Z] (Unpacking eq. 12), ()."""
    return entropy_of_masses(masses)


@functional("H[Z|X]", "encoding uncertainty", "z_weight", "encoder", costly=True)
def encoding_uncertainty(p: Pass) -> Tensor:
    """H[Z|X] = −Σ_z q(z|x) ln q(z|x) (Unpacking §3.2), (G,)."""
    return encoded_with_uncertainty(p)[:, -1]


@of_whole("H[Z|Y]", "reverse decoder uncertainty", "z_weight", "classes", sums=_joint, costly=True)
def reverse_decoder_uncertainty(joint: Tensor) -> Tensor:
    """H[Z|Y] = H[Y,Z] − H[Y] (Unpacking §3.2), ()."""
    return entropy_of_masses(joint) - entropy_of_masses(joint.sum(1))


@of_whole("EDM[Y;Z]", "entropy distance of Y and Z", "z_weight", "classes", sums=_joint, costly=True)
def entropy_distance(joint: Tensor) -> Tensor:
    """H[Y|Z] + H[Z|Y] = 2 H[Y|Z] + H[Z] − H[Y] (Unpacking eqs. 19 and 21), (): 0 where z and y are one to one."""
    return 2 * entropy_of_masses(joint) - entropy_of_masses(joint.sum(0)) - entropy_of_masses(joint.sum(1))


@of_whole("I[X;Z]", "preserved information", "z_weight", "encoder", sums=_of_codes_with_uncertainty, costly=True)
def preserved_information(sums: Tensor) -> Tensor:
    """I[X;Z] = H[Z] − H[Z|X] (Unpacking eq. 14), (); at most ln B for B samples."""
    masses, uncertainty = sums[:, :-1], sums[:, -1]
    return entropy_of_masses(masses) - uncertainty.sum() / masses.sum()


@of_whole(
    "I[X;Z|Y]", "redundant information", "z_weight", "encoder", "classes", sums=_joint_with_uncertainty, costly=True
)
def redundant_information(sums: Tensor) -> Tensor:
    """I[X;Z|Y] = H[Z|Y] − H[Z|X] (Unpacking eq. 16), ()."""
    joint, uncertainty = sums[:, :-1], sums[:, -1]
    return entropy_of_masses(joint) - entropy_of_masses(joint.sum(1)) - uncertainty.sum() / joint.sum()
