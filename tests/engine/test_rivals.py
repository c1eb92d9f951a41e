"""Critics in training: each player's steps move its own parameters alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import pytest
import torch
from torch import Tensor

from ib_cli.contracts.errors import ConfigError
from ib_cli.engine.backward import Backward
from ib_cli.engine.loss import fields_of, make_loss, plan
from ib_cli.engine.rivals import Rivals, rivals
from ib_cli.engine.state import State
from ib_cli.engine.train import Epoch
from ib_cli.experiment.experiment import Experiment
from ib_cli.procedures.fit.train_copies import starting_state, train_copies
from tests.families import family

# Batch norm in encoder and decoder, dropout, both critics, several turns.
WORDS = (
    *("objective=bib_ae", "architecture.batch_norm=true", "architecture.dropout=0.2", "decoder.widths=[16]"),
    *("decoder.batch_norm=true", "critic_z.widths=[8]", "critic_x.widths=[8]", "critic_z.turns=3", "critic_x.turns=2"),
)


def epoch_of(made: Experiment, state: State, players: Rivals) -> Epoch:
    loss = make_loss(made.model, made.objective, made.settings.samples, made.settings.precision)
    backward = Backward(loss, made.settings.compile, made.device)
    only = fields_of(made.objective)
    return Epoch(state, made.model, backward, made.data, made.settings, made.multipliers, players, only)


def copied(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def changed(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> set[str]:
    """The parts of the model, by name, with a tensor that is another one now."""
    return {name.partition(".")[0] for name, tensor in before.items() if not torch.equal(tensor, after[name])}


def one_step(made: Experiment) -> tuple[dict[str, set[str]], State]:
    """The parts that each player's turns changed in the first step, and the state after it."""
    state, found, made_rivals = starting_state(made), {}, rivals(made.model, made.settings, made.device)
    made.model.train()

    class Watched(Rivals):
        def turns(self, state: State, *rest: object) -> dict[str, Tensor]:
            losses = {}
            for rival in self.each:
                before = copied(state.params | state.buffers)
                losses |= rival.turns(state, *rest)
                found[rival.name] = changed(before, state.params | state.buffers)
            self.before = copied(state.params | state.buffers)
            return losses

    watched = Watched(made_rivals.each)
    epoch = epoch_of(made, state, watched)
    epoch._step(epoch.order[0], {})
    found["model"] = changed(watched.before, state.params | state.buffers)
    return found, state


@pytest.mark.parametrize(
    "more", family([(), ("clip=1",), ("averaging=0.9",), ("precision=bf16",), ("samples=3",)], every=2, whole=True)
)
def test_no_player_moves_what_is_anothers(experiment: Callable[..., Experiment], more: tuple[str, ...]) -> None:
    found, _ = one_step(experiment(*WORDS, *more))
    assert found == {
        "critic_z": {"critic_z"},
        "critic_x": {"critic_x"},
        "model": {"architecture", "bottleneck", "decoder"},
    }


def test_turns_of_a_critic_leave_running_means_of_codewords(experiment: Callable[..., Experiment]) -> None:
    words = ("objective=generative_compression", "critic_x.widths=[8]", "critic_x.turns=3")
    found, _ = one_step(experiment(*words))
    assert found["critic_x"] == {"critic_x"}
    assert "bottleneck" in found["model"]


def test_clipping_is_of_each_players_own_gradient(experiment: Callable[..., Experiment]) -> None:
    _, state = one_step(experiment(*WORDS, "clip=1e-3"))
    squares: dict[str, float] = {}
    for name, p in state.params.items():
        owner = name.partition(".")[0]
        owner = owner if owner.startswith("critic") else "model"
        squares[owner] = squares.get(owner, 0) + float(p.grad.square().sum())
    assert {owner: pytest.approx(1e-3, rel=1e-3) for owner in squares} == {
        owner: math.sqrt(square) for owner, square in squares.items()
    }


