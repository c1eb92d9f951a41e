"""A run from its folder: its records, and on first use its data and its model with the final parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.noise import Tape, draw
from ib_cli.contracts.passes import Batch, Pass
from ib_cli.datasets.data import Data, Split
from ib_cli.datasets.own_samples import stored_x, stored_y, unknown_y
from ib_cli.engine.loss import forward, plan
from ib_cli.engine.seeds import generator
from ib_cli.estimators.estimate import Estimate
from ib_cli.experiment.evaluation import Evaluation
from ib_cli.experiment.experiment import Experiment
from ib_cli.experiment.finished_run import load_best_parameters, load_final_parameters
from ib_cli.experiment.noise_off import NoiseOff
from ib_cli.experiment.records import Records
from ib_cli.experiment.represented_split import represented_split
from ib_cli.model.model import Model
from ib_cli.run import build as building
from ib_cli.run.stored_config import stored_config
from ib_cli.run.validation import validate

if TYPE_CHECKING:
    from pandas import DataFrame


class Run:
    """A run's records and, loaded on first use, its data and its model with the final or the best parameters."""

    def __init__(
        self,
        folder: Path,
        device: str = "auto",
        overrides: Mapping[str, Any] | None = None,
        best: bool = False,
        trust: Sequence[str] = (),
    ) -> None:
        self.folder, self._records, self._best = folder, Records(folder), best
        self.config = stored_config(folder, {**(overrides or {}), "device": device}, trust)
        self._unlabelled: set[str] = set()  # splits of a person's own without y

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r}, {self.status})"

    @property
    def result(self) -> dict[str, Any]:
        """The content of result.json; empty before the run has ended."""
        return self._records.result or {}

    @property
    def status(self) -> str:
        """done, failed or unfinished."""
        return self.result.get("status", "unfinished")

    @property
    def metrics(self) -> DataFrame:
        """metrics.jsonl: a row per epoch and split, a column per measure, in nats."""
        return _table(self._records.metrics.read(), ("epoch", "step", "split"))

    @property
    def estimates(self) -> DataFrame:
        """estimates.jsonl: a row per estimate, in nats."""
        return _table(self._records.estimates.read(), ("epoch", "split", *(field.name for field in fields(Estimate))))

    @cached_property
    def experiment(self) -> Experiment:
        """What the run was made of, as it was before training."""
        return building.build(validate(self.config), self._records)

    @property
    def data(self) -> Data:
        """The run's splits, on the device."""
        return self.experiment.data

    @cached_property
    def model(self) -> Model:
        """The model with the parameters of the run's end, or of its last checkpoint, in evaluation mode.

        With `best`, those of best.pt. Raises ConfigError where there is no such file, as of a procedure that trains no
        model, or its parameters do not fit the config.
        """
        (load_best_parameters if self._best else load_final_parameters)(self.experiment)
        return self.experiment.model

    def encode(self, x: Tensor | np.ndarray, seed: int = 0) -> Distribution:
        """q(z|x): batch (B,), event (K,). `x` (B, *input_shape) is as `data.splits[…].x` stores it, not normalised.

        Where dataset.normalise=zca, that is whitened: bytes are whitened here, other images by `data.whitening(x)`.

        If the weights are drawn, one draw is used. Raises ValueError where x has another shape, or where z has no known
        density: a deterministic z, or one under Monte-Carlo dropout (use `represent` for these).
        """
        p = self._pass(x, 1, seed)
        if p.encoder is None:
            raise ValueError("q(z|x) has no known density here: z is deterministic or under dropout; use represent(x)")
        return p.encoder

    def represent(self, x: Tensor | np.ndarray, samples: int = 1, seed: int = 0) -> Tensor:
        """Draws of z for each x, (samples, B, K). `x` as for `encode`.

        A deterministic z comes once, (1, B, K), as does a z whose only noise is in the weights; a discrete z has all
        its values, (K, 1, K).
        """
        return self._pass(x, samples, seed).z

    def add_split(self, name: str, x: Tensor | np.ndarray, y: Tensor | np.ndarray | None = None) -> None:
        """Samples of your own as a split, for `evaluate`, `estimate` and the rest: nothing is written.

        `x` (N, *input_shape) as for `encode`: the run's own normalisation is applied. `y` (N,) labels 0 … classes − 1,
        or (N, d) numbers as the data set reads them; without it z can be had, and no measure. Raises ValueError for
        another shape, labels beyond the run's, a number that is not finite, and the name of a split that there is.
        """
        if name in self.data.splits:
            raise ValueError(f"{name}: the data have this split already: choose another name")
        stored = stored_x(x, self.data)
        of = unknown_y(len(stored), self.data) if y is None else stored_y(y, len(stored), self.data)
        splits = {**self.data.splits, name: Split(stored, of)}
        self.__dict__["experiment"] = replace(self.experiment, data=replace(self.data, splits=splits))
        if y is None:
            self._unlabelled.add(name)

    def represent_split(self, split: str = "test", samples: int = 1, seed: int = 0) -> dict[str, np.ndarray]:
        """z of every sample of a split in its order, by name.

        `z` (N, K), or (samples, N, K) for several draws; `mean` and `scale` (N, K) where q(z|x) is Gaussian. A discrete
        z has `probabilities` (N, K), q(z|x), in place of `z`. `y` (N,) or (N, d), where it is known.
        """
        self._check_split(split, labelled=False)
        found = represented_split(self.experiment, self.model, split, samples, seed)
        return found if split in self._unlabelled else found | {"y": self.data.splits[split].y.cpu().numpy()}

    def z_table(self, split: str = "test", seed: int = 0) -> DataFrame:
        """`represent_split` as a pandas table: a row per sample, columns `y`, `z_0`, …, `mean_0`, … and `scale_0`, …"""
        import pandas as pd

        columns, found = dict[str, np.ndarray](), self.represent_split(split, seed=seed)
        for name, values in sorted(found.items(), key=lambda named: named[0] != "y"):
            single = values.ndim == 1 or (name == "y" and values.shape[1] == 1)
            columns |= {name: values.reshape(-1)} if single else {f"{name}_{k}": of for k, of in enumerate(values.T)}
        return pd.DataFrame(columns)

    def estimate(self, split: str = "test", **options: Any) -> DataFrame:
        """Estimates of information of a split, made anew: a row per estimate, in nats, as `.estimates` has them.

        `options`: keys of the config group `estimators`, such as `use=["kraskov"]`, `samples=2000` or `k=5`; the others
        are the run's. Raises ConfigError for a wrong one.
        """
        self._check_split(split)
        config = deepcopy(self.config)
        config["estimators"] |= {"split": "train", **options}
        estimates = validate(config).targets["estimators"]()
        if not estimates.use:
            raise ConfigError('estimators.use: this run names no estimator: give use=["mixture", "kraskov"]')
        estimates.split = split  # any name, where a config knows three
        model = self.model
        params, buffers = dict(model.named_parameters()), dict(model.named_buffers())
        found, _ = estimates(model, self.data, self.experiment.settings, params, buffers)
        lines = [{"split": split, **asdict(each)} for each in found]
        return _table(lines, ("split", *(field.name for field in fields(Estimate))))

    def evaluate(self, split: str = "test") -> dict[str, float]:
        """The measures of a split, in nats, as in the run's own evaluations."""
        self._check_split(split)
        params, buffers = dict(self.model.named_parameters()), dict(self.model.named_buffers())
        noise_off = NoiseOff(self.experiment).of(params, buffers, [split])
        return Evaluation(self.experiment).of(params, split) | noise_off[split]

    def evaluate_samples(self, split: str = "test") -> DataFrame:
        """The measures of each sample of a split, in nats: a row per sample, in the split's order."""
        import pandas as pd

        self._check_split(split)
        model = self.model
        found = Evaluation(self.experiment).of_samples(dict(model.named_parameters()), split)
        return pd.DataFrame({name: values.cpu().numpy() for name, values in found.items()})

    def _check_split(self, split: str, labelled: bool = True) -> None:
        if split not in self.data.splits:
            raise ValueError(f"split={split}: the data have {', '.join(self.data.splits)}")
        if labelled and split in self._unlabelled:
            raise ValueError(f"split={split}: has no y: give add_split one")

    @torch.no_grad()
    def _pass(self, x: Tensor | np.ndarray, samples: int, seed: int) -> Pass:
        experiment, model = self.experiment, self.model
        inputs = stored_x(x, self.data)
        batch, precision = (
            Batch(self.data.affine(inputs), unknown_y(len(inputs), self.data)),
            experiment.settings.precision,
        )
        noise = generator(experiment.device, seed, "library")
        numbers = draw(plan(model, batch, samples, precision), noise)
        params, buffers = dict(model.named_parameters()), dict(model.named_buffers())
        return forward(model, params, buffers, batch, Tape(numbers), samples, precision)


def _table(lines: list[dict[str, Any]], columns: Sequence[str]) -> DataFrame:
    """A row per line; at least these columns."""
    import pandas as pd

    return pd.DataFrame(lines, columns=None if lines else list(columns))
