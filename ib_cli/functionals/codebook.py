"""Rates and losses of a quantised z."""

from __future__ import annotations

import torch
from torch import Tensor

from ib_cli.contracts.passes import Pass, needed
from ib_cli.functionals.functional import functional, of_whole


def _usage(p: Pass) -> Tensor:
    """How often each codeword of each place is chosen, (P, L), in float64."""
    return p.weighed(needed(p.codes).chosen).sum(0, dtype=torch.float64)


def _entropies(usage: Tensor) -> Tensor:
    """Entropy of the codewords of each place, (P,). At p = 0 the term and its gradient are 0."""
    p = usage / usage.sum(1, keepdim=True)
    return -(p * p.where(p > 0, 1).log()).sum(1)


@of_whole("H[Ẑ]", "entropy of the codewords' frequencies", "codes", sums=_usage)
def usage_entropy(usage: Tensor) -> Tensor:
    """H[Ẑ] = −Σ_j p_j ln p_j (Variational Glasses, §4.2), (), for the frequencies p in the batch or the split.

    It equals I(X;Ẑ), as Q is deterministic. Of several places it is the sum of their entropies, ≥ H[Ẑ]: the rate of a
    code for each. Frequencies in N samples are about (L − 1)/2N too even less: H is that much too low for each place.
    """
    return _entropies(usage).sum()


@functional("H_model[Ẑ]", "code length by the entropy model, ≥ H[Ẑ]", "codes")
def code_length(p: Pass) -> Tensor:
    """−ln m(ẑ), summed over places, in nats, (B,): the cross-entropy of usage and entropy model."""
    codes = needed(p.codes)
    return -(codes.chosen * codes.log_m).sum((1, 2))


@of_whole("perplexity", "equally likely codewords of as much entropy", "codes", sums=_usage)
def perplexity(usage: Tensor) -> Tensor:
    """exp H[Ẑ], (): between 1 and L; of several places exp of their mean entropy."""
    return _entropies(usage).mean().exp()


@functional("codebook", "squared distance that moves codewords", "codes", costly=True)
def codebook_loss(p: Pass) -> Tensor:
    """‖sg e − ẑ‖² (van den Oord et al. 2017, eq. 3), (B,), with no gradient for the encoder. It equals `commitment`."""
    codes = needed(p.codes)
    return (codes.encoding.detach() - codes.codeword).square().sum((1, 2))


@functional("commitment", "squared distance to the codewords", "codes")
def commitment_loss(p: Pass) -> Tensor:
    """‖e − sg ẑ‖² (van den Oord et al. 2017, eq. 3), (B,): the quantisation error, with no gradient for codewords."""
    codes = needed(p.codes)
    return (codes.encoding - codes.codeword.detach()).square().sum((1, 2))


@functional("revived", "codewords moved so far, as no sample chose them", "codes")
def revived(p: Pass) -> Tensor:
    """How many times a codeword was moved to the encoding of a sample, ()."""
    return needed(p.codes).revived
