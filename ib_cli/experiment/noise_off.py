"""What a model with layers of noise measures at the end of a run when its noise is switched off."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from ib_cli.engine.batch_statistics import batch_statistics, has_batch_norm
from ib_cli.engine.copies import Copies, Samples
from ib_cli.engine.loss import Tensors, plan
from ib_cli.experiment.evaluation import Evaluation, copies_at_once
from ib_cli.experiment.experiment import Experiment
from ib_cli.experiment.recording import stop_if_asked

NAMES = ("J", "C", "D", "KL", "accuracy", "error", "mse", "r2")
OFF, OFF_BN = "_noise_off", "_noise_off_bn"  # endings of the names of measures
Measures = dict[str, dict[str, float]]  # split → measures


class NoiseOff:
    """Measures without the noise of noise layers, by split; none of a model without such layers. Raises Interrupted.

    Names ending in `_noise_off` (D of Achille and Soatto 2018): the noise is off and all else is as in training. In
    `_noise_off_bn`: the running statistics of batch norm are made anew over the train split without noise, as the
    authors do; absent without batch norm. Measures: those of `NAMES`.
    """

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self._made: Evaluation | None = None

    @property
    def _evaluation(self) -> Evaluation:
        if self._made is None:
            self._made = Evaluation(self.experiment, samples=self._draws())
        return self._made

    def of(
        self, params: Tensors, buffers: Tensors, splits: Iterable[str], experiment: Experiment | None = None
    ) -> Measures:
        """With these parameters and buffers, which do not change; `experiment` as for `Evaluation.of`."""
        found: Measures = {split: {} for split in splits}
        for ending, changed in self._changed(params, buffers, None).items():
            for split, measures in found.items():
                measures |= _named(self._evaluation.of(params, split, experiment, changed), ending)
                stop_if_asked(self.experiment)
        return found

    def of_copies(self, copies: Copies, splits: Iterable[str], experiments: Sequence[Experiment]) -> list[Measures]:
        """`of` each copy, in their order; `experiments` are theirs."""
        params, splits = copies.evaluated_params, list(splits)
        found: list[Measures] = [{split: {} for split in splits} for _ in experiments]
        at_once = copies_at_once(self.experiment.device, self._batch_size)
        for ending, changed in self._changed(params, copies.buffers, at_once).items():
            for split in splits:
                measured = self._evaluation.of_copies(Samples(params, changed), split, experiments)
                for own, measures in zip(found, measured):
                    own[split] |= _named(measures, ending)
                stop_if_asked(self.experiment)
        return found

    def _changed(self, params: Tensors, buffers: Tensors, at_once: int | None) -> dict[str, dict[str, Tensor]]:
        """Ending of a name → the buffers that it stands for. `at_once`: as `copies_at_once` of `batch_statistics`."""
        model, settings = self.experiment.model, self.experiment.settings
        if not model.noise_count:
            return {}
        off = {name: buffer.clone() for name, buffer in model.without_noise(buffers).items()}
        if not has_batch_norm(model):
            return {OFF: off}
        anew = batch_statistics(
            model, self.experiment.data, params, off,
            precision=settings.precision, batch_size=self._batch_size, copies_at_once=at_once,
        )  # fmt: skip
        return {OFF: off, OFF_BN: anew}

    @property
    def _batch_size(self) -> int:
        return min(self.experiment.settings.batch_size, len(self.experiment.data.splits["train"]))

    def _draws(self) -> int:
        """Draws of z per sample: one, if nothing but the noise layers is random."""
        model, data, settings = self.experiment.model, self.experiment.data, self.experiment.settings
        was_training = model.training
        model.eval()
        try:
            requests = plan(model, data.batch("train", torch.arange(1, device=data.device)), 1, settings.precision)
        finally:
            model.train(was_training)
        return 1 if len(requests) == model.noise_count else settings.eval_samples


def _named(measures: Mapping[str, float], ending: str) -> dict[str, float]:
    return {name + ending: measures[name] for name in NAMES if name in measures}
