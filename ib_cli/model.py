"""Batch → Pass: the parts of a model put together. It computes no loss."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.distributions import Distribution

from ib_cli.bottlenecks.bottleneck import Bottleneck
from ib_cli.contracts import Batch, Pass
from ib_cli.tape import Tape


class Model(nn.Module):
    """x → features → q(z|x) → z → c(y|z), d(x|z), beside m(z) and b(z|y); parts that are not needed are None."""

    def __init__(
        self,
        architecture: nn.Module,
        bottleneck: Bottleneck,
        classifier: nn.Module | None = None,
        decoder: nn.Module | None = None,
        marginal: nn.Module | None = None,
        backward_encoder: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.architecture, self.bottleneck = architecture, bottleneck
        self.classifier, self.decoder = classifier, decoder
        self.marginal, self.backward_encoder = marginal, backward_encoder

    def forward(self, batch: Batch, tape: Tape, samples: int) -> Pass:
        """One pass with `samples` draws of z for each sample of the batch."""
        encoder, z = self.bottleneck(self.architecture(batch.x, tape), tape, samples)
        return Pass(
            x=batch.x,
            y=batch.y,
            z=z,
            encoder=encoder,
            marginal=None if self.marginal is None else self.marginal(self._encode(tape)),
            backward_encoder=None if self.backward_encoder is None else self.backward_encoder(batch.y),
            class_logits=None if self.classifier is None else self.classifier(z),
            decoder=None if self.decoder is None else self.decoder(z),
            reports=tape.reports,
            weight=batch.weight,
        )

    def _encode(self, tape: Tape) -> Callable[[Tensor], Distribution]:
        """x → q(z|x), for a marginal that is made of encodings."""
        return lambda x: self.bottleneck.density(self.architecture(x, tape))

    def generate(self, count: int, tape: Tape) -> Tensor:
        """Means of d(x|z) at `count` draws z ~ m(z), (count, *input_shape). Needs a decoder and a marginal.

        z comes from torch's global generator: mixtures choose a component, for which the tape has no numbers.
        """
        z = self.marginal(self._encode(tape)).sample((1, count))
        return self.decoder(z).mean[0]
