"""The part of the distortion that the reconstruction can change."""

from torch import Tensor
from torch.distributions import Distribution, Independent, Laplace, Normal

from ib_cli.contracts.passes import Pass, needed
from ib_cli.functionals.functional import functional


@functional("D_error", "distortion less its likelihood's constant", "decoder", costly=True)
def distortion_error(p: Pass) -> Tensor:
    """D less the log of its likelihood's normaliser, summed over pixels, in nats, (B,).

    Of N(x; h, s²) it is ‖x − h‖²/(2s²): the summed squared error where s² = ½, the D of Gao and Chaudhari (2020), whose
    figures fix it (R and D of Figs. 2 to 4). Of a Laplace law it is ‖x − h‖₁/s. Other likelihoods have no constant, and
    D_error = D.
    """
    return p.expected(_error(needed(p.decoder), p.x))


def _error(decoder: Distribution, x: Tensor) -> Tensor:
    """−log d(x|z) less the log of its normaliser."""
    pixels = decoder.base_dist if isinstance(decoder, Independent) else None
    if isinstance(pixels, Normal):
        nats = ((x - pixels.loc) / pixels.scale).square() / 2
    elif isinstance(pixels, Laplace):
        nats = (x - pixels.loc).abs() / pixels.scale
    else:
        return -decoder.log_prob(x)
    return nats.flatten(-len(decoder.event_shape)).sum(-1)
