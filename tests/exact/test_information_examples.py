"""Small exact examples of Unpacking and TherML: the chain rule, all identities of App. A.1, A.4, A.5 and A.8."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ib_cli.estimators.categorical import categorical_information
from ib_cli.estimators.mixture import mixture_information
from ib_cli.exact.table import Table, entropy

NOISE = 1 / math.sqrt(2 * math.pi * math.e)  # of entropy 0


def joint_entropy(p: Tensor, *kept: int) -> float:
    """H of these axes of a table p, in nats."""
    left = [axis for axis in range(p.dim()) if axis not in kept]
    return float(entropy((p.sum(left) if left else p).flatten()))


def information(p: Tensor, a: tuple[int, ...], b: tuple[int, ...], given: tuple[int, ...] = ()) -> float:
    """I(A; B | given) of a table p, in nats."""
    of = [joint_entropy(p, *sorted({*axes})) for axes in ((*a, *given), (*b, *given), (*a, *b, *given))]
    return of[0] + of[1] - of[2] - (joint_entropy(p, *given) if given else 0)


@pytest.fixture
def p() -> Tensor:
    """p(x, y) q(z|x), (5, 3, 4)."""
    draws = torch.Generator().manual_seed(4)
    joint = torch.rand(5, 3, generator=draws).double() ** 2
    q = (2 * torch.randn(5, 4, generator=draws).double()).softmax(1)
    return (joint / joint.sum()).unsqueeze(2) * q.unsqueeze(1)


def test_the_information_of_parameters_and_input_adds_up() -> None:
    """TherML (10) and (42): I(Z;X,Θ) = I(Z;X) + I(Z;Θ|X), for z that depends on x and a θ that is drawn."""
    draws = torch.Generator().manual_seed(0)
    x, theta = (torch.rand(n, generator=draws).double() for n in (4, 3))
    q = torch.rand(4, 3, 5, generator=draws).double()
    p = (x / x.sum())[:, None, None] * (theta / theta.sum())[None, :, None] * q / q.sum(-1, keepdim=True)
    whole = information(p, (2,), (0, 1))
    assert whole == pytest.approx(information(p, (2,), (0,)) + information(p, (2,), (1,), (0,)), abs=1e-12)
    assert information(p, (2,), (1,), (0,)) > 0.01 and information(p, (0,), (1,)) == pytest.approx(0, abs=1e-12)


def test_the_identities_of_the_diagram(p: Tensor) -> None:
    """Unpacking (6) to (21), from joint entropies of a table with y that is noisy given x."""
    X, Y, Z = 0, 1, 2
    H = {"X": joint_entropy(p, X), "Y": joint_entropy(p, Y), "Z": joint_entropy(p, Z)}
    I_xy, I_xz, I_yz = (information(p, (a,), (b,)) for a, b in ((X, Y), (X, Z), (Y, Z)))
    left, spare = information(p, (X,), (Y,), (Z,)), information(p, (X,), (Z,), (Y,))
    y_z, z_y, y_x, z_x = H["Y"] - I_yz, H["Z"] - I_yz, H["Y"] - I_xy, H["Z"] - I_xz
    pairs = [
        (I_xy, left + I_yz), (I_xz, spare + I_yz), (y_z, left + y_x), (z_y, spare + z_x),  # (6) to (9)
        (H["Y"], y_x + I_yz + left), (H["Z"], z_x + I_yz + spare),  # (11), (12)
        (left, y_z - y_x), (spare, z_y - z_x), (z_y + H["Y"], y_z + H["Z"]),  # (15), (16), (20)
        (y_z + z_y, 2 * y_z + H["Z"] - H["Y"]),  # (19), (21)
    ]  # fmt: skip
    for this, other in pairs:
        assert this == pytest.approx(other, abs=1e-12)
    rows = p.sum(2).flatten()  # the estimator takes samples: cells of x and y, as often as they weigh
    q = (p.sum(1) / p.sum((1, 2)).unsqueeze(1)).repeat_interleave(3, 0)
    found = categorical_information(q, torch.arange(3).repeat(5), rows, noise=y_x)
    for name, value in (("H[Z]", H["Z"]), ("I[X;Z]", I_xz), ("I[Y;Z]", I_yz), ("H[Y|Z]", y_z), ("I[X;Z|Y]", spare),
                        ("H[Z|Y]", z_y), ("H[Z|X]", z_x), ("I[X;Y|Z]", left)):  # fmt: skip
        assert found[name].value == pytest.approx(value, abs=1e-12), name


def test_nuisance_is_split_by_the_redundant_information(p: Tensor) -> None:
    """(10) prints H[X|Y] = H[X|Y,Z] + I[X;Z]; what holds has I[X;Z|Y], and the two differ by I[Y;Z]."""
    of_y = joint_entropy(p, 0, 1) - joint_entropy(p, 1)
    of_both = joint_entropy(p, 0, 1, 2) - joint_entropy(p, 1, 2)
    assert of_y - of_both == pytest.approx(information(p, (0,), (2,), (1,)), abs=1e-12)
    told = information(p, (1,), (2,))
    assert told > 0.01 and information(p, (0,), (2,)) - (of_y - of_both) == pytest.approx(told, abs=1e-12)


def test_information_that_three_variables_share_may_be_negative() -> None:
    """Two fair bits and their sum modulo 2: I[X;Y;Z] = I[X;Y] − I[X;Y|Z] = −ln 2. Not so where z depends on x alone."""
    p = torch.zeros(2, 2, 2).double()
    for x in range(2):
        for y in range(2):
            p[x, y, x ^ y] = 0.25
    shared = information(p, (0,), (1,)) - information(p, (0,), (1,), (2,))
    assert shared == pytest.approx(-math.log(2), abs=1e-12)
    assert information(p, (1,), (2,), (0,)) == pytest.approx(math.log(2), abs=1e-12)  # 0 in Unpacking's model


@pytest.mark.parametrize("bins", [10, 100, 1000])
def test_mixed_entropies_make_a_negative_information(bins: int) -> None:
    """A.4: X ~ U[0, 0.1], Z = X + R, R ∈ {0, 1}: differential H[Z] less discrete H[Z|X] is ln 0.1 for any bins; the
    information of the table itself is H[X] = ln bins, which grows without end."""
    width = 0.1 / bins
    table = Table(torch.eye(bins).double().repeat(1, 2) / (2 * bins))  # x in its bin, z in [0, 0.1] or [1, 1.1]
    differential = table.y_entropy + math.log(width)  # H[Z] of a density that is constant in each bin
    assert differential == pytest.approx(math.log(0.2), abs=1e-9)
    assert differential - table.conditional_entropy == pytest.approx(math.log(0.1), abs=1e-9)  # below 0
    assert table.information == pytest.approx(math.log(bins), abs=1e-9)


GRID = torch.linspace(-8, 8, 16_001, dtype=torch.float64)


def on_a_line(mean: Tensor, y: Tensor) -> dict[str, Tensor]:
    """H[Z], H[Z|Y] and H[Y|Z] of z = mean + ε, ε ~ N(0, NOISE²), by integration over a line, in nats (A.8)."""
    log_q = -0.5 * ((GRID[:, None] - mean) / NOISE).square() - math.log(NOISE) - 0.5 * math.log(2 * math.pi)
    step, classes = GRID[1] - GRID[0], y.unique().tolist()
    log_z = log_q.logsumexp(1) - math.log(len(mean))
    H_z = -(log_z.exp() * log_z).sum() * step
    H_zy, H_yz = torch.zeros(()).double(), torch.zeros(()).double()
    for label in classes:
        own = log_q[:, y == label]
        share = own.shape[1] / len(mean)
        log_zy = own.logsumexp(1) - math.log(own.shape[1])
        H_zy = H_zy - share * (log_zy.exp() * log_zy).sum() * step
        log_y = own.logsumexp(1) - log_q.logsumexp(1)  # a softmax over −‖z − μ_i‖²/2σ², summed over the class
        H_yz = H_yz - (log_z.exp() * log_y.exp() * log_y).sum() * step
    return {"H[Z]": H_z, "H[Z|Y]": H_zy, "H[Y|Z]": H_yz}


LABELS = torch.tensor([0, 0, 1, 1])


def test_noise_of_entropy_zero_is_the_least_of_a_class() -> None:
    """A.5 and A.8: 0 = H[ε] ≤ H[Z|Y] ≤ H[Z], with equality on the left for a map that is constant on each class."""
    spread = on_a_line(torch.tensor([-2.0, -1.0, 1.0, 2.5]).double(), LABELS)
    assert 0.1 < spread["H[Z|Y]"] < spread["H[Z]"]
    tight = on_a_line(torch.tensor([-1.0, -1.0, 1.0, 1.0]).double(), LABELS)
    assert float(tight["H[Z|Y]"]) == pytest.approx(0, abs=1e-9)
    for found in (spread, tight):
        expected = found["H[Z|Y]"] - found["H[Z]"] + math.log(2)
        assert float(found["H[Y|Z]"]) == pytest.approx(float(expected), abs=1e-9)


def test_classes_that_lie_apart_leave_nothing_of_the_label() -> None:
    """A.8: H[Y|Z] falls as the clusters part: from H[Y] = ln 2 where they are one, to 0."""
    left = [
        float(on_a_line(d * torch.tensor([-1.0, -1.0, 1.0, 1.0]).double(), LABELS)["H[Y|Z]"])
        for d in (0.0, 0.1, 0.3, 1.0, 3.0)
    ]
    assert left[0] == pytest.approx(math.log(2), abs=1e-9) and left[-1] < 1e-9
    assert left == sorted(left, reverse=True)


def test_lower_entropies_of_a_class_draw_its_members_together() -> None:
    """A.8's two forces: −∂H[Z|Y]/∂μ points from each member to the centre of its own class, whatever the others do;
    −∂H[Y|Z]/∂μ points away from the other class."""
    mean = torch.tensor([-1.2, -0.8, 0.2, 0.6]).double().requires_grad_()
    found = on_a_line(mean, LABELS)
    (inwards,) = torch.autograd.grad(-found["H[Z|Y]"], mean, retain_graph=True)
    assert (inwards.sign() == torch.tensor([1, -1, 1, -1])).all()
    (apart,) = torch.autograd.grad(-found["H[Y|Z]"], mean)
    assert apart[1] < 0 < apart[2]


def test_the_estimate_that_knows_the_noise_agrees() -> None:
    """The Monte-Carlo sandwich of runs, on many draws of the same four means."""
    mean = torch.tensor([-1.0, -0.5, 0.3, 1.0]).double()
    exact = on_a_line(mean, LABELS)
    many = 500
    found = mixture_information(mean.repeat(many)[:, None], torch.tensor([NOISE]).double(), LABELS.repeat(many))
    for name in ("H[Z]", "H[Z|Y]"):
        assert found[name].value == pytest.approx(float(exact[name]), abs=0.03)
