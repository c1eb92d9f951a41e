"""The classification error C, which is also the decoder cross-entropy."""

from torch import Tensor
from torch.nn.functional import log_softmax

from ib_cli.contracts.passes import Pass, needed
from ib_cli.functionals.functional import functional


@functional("C", "classification error H_model[Y|Z], ≥ H(Y|Z)", "label_density")
def classification_error(p: Pass) -> Tensor:
    """C = H_Θ[Y|Z] = −E_{q(z|x)} log c(y|z) (TherML §1.1; Unpacking §5), in nats, (B,).

    Where labels are not certain it is the mean over p(y|x). For a continuous y it bounds a differential entropy, which
    depends on the units of y and may be negative.
    """
    if p.y_probabilities is not None:
        return -(p.y_probabilities * p.of_samples(p.expected(log_softmax(needed(p.class_logits), -1)))).sum(-1)
    if p.z_weight is not None and p.class_logits is not None:  # all labels first, then the true one: fewer numbers
        of_labels = p.expected(log_softmax(p.class_logits, -1))
        return -of_labels.gather(-1, p.y.view(len(of_labels), -1)).flatten()
    return -p.expected(needed(p.label_density).log_prob(p.y))
