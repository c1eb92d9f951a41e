"""Encoders with noise before their first layer: z = f(x + ε) and z = f([x, ε])."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.noise import Planner, Tape, draw
from ib_cli.contracts.passes import Batch, Pass
from ib_cli.engine.loss import forward, plan
from ib_cli.experiment.experiment import Experiment
from ib_cli.model.blocks.input_noise import Added, Appended
from tests.families import family

IMPLICIT = ("input_noise=added", "input_noise=appended")


def passed(made: Experiment, samples: int, seed: int = 0) -> Pass:
    model, batch = made.model.eval(), made.data.batch("test", torch.arange(3))
    numbers = draw(plan(model, batch, samples, "fp32"), torch.Generator().manual_seed(seed))
    return forward(model, dict(model.named_parameters()), {}, batch, Tape(numbers), samples, "fp32")


@pytest.mark.parametrize("law", ["normal", "uniform"])
@pytest.mark.parametrize(("shape", "size"), [((3,), 2), ((1, 4, 4), 1)])
def test_shapes_and_the_first_two_moments(law: str, shape: tuple[int, ...], size: int) -> None:
    x, generator = torch.zeros(4000, *shape), torch.Generator().manual_seed(0)

    def of(noise: Added | Appended) -> torch.Tensor:
        planner = Planner("cpu")
        noise(x, planner)
        return noise(x, Tape(draw(planner.requests, generator)))

    added = of(Added(law=law, scale=0.5))
    assert added.shape == x.shape
    assert abs(float(added.mean())) < 0.02 and abs(float(added.std()) - 0.5) < 0.02
    appended = of(Appended(law=law, size=size))
    assert appended.shape[1:] == Appended(law=law, size=size).shape(shape)
    assert torch.equal(appended[:, : shape[0]], x) and abs(float(appended[:, shape[0] :].std()) - 1) < 0.05


@pytest.mark.parametrize("noise", IMPLICIT)
@pytest.mark.parametrize("bottleneck", ["deterministic", "gaussian"])
def test_each_draw_of_z_has_noise_of_its_own_and_no_density(
    experiment: Callable[..., Experiment], noise: str, bottleneck: str
) -> None:
    made = experiment("objective=aae", f"bottleneck={bottleneck}", noise)
    p = passed(made, 5)
    assert p.z.shape == (5, 3, 4) and p.encoder is None
    assert all(not torch.equal(p.z[0], other) for other in p.z[1:])
    assert torch.equal(passed(made, 5).z, p.z) and not torch.equal(passed(made, 5, seed=1).z, p.z)


def test_without_noise_z_is_a_function_of_x(experiment: Callable[..., Experiment]) -> None:
    assert passed(experiment("objective=aae"), 5).z.shape == (1, 3, 4)


def test_convolutions_get_channels_of_noise(experiment: Callable[..., Experiment]) -> None:
    made = experiment("objective=aae", "architecture=cnn", "input_noise=appended", "input_noise.size=2")
    assert passed(made, 2).z.shape == (2, 3, 4)


@pytest.mark.parametrize(
    ("words", "start"),
    family(
        [
            (["objective=vae", "input_noise=added"], "input_noise=added: this objective has R"),
            (["objective=ceb", "input_noise=appended"], "input_noise=appended: this objective has R"),
            (["objective=gan", "input_noise=added"], "input_noise=added: bottleneck=prior has no encoder"),
            (
                ["objective=aae", "input_noise=added", "bottleneck=gaussian", "marginal=vampprior"],
                "marginal=vampprior is made",
            ),
            (["objective=decoder_ce", "input_noise=added"], "input_noise=added: a discrete z is not drawn"),
            (
                ["objective=ce", "bottleneck=deterministic", "input_noise=added", "input_noise.scale=0"],
                "input_noise.scale=0",
            ),
        ],
        every=2,
    ),
)
def test_what_does_not_go_with_it_is_refused(experiment: Callable, words: list[str], start: str) -> None:
    with pytest.raises(ConfigError) as error:
        experiment(*words)
    assert str(error.value).startswith(start) and "\n" not in str(error.value)


def test_the_batch_may_be_of_any_size() -> None:
    noise = Added(law="normal", scale=1.0)
    assert noise(Batch(torch.ones(1, 2), torch.zeros(1)).x, Planner("cpu")).shape == (1, 2)
