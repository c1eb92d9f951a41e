"""What a model with an encoder, a prior and a decoder is measured by at the end of a run, beside D and R."""

from __future__ import annotations

import math
import time
from collections.abc import Generator as Generates
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Independent

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.noise import Request
from ib_cli.contracts.passes import Pass, needed
from ib_cli.engine.generation import draws_of_prior
from ib_cli.engine.loss import Tensors
from ib_cli.engine.passes import passes
from ib_cli.engine.portions import Portions
from ib_cli.engine.seeds import generator
from ib_cli.estimators.discrepancy import discrepancy_terms
from ib_cli.experiment.experiment import Experiment
from ib_cli.experiment.recording import stop_if_asked
from ib_cli.functionals.importance_weighted import log_weights
from ib_cli.model.blocks.likelihoods import GreyLevels

ACTIVE = 0.01  # least variance over x of the mean of an active unit (Burda et al. 2016, §5.2)
AT_ONCE = 20_000  # draws of z in one pass
COMPARED = 2000  # most samples whose z are compared with draws of m(z), pair by pair
SCALES = (0.5, 1.0, 2.0)  # of the kernel of MMD_prior
Measures = dict[str, dict[str, float]]  # split → measures


class GenerativeMeasures:
    """Measures by split of a model with an encoder, m(z) and d(x|z); none of any other model.

    `MMD_prior`: the squared maximum mean discrepancy of a continuous z and m(z), by the inverse multiquadric kernel of
    `discrepancy_terms`; of 2,000 random samples of each split. Unbiased, so it may be negative; about 0 for equal laws.

    The others need the densities of q(z|x) and m(z):
    `active_units`: units of z whose variance over x of E[z|x] exceeds 0.01 (Burda et al. 2016, §5.2).
    `NLL_iw`: −ln (1/S) Σ_s d(x|z_s) m(z_s)/q(z_s|x) with S = `iw_samples` draws, in nats, of all splits but train
    (eq. 8): an upper bound of −ln p(x) in the mean, which falls to it with S.
    `bits_per_pixel`: (D + R)/(n ln 2), n values of x; `bits_per_pixel_iw`: NLL_iw/(n ln 2). Only where d(x|z) is the
    probability of a value: of grey levels, or a Bernoulli law of data that are all 0 or 1.
    """

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self._portions = Portions(experiment.settings.eval_batch_size)

    def check(self) -> None:
        """Raises ConfigError where `iw_samples` asks for what this model has no parts for."""
        count = self.experiment.settings.iw_samples
        if count and not self._suits:
            raise ConfigError(
                f"iw_samples={count}: needs a decoder and the densities of q(z|x) and m(z) of a continuous z, such as "
                "objective=vae has: set it to 0"
            )

    def of(
        self, params: Tensors, buffers: Tensors, measures: Mapping[str, Mapping[str, float]]
    ) -> tuple[Measures, float]:
        """With these parameters, given the other measures of each split; and the seconds. Raises Interrupted."""
        start, found = time.monotonic(), {split: dict[str, float]() for split in measures}
        if self._has_prior:
            for split, of_split in ((name, of) for name, of in found.items() if self._size(name) > 1):
                of_split["MMD_prior"] = self._discrepancy(params, buffers, split)
        if not self._suits:
            return found, time.monotonic() - start
        for split, of_split in found.items():
            if self._size(split) > 1:  # else there is no variance
                of_split["active_units"] = self._active_units(params, buffers, split)
            if self.experiment.settings.iw_samples and split != "train":
                of_split["NLL_iw"] = self._importance_weighted(params, buffers, split)
            if self._counts_values(split):
                of_split |= _bits(measures[split], of_split, self.experiment.data.spec.input_shape)
        return found, time.monotonic() - start

    @property
    def _suits(self) -> bool:
        """Whether a pass has all the parts."""
        if self.experiment.model.decoder is None or self.experiment.model.weights is not None:
            return False
        p = self._one()
        return p.encoder is not None and p.marginal is not None and p.z_weight is None

    @property
    def _has_prior(self) -> bool:
        """Whether z is continuous and of x, and there are draws of m(z) to compare it with."""
        model = self.experiment.model
        weighted = any(split.weight is not None for split in self.experiment.data.splits.values())
        discrete = model.bottleneck.discrete or model.draws_codewords
        return model.generates and model.encodes and model.weights is None and not discrete and not weighted

    def _discrepancy(self, params: Tensors, buffers: Tensors, split: str) -> float:
        device, seed = self.experiment.data.device, self.experiment.settings.seed
        order = generator(device, seed, "compared with the prior", split)
        members = torch.randperm(self._size(split), generator=order, device=device)[:COMPARED]

        def encoded() -> Tensor:
            return torch.cat([p.z[0] for p in self._passes(params, buffers, split, 1, members=members)])

        z = self._portions.fitted(encoded, len(members))
        prior = draws_of_prior(self.experiment.model, params, buffers, len(z), order)
        return float(discrepancy_terms(z.float(), prior.float(), "inverse_multiquadric", SCALES).mean())

    def _one(self) -> Pass:
        """A pass of one training sample."""
        model = self.experiment.model
        params, buffers = dict(model.named_parameters()), dict(model.named_buffers())
        with closing(self._passes(params, buffers, "train", 1, members=torch.arange(1))) as found:
            return next(found)

    def _active_units(self, params: Tensors, buffers: Tensors, split: str) -> float:
        def sums() -> Tensor:
            total = torch.zeros((), dtype=torch.float64, device=self.experiment.data.device)
            for p in self._passes(params, buffers, split, 1):
                mean = p.weighed(needed(p.encoder).mean.double().expand(len(p.y), -1))
                square = p.weighed(needed(p.encoder).mean.double().square().expand(len(p.y), -1))
                total = total + torch.stack([mean.sum(0), square.sum(0)])
            return total / self._size(split)

        mean, square = self._portions.fitted(sums, self._size(split))
        return float((square - mean.square() > ACTIVE).sum())

    def _importance_weighted(self, params: Tensors, buffers: Tensors, split: str) -> float:
        """The mean of the bound over a split, so many draws at a time that they fit in memory."""
        draws = self.experiment.settings.iw_samples

        def summed() -> float:
            at_once = min(draws, max(AT_ONCE // min(self._portions.samples, self._size(split)), 1))
            rounds, total = -(-draws // at_once), 0.0
            log_sum = torch.empty(0)
            for number, p in enumerate(self._passes(params, buffers, split, at_once, rounds)):
                left = draws - number % rounds * at_once
                part = log_weights(p)[:left].double().logsumexp(0)
                log_sum = part if number % rounds == 0 else torch.logaddexp(log_sum, part)
                if number % rounds == rounds - 1:
                    total += p.total(math.log(draws) - log_sum).item()
            return total / self._size(split)

        return self._portions.fitted(summed, self._size(split))

    def _passes(
        self,
        params: Tensors,
        buffers: Tensors,
        split: str,
        samples: int,
        repeats: int = 1,
        members: Tensor | None = None,
    ) -> Generates[Pass, None, None]:
        experiment, settings = self.experiment, self.experiment.settings
        device = experiment.data.device
        plans: dict[int, list[Request]] = {}
        found = passes(
            experiment.model, experiment.data, split, params=params, buffers=buffers,
            noise=generator(device, settings.seed, "generative measures", split), samples=samples,
            precision=settings.precision, batch_size=self._portions.samples,
            members=None if members is None else members.to(device), repeats=repeats, plans=plans,
        )  # fmt: skip
        with closing(found):
            for p in found:
                yield p
                stop_if_asked(experiment)

    def _counts_values(self, split: str) -> bool:
        """Whether d(x|z) of this split's samples is a probability, not a density or a cross-entropy."""
        decoder = self._one().decoder
        pixels = decoder.base_dist if isinstance(decoder, Independent) else None
        if isinstance(pixels, GreyLevels):
            return True
        return isinstance(pixels, Bernoulli) and all(_binary(x) for x in self._inputs(split))

    def _inputs(self, split: str) -> Iterator[Tensor]:
        data = self.experiment.data
        for indices in torch.arange(self._size(split), device=data.device).split(self._portions.samples):
            yield data.batch(split, indices).x

    def _size(self, split: str) -> int:
        return len(self.experiment.data.splits[split])


def _binary(x: Tensor) -> bool:
    return bool(((x == 0) | (x == 1)).all())


def _bits(measures: Mapping[str, float], own: Mapping[str, float], shape: Iterable[int]) -> dict[str, float]:
    """Bits of each value of x, by D + R and by NLL_iw where they are measured."""
    nats = math.prod(shape) * math.log(2)
    found = {}
    if "D" in measures and "R" in measures:
        found["bits_per_pixel"] = (measures["D"] + measures["R"]) / nats
    if "NLL_iw" in own:
        found["bits_per_pixel_iw"] = own["NLL_iw"] / nats
    return found
