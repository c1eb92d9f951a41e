"""The classification error C, which is also the decoder cross-entropy."""

from torch import Tensor
from torch.nn.functional import log_softmax

from ib_cli.contracts import Pass
from ib_cli.functionals.functional import functional


def log_c(p: Pass) -> Tensor:
    """log c(y|z) of the true labels, (S, B)."""
    log_probabilities = log_softmax(p.class_logits, dim=-1)
    labels = p.y.expand(len(log_probabilities), -1).unsqueeze(-1)
    return log_probabilities.expand(-1, len(p.y), -1).gather(-1, labels).squeeze(-1)


@functional("C", "classification error H_model[Y|Z], ≥ H(Y|Z)", "class_logits")
def classification_error(p: Pass) -> Tensor:
    """C = H_Θ[Y|Z] = −E_{q(z|x)} log c(y|z) (TherML §1.1; Unpacking §5), in nats, (B,)."""
    return -p.expected(log_c(p))
