"""How far samples of a model are from the test images, by the features of a classifier that is trained here."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.experiments import Solo
from ib_cli.contracts.noise import Tape
from ib_cli.engine.generation import decoded, draws_of_prior
from ib_cli.engine.passes import passes
from ib_cli.engine.seeds import generator
from ib_cli.estimators.frechet import frechet_distance
from ib_cli.experiment.experiment import Experiment

COUNT = 5000  # samples
CLASSIFIER = ("objective=ce", "architecture.widths=[256,64]", "device=cpu", "threads=1", "estimators=none")


class SampleDistance:
    """Fréchet distance of 5,000 samples and the test images in the last hidden layer of a classifier."""

    def __init__(self, classifier: Experiment, epochs: int) -> None:
        """Trains the classifier, an experiment of `CLASSIFIER`."""
        training = Solo(classifier)
        for _ in range(epochs):
            training.step()
        self.model = classifier.model.eval()
        data = classifier.data
        images = data.batch("test", torch.arange(len(data.splits["test"]))).x
        self.test = self.features(images)
        self.accuracy = self._accuracy(data.splits["test"].y)

    @torch.no_grad()
    def features(self, x: Tensor) -> Tensor:
        """Images (n, 1, 28, 28) in [0, 1] → features (n, F)."""
        return self.model.architecture(x, Tape(()))

    @torch.no_grad()
    def _accuracy(self, y: Tensor) -> float:
        z = self.model.bottleneck(self.test, Tape(()), 1)[1]
        assert self.model.classifier is not None
        return float((self.model.classifier(z).logits[0].argmax(-1) == y).double().mean())

    def __call__(self, images: Tensor) -> float:
        """The distance of images (n, 1, 28, 28) in [0, 1] from the test images."""
        return frechet_distance(self.features(images.clamp(0, 1)), self.test)


@torch.no_grad()
def samples(experiment: Experiment, count: int = COUNT) -> Tensor:
    """Means of d(x|z) at draws of m(z), (count, 1, 28, 28), of a run's present model.

    Codewords are drawn with their frequencies among the training images, whichever side has trained them.
    """
    model = experiment.model
    if model.draws_codewords:
        model.bottleneck.quantiser.usage.copy_(frequencies(experiment))
    params, buffers = dict(model.named_parameters()), dict(model.named_buffers())
    z = draws_of_prior(model, params, buffers, count, generator(experiment.device, 0, "samples"))
    return decoded(model, params, buffers, z)


def frequencies(experiment: Experiment) -> Tensor:
    """How often each codeword of each place is chosen in the train split, (P, L)."""
    model, device = experiment.model, experiment.device
    found = passes(
        model, experiment.data, "train", params=dict(model.named_parameters()), buffers=dict(model.named_buffers()),
        noise=generator(device, 0, "frequencies"), batch_size=1000,
    )  # fmt: skip
    total = sum(p.codes.chosen.sum(0) for p in found if p.codes is not None)
    assert isinstance(total, Tensor)
    return total / total.sum(1, keepdim=True)
