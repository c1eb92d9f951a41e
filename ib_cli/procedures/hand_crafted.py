"""TherML's hand-crafted optimum of the toy model (its Figure 3); nothing is trained."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.passes import needed
from ib_cli.experiment.evaluation import Evaluation
from ib_cli.experiment.experiment import Experiment, Finished
from ib_cli.experiment.procedure import Procedure
from ib_cli.experiment.recording import Clock
from ib_cli.model.architectures.position import Position
from ib_cli.model.bottlenecks.therml_toy import QuadraticEncoder
from ib_cli.model.classifiers.therml_toy import QuadraticClassifier
from ib_cli.model.decoders.therml_toy import QuadraticDecoder
from ib_cli.model.marginals.categorical import Categorical
from ib_cli.procedures.fit.progress import Progress

NEVER = 100.0  # b of an unused value of z, whose logit is then −10⁴


class HandCrafted(Procedure):
    """Sets the toy model's parameters so that z is the label as far as x determines it, and measures them.

    Two values of z have q(z|x) = p(y|x), as nearly as the encoder's form allows; d(x|z), c(y|z) and m(z) follow from
    them by Bayes. Then R = I(X;Z) is about I(X;Y), the rate of the process that made the data. p(x, y) is the test
    split's table, which is exact.
    """

    name = "hand_crafted"

    def check(self, experiment: Experiment) -> None:
        """Raises ConfigError where this is not the toy model with all of its parts, and two labels."""
        model = experiment.model
        parts = (model.architecture, model.bottleneck, model.decoder, model.classifier, model.marginal)
        kinds = (Position, QuadraticEncoder, QuadraticDecoder, QuadraticClassifier, Categorical)
        if not all(isinstance(part, kind) for part, kind in zip(parts, kinds)) or experiment.data.spec.classes != 2:
            raise ConfigError(
                "procedure=hand_crafted sets all parts of one model, for two labels: choose dataset=therml_toy "
                "architecture=therml_toy objective=therml"
            )

    def run(self, experiment: Experiment, checkpoint: dict[str, Any] | None) -> Finished:
        """Set, evaluate and save."""
        clock, model = Clock(), experiment.model
        experiment.records.clear()  # of an attempt that came to its checkpoint: nothing depends on it
        with torch.no_grad():
            craft(experiment)
        progress, evaluation = Progress(experiment, None, None, "J"), Evaluation(experiment)
        found = {split: evaluation.of(dict(model.named_parameters()), split) for split in experiment.data.splits}
        progress.evaluated(found)
        progress.save(clock.read())
        return progress.finish({}, 0.0)


def craft(experiment: Experiment) -> None:
    """Set the model's parameters, in place."""
    data, model = experiment.data, experiment.model
    architecture, bottleneck, marginal = model.architecture, model.bottleneck, model.marginal
    decoder, classifier = model.decoder, model.classifier
    # As `HandCrafted.check` has found.
    assert isinstance(architecture, Position) and isinstance(bottleneck, QuadraticEncoder)
    assert isinstance(decoder, QuadraticDecoder) and isinstance(classifier, QuadraticClassifier)
    assert isinstance(marginal, Categorical)
    split = data.splits["test"]
    weight = needed(split.weight).double()
    p = split.x.double().T @ (one_hot(split.y, 2).double() * weight.unsqueeze(1)) / len(split)
    places = architecture.positions.double()
    encoder, K = bottleneck.map, bottleneck.size
    used = [K // 3, K - 1 - K // 3]

    log_odds = (p[:, 1] / p[:, 0]).log()
    slope, height = _line(places, log_odds, p.sum(1))
    # (w u − b₀)² − (w u − b₁)² = 2 w (b₁ − b₀) u + b₀² − b₁²
    w = (slope / 2).sqrt()
    apart, total = slope / (2 * w), -height * 2 * w / slope
    encoder.weight.zero_()
    encoder.bias.fill_(NEVER)
    encoder.weight[used] = w.float()
    encoder.bias[used] = torch.stack([total - apart, total + apart]).float() / 2

    q = torch.stack([-(w * places - b).square() for b in encoder.bias[used].double()], 1).softmax(1)  # q(z|x), (X, 2)
    e = p.sum(1) @ q
    marginal.logits.fill_(-(NEVER**2))
    marginal.logits[used] = e.log().float()
    _decoder(decoder, used, places, q * p.sum(1).unsqueeze(1) / e)
    _classifier(classifier, used, q.T @ p / e.unsqueeze(1))


def _line(u: Tensor, values: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Slope and height at 0 of the weighted least-squares line."""
    share = weight / weight.sum()
    u0, v0 = share @ u, share @ values
    slope = share @ ((u - u0) * (values - v0)) / (share @ (u - u0).square())
    return slope, v0 - slope * u0


def _decoder(decoder: QuadraticDecoder, used: list[int], places: Tensor, x_given_z: Tensor) -> None:
    """Set d(x|z) to the Gaussian with the moments of p(x|z), (X, 2)."""
    mean = places @ x_given_z
    variance = places.square() @ x_given_z - mean.square()
    decoder.map.weight.zero_()  # an unused z: every x alike
    decoder.map.bias.zero_()
    decoder.map.weight[used] = (2 * variance).rsqrt().float()
    decoder.map.bias[used] = (mean * (2 * variance).rsqrt()).float()


def _classifier(classifier: QuadraticClassifier, used: list[int], y_given_z: Tensor) -> None:
    """Set c(y|z) to p(y|z), (2, 2): label i has logit 0 at its own z, and ln p(i|z)/p(other|z) at the other z."""
    at = classifier.positions[used].double()
    for i, other in ((0, 1), (1, 0)):
        slope = (y_given_z[other, other] / y_given_z[other, i]).log().sqrt() / (at[other] - at[i])
        classifier.map.weight[i], classifier.map.bias[i] = slope.float(), (slope * at[i]).float()