def test_turns_are_steps_and_rates_fall_with_the_epochs(experiment: Callable[..., Experiment]) -> None:
    made = experiment(*WORDS, "critic_z.decay=0.5", "epochs=3", "evaluate_every=3")
    states = []
    save = made.records.save_checkpoint
    made.records.save_checkpoint = lambda state: (states.append(state), save(state))
    made.procedure.run(made, None)
    of_z, of_x = states[-1]["rivals"]["critic_z"], states[-1]["rivals"]["critic_x"]
    assert float(of_z["state"][0]["step"]) == 3 * 3 * 4 and float(of_x["state"][0]["step"]) == 3 * 2 * 4
    assert of_z["param_groups"][0]["lr"] == 1e-3 * 0.5**2 and of_x["param_groups"][0]["lr"] == 2e-4


def test_a_turn_runs_no_part_that_its_loss_does_not_read(experiment: Callable[..., Experiment]) -> None:
    made = experiment(*WORDS, "critic_x.sees=samples")
    calls: list[str] = []
    for name, part in made.model.named_children():
        part.register_forward_hook(lambda *_, name=name: calls.append(name))
    state, (of_z, of_x) = starting_state(made), rivals(made.model, made.settings, made.device).each
    epoch = epoch_of(made, state, Rivals())
    batch = made.data.batch("train", epoch.order[0], epoch.noise)
    for rival, decoded in ((of_z, 0), (of_x, 2)):
        rival.turns(state, batch, epoch.noise, {})
        calls.clear()
        rival.turns(state, batch, epoch.noise, {})
        assert calls.count("decoder") == decoded and calls.count(rival.name) == rival.training_plan.turns


def test_the_penalty_is_left_out_of_the_models_step(experiment: Callable[..., Experiment]) -> None:
    """It needs numbers of its own, and only where the critic's loss is read."""
    made = experiment(*WORDS, "critic_x.divergence=wasserstein")
    _, state = one_step(made)
    loss = make_loss(made.model, made.objective, 1, "fp32")
    batch = made.data.batch("train", torch.arange(5), torch.Generator())
    asked = plan(made.model, batch, 1, "fp32", fields_of(made.objective))
    everything = plan(made.model, batch, 1, "fp32")
    assert len(everything) == len(asked) + 2  # both sources of Q
    J, parts = loss(state.params, state.buffers, batch, tuple(torch.zeros(r.shape) for r in asked), made.multipliers)
    assert torch.isfinite(J) and "loss_x" not in parts


@pytest.mark.parametrize("objective", family(["bib_ae", "aae", "gan", "vae_gan"], quick=["aae", "vae_gan"]))
def test_losses_of_critics_are_in_the_lines_of_train_and_of_test(
    experiment: Callable[..., Experiment], objective: str
) -> None:
    made = experiment(f"objective={objective}", "epochs=1")
    made.procedure.run(made, None)
    expected = {f"loss_{critic[-1]}" for critic in made.model.critics}
    assert expected
    for line in made.records.metrics.read():
        assert expected <= set(line) and all(math.isfinite(line[name]) for name in expected)


@pytest.mark.slow
@pytest.mark.parametrize("compile", ["true", "step"])
def test_compiled_critics_train_as_others_do(experiment: Callable[..., Experiment], compile: str) -> None:
    words = [*WORDS, "epochs=1", "dataset.train_size=100", "critic_x.divergence=wasserstein"]
    plain = experiment(*words)
    compiled = experiment(*words, f"compile={compile}", folder="compiled")
    expected = plain.procedure.run(plain, None).measures["test"]
    found = compiled.procedure.run(compiled, None).measures["test"]
    assert found == pytest.approx(expected, rel=1e-3, abs=1e-4)


def test_what_trains_no_critic_says_so(experiment: Callable[..., Experiment]) -> None:
    for procedure in ("langevin", "noise_scaling"):
        with pytest.raises(
            ConfigError, match=f"procedure={procedure}: trains no critic, and objective=aae has critic_z"
        ):
            experiment("objective=aae", "bottleneck=zero_entropy_noise", f"procedure={procedure}")
    with pytest.raises(ValueError, match="critic_z takes turns"):
        train_copies([experiment("objective=aae")], 1)
