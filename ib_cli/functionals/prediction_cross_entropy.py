"""The prediction cross-entropy H_Θ[Y|X]."""

import math

from torch import Tensor, logsumexp
from torch.nn.functional import log_softmax

from ib_cli.contracts.passes import Pass, needed
from ib_cli.functionals.functional import functional


@functional("H_model[Y|X]", "prediction cross-entropy, ≤ C", "label_density")
def prediction_cross_entropy(p: Pass) -> Tensor:
    """H_Θ[Y|X] = −log E_{q(z|x)} c(y|z) (Unpacking eq. 4) in nats, (B,).

    Exact if z is enumerated. Over S draws the logarithm of a mean is biased: the value is too large by about
    Var[c]/(2 S E[c]²), and equals C for S = 1. Where labels are not certain it is the mean over p(y|x).
    """
    if p.y_probabilities is not None:
        of_all = log_softmax(needed(p.class_logits), -1)  # (S, B, classes), or (S, 1, classes)
        weights = -math.log(len(of_all)) if p.z_weight is None else needed(p.code_logits).T.unsqueeze(-1)
        return -(p.y_probabilities * logsumexp(of_all + weights, dim=0)).sum(-1)
    of_labels = needed(p.label_density).log_prob(p.y)
    if p.z_weight is not None:  # log q(z|x) stays finite where q(z|x) underflows to 0
        return -logsumexp(of_labels + p.of_samples(needed(p.code_logits)).T, dim=0)
    return math.log(of_labels.shape[0]) - logsumexp(of_labels, dim=0)
