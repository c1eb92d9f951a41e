"""The start of a VampPrior's pseudo-inputs in a run: at the data, from the seed, and by id as before."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch

from ib_cli.experiment.experiment import Experiment
from ib_cli.run.run_ids import run_id

WORDS = ("objective=vamp_vae", "marginal.pseudo_inputs=7", "dataset.train_size=30")
Made = Callable[..., Experiment]


def test_they_start_at_training_samples_and_change_no_other_part(experiment: Made) -> None:
    made = {start: experiment(*WORDS, f"marginal.start={start}", folder=start) for start in ("noise", "data", "mean")}
    u = {start: dict(each.model.named_parameters())["marginal.u"].detach() for start, each in made.items()}
    x = made["data"].data.batch("train", torch.arange(30)).x
    where = (u["data"].flatten(1).unsqueeze(1) == x.flatten(1)).all(-1)
    assert where.any(1).all() and where.any(0).sum() == 7  # seven samples, each once
    assert not torch.equal(u["mean"], u["data"]) and u["mean"].min() >= 0 and u["mean"].max() <= 1
    for start in ("data", "mean"):
        for name, p in made[start].model.named_parameters():
            assert name == "marginal.u" or torch.equal(p, made["noise"].model.get_parameter(name)), name


def test_the_seed_chooses_the_samples(experiment: Made) -> None:
    def start(seed: int) -> torch.Tensor:
        made = experiment(*WORDS, "marginal.start=data", f"seed={seed}", folder=f"{next(count)}")
        return made.model.get_parameter("marginal.u").detach()

    count = itertools.count()
    assert torch.equal(start(1), start(1)) and not torch.equal(start(1), start(2))


def test_vamp_vae_starts_at_the_mean_and_any_other_objective_as_before(config: Callable[..., dict[str, Any]]) -> None:
    assert config("objective=vamp_vae")["marginal"]["start"] == "mean"
    assert config("marginal=vampprior")["marginal"]["start"] == "noise"


def test_a_run_of_the_time_before_the_key_keeps_its_id(config: Callable[..., dict[str, Any]]) -> None:
    now = config("objective=vamp_vae", "marginal.start=noise")
    before = {**now, "marginal": {**now["marginal"]}, "objective": {**now["objective"]}}
    del before["marginal"]["start"], before["objective"]["pseudo_inputs_start"]
    assert run_id(now, "") == run_id(before, "") != run_id(config("objective=vamp_vae"), "")


def test_a_stored_config_without_the_key_builds_as_it_did(experiment: Made) -> None:
    def start(*words: str) -> torch.Tensor:
        return experiment(*WORDS, *words, folder="_".join(words)).model.get_parameter("marginal.u").detach()

    assert torch.equal(start("~marginal.start"), start("marginal.start=noise"))
    assert not torch.equal(start("marginal.start=noise"), start("marginal.start=mean"))
