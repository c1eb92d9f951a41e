"""Estimates of information in a run: a representation of part of a split → its information plane."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Annotated, Any, Literal, NamedTuple, TypeGuard, TypeVar

import torch
from annotated_types import Ge, Gt
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from ib_cli.config.settings import Settings
from ib_cli.contracts.passes import Pass
from ib_cli.datasets.data import Data
from ib_cli.engine.loss import Tensors
from ib_cli.engine.passes import draws_numbers, passes
from ib_cli.engine.portions import Portions, out_of_memory
from ib_cli.engine.portions import in_a_line as of_memory
from ib_cli.engine.seeds import generator
from ib_cli.estimators import Estimate, information_plane
from ib_cli.estimators.categorical import categorical_information
from ib_cli.estimators.information_plane import Estimator
from ib_cli.estimators.latent_divergence import latent_divergence, slack
from ib_cli.functionals.classification_error import classification_error
from ib_cli.functionals.rate import rate
from ib_cli.model.model import Model

log = logging.getLogger(__name__)
T = TypeVar("T")
DRAWS = 10_000  # of members that have weights, where no number is asked for


class Estimates:
    """What is estimated, from what, and when; called, it estimates.

    Of a discrete z all is known: whatever `use` names, its sums over the whole split are given, as `categorical`.
    Otherwise samples and noise depend on the seed alone, so that estimates of one run differ by the model only.
    """

    def __init__(
        self,
        *,
        use: list[Estimator],
        split: Literal["train", "validation", "test"],
        samples: Annotated[int, Gt(0)] | None,
        every: Annotated[int, Ge(0)],
        k: Annotated[int, Gt(0)],
        sweep: bool,
        halve: bool,
        bins: Annotated[int, Gt(0)],
    ) -> None:
        self.use, self.split, self.samples, self.every = use, split, samples, every
        self.k, self.sweep, self.halve, self.bins = k, sweep, halve, bins

    def due(self, epoch: int, last: bool) -> bool:
        """Whether they are due after this epoch."""
        return bool(self.use) and (last or (self.every > 0 and epoch % self.every == 0))

    def __call__(
        self, model: Model, data: Data, settings: Settings, params: Tensors, buffers: Tensors
    ) -> tuple[list[Estimate], float]:
        """The estimates, and the seconds that they took. An estimator that cannot take these samples says why."""
        start = time.monotonic()
        noise = data.label_noise(self.split)
        if model.bottleneck.discrete:
            table, y, weight = tabulated(model, data, settings, params, buffers, self.split)
            return list(categorical_information(table, y, weight, noise).values()), time.monotonic() - start
        z, y, encoder, nats = represented(model, data, settings, params, buffers, self.split, self.samples)
        y_entropy = data.label_entropy(self.split) if data.spec.classes is None else None
        found: list[Estimate] = []
        for name in self.use:
            try:
                if len(z) < 2:
                    only = "the {0} split has" if len(data.splits[self.split]) < 2 else "estimators.samples=1 takes"
                    raise ValueError(f"{only.format(self.split)} 1 sample, and estimates need 2 or more")
                found += information_plane(
                    z,
                    y,
                    **encoder,
                    estimators=[name],
                    k=self.k,
                    sweep=self.sweep,
                    halve=self.halve,
                    bins=self.bins,
                    noise=noise,
                    y_entropy=y_entropy,
                    generator=generator(z.device, settings.seed, "estimate", name),
                )
            except (ValueError, RuntimeError, MemoryError) as error:  # what has been trained is kept
                told = self._told(error, z)
                log.warning("%s could not estimate: %s", name, told)
                nothing = Estimate("", name, None, n=len(z), saturated=True, reason=told)
                found += [nothing.of("I[X;Z]"), nothing.of("I[Y;Z]")]
        if "R" in nats:
            bounds = [each for each in found if each.quantity == "I[X;Z]" and each.lower is not None]
            found += [latent_divergence(nats["R"], each) for each in bounds]
        if "C" in nats:
            left = [each for each in found if each.quantity == "H[Y|Z]" and each.estimator == "mixture"]
            found += [slack("slack_C", nats["C"], each) for each in left]
        return found, time.monotonic() - start

    def _told(self, error: Exception, z: Tensor) -> str:
        """Why there is no estimate, in a line; where memory ran out, with the sizes and the key that lowers them."""
        if not out_of_memory(error):
            return " ".join(str(error).split())
        N, K = z.shape
        return f"{of_memory(error)}: of {N:,} samples of {K} dimensions; estimators.samples takes fewer"


@torch.no_grad()
def tabulated(
    model: Model, data: Data, settings: Settings, params: Tensors, buffers: Tensors, split: str
) -> tuple[Tensor, Tensor, Tensor | None]:
    """p(z|x) (N, K) of a discrete z for a whole split, y (N,) and the samples' weights (N,), if they have any.

    Where the weights of the model are drawn, p(z|x) is the mean over `eval_samples` draws.
    """
    repeats = settings.eval_samples if draws_numbers(model, data, split, settings.precision) else 1
    tables = _of_passes(lambda p: p.expected(p.z), model, data, settings, params, buffers, split, repeats=repeats)
    means = [torch.stack(tables[i : i + repeats]).mean(0) for i in range(0, len(tables), repeats)]
    whole = data.splits[split]
    return torch.cat(means), whole.y, whole.weight


@torch.no_grad()
def represented(
    model: Model, data: Data, settings: Settings, params: Tensors, buffers: Tensors, split: str, samples: int | None
) -> tuple[Tensor, Tensor, dict[str, Any], dict[str, Tensor]]:
    """z (N, K), one draw for each of `samples` random members of a split, their y (N, …), what is known of q(z|x), and
    R and C of each, (N,), where the model measures them and q(z|x) is Gaussian.

    Members that have weights, such as the cells of a table p(x, y), are drawn with replacement, each as often as it
    weighs: `samples` of them, or `DRAWS` where it is None. A Gaussian q(z|x) gives `mean` and `scale`, (N, K), or (K,)
    for a scale that all x share; any other one gives `drawn`, whether z is random at all.
    """
    chosen, whole = generator(data.device, settings.seed, "estimate", "samples"), data.splits[split]
    if whole.weight is None:
        members = torch.randperm(len(whole), generator=chosen, device=data.device)[:samples]
    else:
        members = torch.multinomial(whole.weight.double(), samples or DRAWS, replacement=True, generator=chosen)
    parts = _of_passes(_sampled, model, data, settings, params, buffers, split, members=members)
    z, y = torch.cat([part.z for part in parts]), torch.cat([part.y for part in parts])
    if parts[0].moments is None:
        return z, y, {"drawn": draws_numbers(model, data, split, settings.precision)}, {}
    mean, scale = (torch.cat(of_passes) for of_passes in zip(*(part.moments for part in parts if part.moments)))
    nats = {name: torch.cat([part.nats[name] for part in parts]).double() for name in parts[0].nats}
    known = {"mean": mean, "scale": scale[0] if bool((scale == scale[0]).all()) else scale}
    return z, y, known, nats


class _Sampled(NamedTuple):
    """What an estimate needs of one pass."""

    z: Tensor  # (B, K)
    y: Tensor  # (B, …)
    moments: tuple[Tensor, Tensor] | None  # mean and deviation of a Gaussian q(z|x)
    nats: dict[str, Tensor]  # R and C of each sample, (B,)


def _sampled(p: Pass) -> _Sampled:
    if not _is_gaussian(p.encoder):
        return _Sampled(p.z[0], p.y, None, {})
    known = [each for each in (rate, classification_error) if each.measurable(p)]
    nats = {each.symbol: each.nats(p) for each in known}
    return _Sampled(p.z[0], p.y, (p.encoder.mean, p.encoder.stddev), nats)


def _of_passes(
    of_pass: Callable[[Pass], T], model: Model, data: Data, settings: Settings, params: Tensors, buffers: Tensors,
    split: str, **keys: Any,
) -> list[T]:  # fmt: skip
    """What `of_pass` finds in each of `_passes`; less at a time where memory runs out."""
    portions = Portions(settings.eval_batch_size)

    def found() -> list[T]:
        made = _passes(model, data, settings, params, buffers, split, batch_size=portions.samples, **keys)
        with closing(made) as of_split:
            return [of_pass(p) for p in of_split]

    members = keys.get("members")
    return portions.fitted(found, len(data.splits[split] if members is None else members))


def _passes(
    model: Model, data: Data, settings: Settings, params: Tensors, buffers: Tensors, split: str, **keys: Any
) -> Generator[Pass, None, None]:
    """The passes that estimates are made from: one draw of z, with noise of their own; `keys` as for `passes`."""
    return passes(
        model,
        data,
        split,
        params=params,
        buffers=buffers,
        noise=generator(data.device, settings.seed, "estimate", "z"),
        precision=settings.precision,
        **{"batch_size": settings.eval_batch_size, **keys},
    )


def _is_gaussian(encoder: Distribution | None) -> TypeGuard[Distribution]:
    return isinstance(encoder, Independent) and isinstance(encoder.base_dist, Normal)
