"""A model on a split → {name: float}: every functional that the model has the parts for, and its hits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import Generator, Tensor
from torch.func import vmap

from ib_cli.contracts.noise import Request, Tape, draw
from ib_cli.contracts.passes import Batch, Pass
from ib_cli.engine.loss import Tensors, forward, hits, plan
from ib_cli.engine.seeds import generator
from ib_cli.engine.stack import Stack
from ib_cli.engine.state import State
from ib_cli.experiment.experiment import Experiment
from ib_cli.functionals import functionals
from ib_cli.functionals.objective import Objective
from ib_cli.model.classifiers.optimal import Optimal

AT_ONCE = {"cpu": 50_000, "cuda": 1_000_000}  # draws of z in one pass over several runs


def totals(p: Pass, objective: Objective) -> dict[str, Tensor]:
    """Of every functional whose parts the pass has, and of the hits, the sum over the batch, (); of a functional of a
    split as a whole the sums that it is a function of. Of the costly ones those that the objective has.
    """
    asked = {term.functional.symbol for term in objective.terms}
    entries = [
        entry for entry in functionals().values() if entry.measurable(p) and (not entry.costly or entry.symbol in asked)
    ]
    found = {entry.symbol: entry.sums(p) if entry.sums else p.total(entry.nats(p)) for entry in entries}
    if "C" in found:
        found["H_model[Y|Z]"] = found["C"]
    found |= {name: p.total(values) for name, values in hits(p).items()}
    if p.class_logits is not None:
        found["error_single"] = p.total(p.expected((p.class_logits.argmax(-1) != p.y).float()))
    return found


class Evaluation:
    """Means over a split in evaluation mode with `eval_samples` draws of z, in nats.

    `accuracy` and `error` are of the label with the largest mean probability over the draws, `error_single`
    of one draw (the mean over the draws of their errors); `H[Y]` is the entropy of the split's label counts.
    Of a continuous y there are `mse`, as `hits` has it, `r2`, 1 less its share of the variance of the split's y (none
    where that is 0), and the differential H[Y] where it is known.
    Of drawn weights there are `eval_samples` draws for each batch, too, unless each of its samples has weights of its
    own and draws of z.
    The noise depends on the seed and the split alone, so that evaluations of one run differ by the model only.
    """

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self._requests: dict[int, list[Request]] = {}

    def of(
        self,
        params: Tensors,
        split: str,
        experiment: Experiment | None = None,
        buffers: Tensors | None = None,
    ) -> dict[str, float]:
        """{name: value} of these parameters, with the buffers of the model unless others are given.

        `experiment` is another run of the same group, whose seed and multipliers then count.
        """
        experiment = experiment or self.experiment
        buffers = dict(self.experiment.model.named_buffers()) if buffers is None else buffers
        seeds = [experiment.settings.seed]
        self._refresh(self._joint, params, buffers, seeds)
        sums = self._sums(self._measured_sums, params, buffers, split, seeds)
        return self._means(sums, split, experiment)

    def of_stack(self, stack: Stack, split: str, experiments: Sequence[Experiment]) -> list[dict[str, float]]:
        """`of` each run of a stack, in its order."""
        seeds = [each.settings.seed for each in experiments]
        many = self._mapped(split, seeds)
        self._refresh(many(self._joint), stack.evaluated_params, stack.buffers, seeds)
        sums = self._sums(many(self._measured_sums), stack.evaluated_params, stack.buffers, split, seeds)
        found = {name: total.cpu() for name, total in sums.items()}
        return [
            self._means({name: of[i] for name, of in found.items()}, split, experiment)
            for i, experiment in enumerate(experiments)
        ]

    def begin_epoch(self, state: State) -> None:
        """Give a decoder that is trained with p(y|z) of the train split this table; within an epoch it stays."""
        if self._trains_on_table and state.step_in_epoch == 0:
            self._refresh(self._joint, state.params, state.buffers, [self.experiment.settings.seed])

    def begin_epoch_of_stack(self, stack: Stack, experiments: Sequence[Experiment]) -> None:
        """The same for each run of a stack."""
        if self._trains_on_table and stack.states[0].step_in_epoch == 0:
            seeds = [each.settings.seed for each in experiments]
            self._refresh(self._mapped("train", seeds)(self._joint), stack.params, stack.buffers, seeds)

    def _mapped(self, split: str, seeds: Sequence[int]) -> Callable[..., Callable[..., dict[str, Tensor]]]:
        """Maps a function of parameters, buffers, batch and noise over runs, as many at once as memory is good for."""
        settings, bottleneck = self.experiment.settings, self.experiment.model.bottleneck
        draws = bottleneck.size if bottleneck.discrete else settings.eval_samples
        samples = min(settings.eval_batch_size, len(self.experiment.data.splits[split]))
        at_once = max(AT_ONCE[self.experiment.device.type] // (samples * draws), 1)
        return partial(vmap, in_dims=(0, 0, None, 0 if len(set(seeds)) > 1 else None), chunk_size=at_once)

    @property
    def _trains_on_table(self) -> bool:
        decoder = self.experiment.model.classifier
        return isinstance(decoder, Optimal) and decoder.of_split

    def _measured_sums(
        self, params: Tensors, buffers: Tensors, batch: Batch, noise: tuple[Tensor, ...]
    ) -> dict[str, Tensor]:
        """The sums of the measures over a batch."""
        return totals(self._pass(params, buffers, batch, noise), self.experiment.objective)

    def _joint(self, params: Tensors, buffers: Tensors, batch: Batch, noise: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """How often labels and values of a discrete z meet in a batch, (classes, K)."""
        p = self._pass(params, buffers, batch, noise)
        return {"joint": p.by_class(p.z_weight.T)}

    def _pass(self, params: Tensors, buffers: Tensors, batch: Batch, noise: tuple[Tensor, ...]) -> Pass:
        settings = self.experiment.settings
        tape = Tape(noise)
        return forward(self.experiment.model, params, buffers, batch, tape, settings.eval_samples, settings.precision)

    def _refresh(
        self, joint: Callable[..., dict[str, Tensor]], params: Tensors, buffers: Tensors, seeds: Sequence[int]
    ) -> None:
        """Make the table of an optimal decoder, if the model has one, that of the train split."""
        decoder = self.experiment.model.classifier
        if isinstance(decoder, Optimal):
            found = self._sums(joint, params, buffers, "train", seeds)["joint"]
            buffers["classifier.table"].copy_(decoder.table_of(found))

    @torch.no_grad()
    def _sums(
        self,
        measured_sums: Callable[..., dict[str, Tensor]],
        params: Tensors,
        buffers: Tensors,
        split: str,
        seeds: Sequence[int],
    ) -> dict[str, Tensor]:
        """Sums over a split, of one run or, with `seeds` of several, of each."""
        model, data, settings = self.experiment.model, self.experiment.data, self.experiment.settings
        was_training = model.training
        model.eval()
        streams = list(dict.fromkeys(seeds))
        noises = [generator(data.device, seed, "evaluate", split) for seed in streams]
        sums: dict[str, Tensor] = {}
        for indices in torch.arange(len(data.splits[split]), device=data.device).split(settings.eval_batch_size):
            batch = data.batch(split, indices)
            if len(indices) not in self._requests:
                self._requests[len(indices)] = plan(model, batch, settings.eval_samples, settings.precision)
            requests = self._requests[len(indices)]
            for _ in range(self._repeats):
                noise = self._noise(requests, noises, streams, seeds)
                for name, value in measured_sums(params, buffers, batch, noise).items():
                    sums[name] = sums.get(name, 0) + value / self._repeats
        model.train(was_training)
        return sums

    @property
    def _repeats(self) -> int:
        """The passes of a batch, each with other weights."""
        weights, bottleneck = self.experiment.model.weights, self.experiment.model.bottleneck
        if weights is None or weights.evaluate == "mean":
            return 1
        z_is_drawn = bottleneck.stochastic and not bottleneck.discrete
        return 1 if z_is_drawn and not weights.shared else self.experiment.settings.eval_samples

    def _noise(
        self, requests: Sequence[Request], noises: Sequence[Generator], streams: Sequence[int], seeds: Sequence[int]
    ) -> tuple[Tensor, ...]:
        """The numbers of a pass, of one stream or, for several runs, those of each one's stream."""
        drawn = [draw(requests, noise) for noise in noises]
        if len(streams) == 1:
            return drawn[0]
        return tuple(torch.stack([of[streams.index(seed)] for seed in seeds]) for of in zip(*drawn))

    def _means(self, sums: Mapping[str, Tensor], split: str, experiment: Experiment) -> dict[str, float]:
        N, known = len(experiment.data.splits[split]), functionals()
        means = {
            name: float(known[name].of_sums(total) if name in known and known[name].of_sums else total / N)
            for name, total in sums.items()
        }
        means["J"] = float(experiment.objective.total(means, experiment.multipliers))
        if "accuracy" in means:
            means["error"] = 1 - means["accuracy"]
        if "mse" in means and (variance := experiment.data.target_variance(split)) > 0:
            means["r2"] = 1 - means["mse"] / variance
        if "C" in means and (H := experiment.data.label_entropy(split)) is not None:
            means["H[Y]"] = H
        return means
