"""Joint tables: what is refused, their information, and the toy's."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ib_cli.datasets.toy_table import toy_table
from ib_cli.exact.table import Table


@pytest.mark.parametrize(
    "joint, wrong",
    [
        ([[0.5, 0.6], [-0.1, 0.0]], "negative"),
        ([[0.5, 0.4999]], "sums to 1"),
        ([[0.5, math.nan]], "finite"),
        ([0.5, 0.5], "shape"),
        (torch.zeros(0, 2), "shape"),
    ],
)
def test_what_is_no_joint_table_is_refused(joint: object, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        Table(joint)


def test_information_of_a_symmetric_channel() -> None:
    error = 0.1
    lost = -error * math.log(error) - (1 - error) * math.log(1 - error)
    table = Table([[0.5 * (1 - error), 0.5 * error], [0.5 * error, 0.5 * (1 - error)]])
    assert table.x_entropy == pytest.approx(math.log(2)) and table.y_entropy == pytest.approx(math.log(2))
    assert table.conditional_entropy == pytest.approx(lost)
    assert table.information == pytest.approx(math.log(2) - lost)


def test_rows_without_probability_change_nothing() -> None:
    with_row, without = Table([[0.3, 0.1], [0, 0], [0.2, 0.4]]), Table([[0.3, 0.1], [0.2, 0.4]])
    assert with_row.y_given_x.isfinite().all() and torch.equal(with_row.y_given_x[1], with_row.y)
    for name in ("x_entropy", "y_entropy", "conditional_entropy", "information"):
        assert getattr(with_row, name) == pytest.approx(getattr(without, name), abs=1e-15)


def test_float32_is_scaled_to_one() -> None:
    joint = torch.full((30, 7), 1 / 210, dtype=torch.float32)
    assert float(Table(joint).joint.sum()) == pytest.approx(1, abs=1e-15)


def test_the_toy_holds_half_a_nat() -> None:
    table = Table(toy_table())
    assert table.joint.shape == (30, 2)
    assert table.information == pytest.approx(0.5, abs=1e-12)
    assert table.y_entropy == pytest.approx(0.6108643020548935, abs=1e-12)
    assert (table.joint > 0).all()


def test_the_toys_bins_are_those_of_its_normals() -> None:
    joint = toy_table(bins=4, means=(0.25, 0.75), prior=0.5, information=0.3)
    assert joint.sum() == pytest.approx(1, abs=1e-14)
    np.testing.assert_allclose(joint, joint[::-1, ::-1], rtol=1e-12)  # as the means lie symmetrically
    inner = joint[1, 0] / 0.5  # from 0.25, the mean, to 0.5
    outer = joint[0, 0] / 0.5  # everything below the mean
    assert outer == pytest.approx(0.5) and inner == pytest.approx(0.5 - joint[2:, 0].sum() / 0.5)


def test_more_information_than_the_label_has_is_refused() -> None:
    with pytest.raises(ValueError, match="information"):
        toy_table(information=0.62)
    with pytest.raises(ValueError, match="information"):
        toy_table(means=(0.5, 0.5))
