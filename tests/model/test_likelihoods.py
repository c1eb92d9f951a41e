"""log d(x|z) by hand, in float64."""

import math

import pytest
import torch

from ib_cli.contracts.errors import ConfigError
from ib_cli.contracts.passes import Spec
from ib_cli.model.blocks.likelihoods import Likelihood


def spec(shape=(2,), interval=(0.0, 1.0), levels=3) -> Spec:
    return Spec(input_shape=shape, classes=2, train_size=10, interval=interval, levels=levels)


def tensor(*values) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


H, X = tensor(0.5, -1.0), tensor(0.25, 1.0)


def test_gaussian():
    density = Likelihood("gaussian", 0.5, spec())(H)
    expected = -(0.25**2 + 2.0**2) / (2 * 0.5**2) - 2 * math.log(0.5 * math.sqrt(2 * math.pi))
    torch.testing.assert_close(density.log_prob(X), torch.tensor(expected, dtype=torch.float64))
    torch.testing.assert_close(density.mean, H)


def test_laplace():
    density = Likelihood("laplace", 0.5, spec())(H)
    expected = -(0.25 + 2.0) / 0.5 - 2 * math.log(2 * 0.5)
    torch.testing.assert_close(density.log_prob(X), torch.tensor(expected, dtype=torch.float64))
    torch.testing.assert_close(density.mean, H)


def test_bernoulli_takes_targets_between_0_and_1():
    density = Likelihood("bernoulli", 1.0, spec())(H)
    p = [1 / (1 + math.exp(-h)) for h in H.tolist()]
    expected = 0.25 * math.log(p[0]) + 0.75 * math.log(1 - p[0]) + math.log(p[1])
    torch.testing.assert_close(density.log_prob(X), torch.tensor(expected, dtype=torch.float64))
    torch.testing.assert_close(density.mean, tensor(*p))


def test_categorical_rounds_to_the_nearest_level():
    kind = Likelihood("categorical", 1.0, spec(interval=(-1.0, 1.0)))  # levels −1, 0, 1
    assert (kind.per_pixel, kind.shape, kind.parameters) == (3, (6,), 6)
    probabilities = tensor([0.2, 0.3, 0.5], [0.6, 0.3, 0.1])
    density = kind(probabilities.log().flatten() + 7)
    for x, expected in [
        ((-1.0, -1.0), 0.2 * 0.6),
        ((0.0, 1.0), 0.3 * 0.1),
        ((0.4, -0.6), 0.3 * 0.6),
        ((1.0000001, -1.0000001), 0.5 * 0.6),
    ]:
        torch.testing.assert_close(density.log_prob(tensor(*x)), torch.tensor(expected, dtype=torch.float64).log())
    torch.testing.assert_close(density.mean, tensor(0.5 - 0.2, 0.1 - 0.6))


def test_categorical_sums_to_one_over_all_images_and_samples_them():
    kind = Likelihood("categorical", 1.0, spec(shape=(1, 1, 2)))
    torch.manual_seed(0)
    density = kind(torch.randn(kind.shape, dtype=torch.float64))
    every = torch.cartesian_prod(tensor(0, 0.5, 1), tensor(0, 0.5, 1)).view(9, 1, 1, 2)
    torch.testing.assert_close(density.log_prob(every).exp().sum(), torch.tensor(1.0, dtype=torch.float64))
    samples = density.sample((20_000,))
    assert samples.shape == (20_000, 1, 1, 2) and set(samples.unique().tolist()) == {0.0, 0.5, 1.0}
    torch.testing.assert_close(samples.mean(0), density.mean, rtol=0, atol=0.02)


def test_every_level_of_eight_bits_finds_its_own_index():
    kind = Likelihood("categorical", 1.0, spec(shape=(256,), interval=(-1.0, 1.0), levels=256))
    logits = torch.eye(256) * 50
    x = torch.arange(256, dtype=torch.uint8).float() / 255 * 2 - 1
    torch.testing.assert_close(kind(logits.flatten()).log_prob(x), torch.tensor(0.0))


def test_parameters_of_a_pixel_stay_beside_its_channel():
    kind = Likelihood("categorical", 1.0, spec(shape=(2, 1, 3)))
    assert kind.shape == (6, 1, 3)
    h = torch.zeros(4, 6, 1, 3)
    h[:, 5] = 50.0  # the last level of the second channel
    density = kind(h)
    assert (density.batch_shape, density.event_shape) == ((4,), (2, 1, 3))
    torch.testing.assert_close(density.mean[:, 0], torch.full((4, 1, 3), 0.5))
    torch.testing.assert_close(density.mean[:, 1], torch.ones(4, 1, 3))


@pytest.mark.parametrize("kind", ["bernoulli", "gaussian", "laplace", "categorical"])
def test_sixteen_bit_parameters_are_summed_in_full_precision(kind):
    likelihood = Likelihood(kind, 1.0, spec(shape=(3, 4, 4)))
    assert (
        likelihood(torch.zeros(likelihood.shape, dtype=torch.bfloat16)).log_prob(torch.zeros(3, 4, 4)).dtype
        == torch.float32
    )


@pytest.mark.parametrize(
    "kind, interval, levels, message",
    [
        ("bernoulli", (-1.0, 1.0), 256, r"decoder.likelihood=bernoulli needs dataset.normalise=unit.* in \[-1, 1\]"),
        ("bernoulli", None, None, "decoder.likelihood=bernoulli needs dataset.normalise=unit.* any real number"),
        ("categorical", None, 256, "decoder.likelihood=categorical needs pixels with equally spaced levels"),
        ("categorical", (0.0, 1.0), None, "decoder.likelihood=categorical needs pixels with equally spaced levels"),
    ],
)
def test_data_that_do_not_suit_the_likelihood_are_one_clear_line(kind, interval, levels, message):
    with pytest.raises(ConfigError, match=message) as error:
        Likelihood(kind, 1.0, spec(interval=interval, levels=levels))
    assert "\n" not in str(error.value)
