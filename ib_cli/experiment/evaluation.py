"""A model on a split → {name: float}: every functional that can be measured there, accuracies and errors."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from typing import Any

import torch
from torch import Tensor
from torch.func import vmap

from ib_cli.contracts.noise import Request, Tape
from ib_cli.contracts.passes import Batch, Pass
from ib_cli.engine.copies import Copies
from ib_cli.engine.loss import Tensors, forward, prediction_measures
from ib_cli.engine.passes import Numbers, inputs, passes
from ib_cli.engine.portions import Portions
from ib_cli.engine.seeds import generator
from ib_cli.engine.stack import Stack
from ib_cli.engine.state import State
from ib_cli.experiment.bounds import Bounds
from ib_cli.experiment.experiment import Experiment
from ib_cli.functionals.functional import Functional
from ib_cli.functionals.objective import Objective
from ib_cli.functionals.worlds import WORLDS
from ib_cli.model.blocks.refreshed import Refreshed

AT_ONCE = {"cpu": 50_000, "cuda": 1_000_000}  # draws of z in one pass over several runs
Measure = Callable[[Pass], dict[str, Tensor]]


def copies_at_once(device: torch.device, draws: int) -> int:
    """How many copies of a model to map a pass over, for so many draws of z in it."""
    return max(AT_ONCE[device.type] // draws, 1)


def measurable(p: Pass, objective: Objective) -> list[Functional]:
    """The functionals that a pass has the parts for; costly ones only if the objective has them."""
    asked = {term.functional.symbol for term in objective.terms}
    return [
        entry
        for entry in objective.known.values()
        if entry.measurable(p) and (not entry.costly or entry.symbol in asked)
    ]


def values(p: Pass, objective: Objective) -> dict[str, Tensor]:
    """Measures of each sample of a pass by name, (B,), in nats; whole-split functionals are of no sample.

    What all samples share, such as S, is a scalar.
    """
    found = {entry.symbol: entry.nats(p) for entry in measurable(p, objective) if entry.sums is None}
    if "C" in found:
        found["H_model[Y|Z]"] = found["C"]
    found |= {f"KL_{layer}": nats for layer, nats in p.reports.items()} | prediction_measures(p)
    if p.class_logits is not None:
        found["error_single"] = p.expected(1 - p.right(p.class_logits.argmax(-1)))
        found["error_drawn"] = _drawn_error(p, p.class_logits)
    return found


def _drawn_error(p: Pass, logits: Tensor) -> Tensor:
    """1 − E_{q(z|x)} c(y|z), (B,): the probability that a label drawn from c(y|z) is wrong (Unpacking Obs. 3)."""
    predicted = p.of_samples(p.expected(logits.softmax(-1)))
    if p.y_probabilities is not None:
        return 1 - (p.y_probabilities * predicted).sum(-1)
    return 1 - predicted.gather(-1, p.y.unsqueeze(-1)).squeeze(-1)


def sums(p: Pass, objective: Objective) -> dict[str, Tensor]:
    """Sums over the batch of each measure, (); whole-split functionals give their sufficient statistics."""
    of_samples = values(p, objective)
    found = {
        entry.symbol: p.total(of_samples[entry.symbol]) if entry.sums is None else entry.sums(p)
        for entry in measurable(p, objective)
    }
    return found | {name: p.total(each) for name, each in of_samples.items() if name not in found}


def _sums_of(part: Refreshed) -> Measure:
    """The sums that `part` is made of."""
    return lambda p: {"": part.sums(p)}


class Evaluation:
    """Means over a split in evaluation mode with `eval_samples` draws of z, in nats.

    `accuracy` and `error` belong to the label with the largest mean probability over the draws, `error_single` is the
    mean over the draws of each one's error, `error_drawn` the probability that a label drawn from c(y|z) is wrong,
    which `error_bound` = 1 − exp(−C) bounds (Unpacking Obs. 3). `H[Y]` is the entropy of the split's label counts. A
    continuous y has `mse` (`prediction_measures`), `r2` = 1 − mse / variance of the split's y, without a value where
    that variance is 0, and the differential H[Y] where it is known.
    With drawn weights each batch has `eval_samples` passes, unless each sample has weights of its own and draws of z.
    The noise depends on the seed and the split alone, so evaluations of one run differ by the model only.
    Where memory runs out, they take less at a time (`Portions`).
    """

    def __init__(self, experiment: Experiment, samples: int | None = None) -> None:
        """`samples`: draws of z per sample, where they are not `eval_samples`."""
        self.experiment = experiment
        self.samples = samples or experiment.settings.eval_samples
        self._portions = Portions(experiment.settings.eval_batch_size)
        self._plans: dict[int, list[Request]] = {}
        self._bounds = Bounds(experiment)

    def of(
        self,
        params: Tensors,
        split: str,
        experiment: Experiment | None = None,
        buffers: Tensors | None = None,
        fresh: bool = True,
    ) -> dict[str, float]:
        """{name: value} with these parameters, and the model's buffers unless others are given.

        `experiment`: another run of the same group, whose seed and multipliers count then. `fresh`: make the parts that
        depend on the train split anew; false: they are those that `refresh` made last.
        """
        experiment, buffers = self._given(experiment, buffers)
        if fresh:
            self.refresh(params, buffers, experiment.settings.seed)
        found = self._summed(self._all_sums, params, buffers, split, experiment.settings.seed)
        return self._means(found, split, experiment)

    def of_samples(
        self, params: Tensors, split: str, buffers: Tensors | None = None, measure: Measure | None = None
    ) -> dict[str, Tensor]:
        """Measures of each sample of a split by name, (N,), in nats: `of` are their means, where samples weigh alike.

        Whole-split functionals have no value for a sample. `measure`: what to find in a pass instead, (B,) by name.
        """
        _, buffers = self._given(None, buffers)
        self.refresh(params, buffers, self.experiment.settings.seed)
        found = measure or (lambda p: values(p, self.experiment.objective))
        return self._portions.fitted(lambda: self._rows(params, buffers, split, found), self._size(split))

    @torch.no_grad()
    def _rows(self, params: Tensors, buffers: Tensors, split: str, measure: Measure) -> dict[str, Tensor]:
        """`of_samples` with parts that are fresh."""
        repeats = self._repeats
        rows: dict[str, list[Tensor]] = {}
        with closing(self._passes(params, buffers, split, self.experiment.settings.seed)) as found:
            for i, p in enumerate(found):
                for name, each in measure(p).items():
                    each = (p.of_samples(each) if each.dim() else each.expand(len(p.y))) / repeats
                    if i % repeats == 0:
                        rows.setdefault(name, []).append(each)
                    else:
                        rows[name][-1] = rows[name][-1] + each
        return {name: torch.cat(parts) for name, parts in rows.items()}

    def of_copies(self, copies: Copies, split: str, experiments: Sequence[Experiment]) -> list[dict[str, float]]:
        """`of` each copy, in their order; `experiments` are theirs."""
        seeds = [each.settings.seed for each in experiments]
        self._refresh_copies(copies.evaluated_params, copies.buffers, seeds)
        found = self._summed_copies(self._all_sums, copies.evaluated_params, copies.buffers, split, seeds)
        on_cpu = {name: total.cpu() for name, total in found.items()}
        return [
            self._means({name: total[i] for name, total in on_cpu.items()}, split, experiment)
            for i, experiment in enumerate(experiments)
        ]

    def _all_sums(self, p: Pass) -> dict[str, Tensor]:
        return sums(p, self.experiment.objective) | self._bounds.sums(p)

    def begin_epoch(self, state: State) -> None:
        """Refresh the parts that training needs fresh; within an epoch they stay."""
        if self._refreshed_in_training and state.step_in_epoch == 0:
            self.refresh(state.params, state.buffers, self.experiment.settings.seed)

    def begin_epoch_of_stack(self, stack: Stack, experiments: Sequence[Experiment]) -> None:
        """The same for each run of a stack."""
        if self._refreshed_in_training and stack.states[0].step_in_epoch == 0:
            self._refresh_copies(stack.params, stack.buffers, [each.settings.seed for each in experiments])

    @torch.no_grad()
    def refresh(self, params: Tensors, buffers: Tensors, seed: int) -> None:
        """Make the parts that depend on the train split anew: their buffers change in place."""
        for name, part in self.experiment.model.refreshed.items():
            found = self._summed(_sums_of(part), params, buffers, "train", seed)[""]
            for buffer, value in part.made_of(found).items():
                buffers[f"{name}.{buffer}"].copy_(value)

    @torch.no_grad()
    def _refresh_copies(self, params: Tensors, buffers: Tensors, seeds: Sequence[int]) -> None:
        for name, part in self.experiment.model.refreshed.items():
            found = self._summed_copies(_sums_of(part), params, buffers, "train", seeds)[""]
            for buffer, value in part.made_of(found).items():
                buffers[f"{name}.{buffer}"].copy_(value)

    def _given(self, experiment: Experiment | None, buffers: Tensors | None) -> tuple[Experiment, Tensors]:
        return experiment or self.experiment, dict(
            self.experiment.model.named_buffers()
        ) if buffers is None else buffers

    @property
    def _refreshed_in_training(self) -> bool:
        return any(part.refreshed_in_training for part in self.experiment.model.refreshed.values())

    def _passes(self, params: Tensors, buffers: Tensors, split: str, seed: int) -> Generator[Pass, None, None]:
        """The passes of a split, with the noise that evaluations of this seed have."""
        experiment = self.experiment
        return passes(
            experiment.model,
            experiment.data,
            split,
            params=params,
            buffers=buffers,
            noise=generator(experiment.data.device, seed, "evaluate", split),
            **self._keys,
        )

    @property
    def _keys(self) -> dict[str, Any]:
        settings = self.experiment.settings
        return {
            "samples": self.samples,
            "precision": settings.precision,
            "batch_size": self._portions.samples,
            "repeats": self._repeats,
            "plans": self._plans,
        }

    @torch.no_grad()
    def _summed(self, measure: Measure, params: Tensors, buffers: Tensors, split: str, seed: int) -> dict[str, Tensor]:
        """Sums over a split of what `measure` finds in each pass."""

        def summed() -> dict[str, Tensor]:
            found: dict[str, Tensor] = {}
            with closing(self._passes(params, buffers, split, seed)) as of_split:
                for p in of_split:
                    self._add(found, measure(p))
            return found

        return self._portions.fitted(summed, self._size(split))

    @torch.no_grad()
    def _summed_copies(
        self, measure: Measure, params: Tensors, buffers: Tensors, split: str, seeds: Sequence[int]
    ) -> dict[str, Tensor]:
        """The same for copies, (M, …): a pass is mapped over as many of them at once as memory is good for."""
        experiment, settings = self.experiment, self.experiment.settings
        model, data = experiment.model, experiment.data
        distinct = list(dict.fromkeys(seeds))

        def measured(params: Tensors, buffers: Tensors, batch: Batch, numbers: Numbers) -> dict[str, Tensor]:
            tape = Tape(numbers)
            return measure(forward(model, params, buffers, batch, tape, self.samples, settings.precision))

        axis = 0 if len(distinct) > 1 else None

        def summed() -> dict[str, Tensor]:
            mapped = vmap(measured, in_dims=(0, 0, None, axis), chunk_size=self._copies_at_once(split, len(seeds)))
            streams = [generator(data.device, seed, "evaluate", split) for seed in distinct]
            found: dict[str, Tensor] = {}
            with closing(inputs(model, data, split, streams=streams, **self._keys)) as of_split:
                for batch, numbers in of_split:
                    laid_out = numbers[0]
                    if len(distinct) > 1:  # the numbers of each copy's own stream
                        laid_out = tuple(
                            torch.stack([of[distinct.index(seed)] for seed in seeds]) for of in zip(*numbers)
                        )
                    self._add(found, mapped(params, buffers, batch, laid_out))
            return found

        return self._portions.fitted(summed, self._size(split), lambda: self._copies_at_once(split, len(seeds)))

    def _copies_at_once(self, split: str, copies: int) -> int:
        """How many of so many copies a pass of a split takes at once."""
        bottleneck = self.experiment.model.bottleneck
        draws = bottleneck.size if bottleneck.discrete else self.samples
        most = copies_at_once(self.experiment.data.device, min(self._portions.samples, self._size(split)) * draws)
        return min(most, copies, self._portions.copies or copies)

    def _add(self, found: dict[str, Tensor], measured: Mapping[str, Tensor]) -> None:
        for name, value in measured.items():
            found[name] = found.get(name, 0) + value / self._repeats

    def _size(self, split: str) -> int:
        return len(self.experiment.data.splits[split])

    @property
    def _repeats(self) -> int:
        """Passes of each batch, each with other weights."""
        weights, bottleneck = self.experiment.model.weights, self.experiment.model.bottleneck
        if weights is None or weights.evaluate == "mean":
            return 1
        z_is_drawn = bottleneck.stochastic and not bottleneck.discrete
        return 1 if z_is_drawn and not weights.shared else self.experiment.settings.eval_samples

    def _means(self, sums: Mapping[str, Tensor], split: str, experiment: Experiment) -> dict[str, float]:
        N, sums = len(experiment.data.splits[split]), dict(sums)
        of_worlds = {name: sums.pop(name) for name in list(sums) if name in WORLDS}
        of_sums = {symbol: entry.of_sums for symbol, entry in experiment.objective.known.items() if entry.of_sums}
        means = {name: float(of_sums[name](total) if name in of_sums else total / N) for name, total in sums.items()}
        means["J"] = float(experiment.objective.total(means, experiment.multipliers))
        if "accuracy" in means:
            means["error"] = 1 - means["accuracy"]
            if "C" in means:
                means["error_bound"] = -math.expm1(-means["C"])
        if "mse" in means and (variance := experiment.data.target_variance(split)) > 0:
            means["r2"] = 1 - means["mse"] / variance
        if "C" in means and (H := experiment.data.label_entropy(split)) is not None:
            means["H[Y]"] = H
        return means | self._bounds.of(means, of_worlds, split)
