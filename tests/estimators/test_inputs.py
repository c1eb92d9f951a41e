"""Numbers and labels from whatever holds them: the obvious meaning, or one line."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from ib_cli.estimators import Estimate, entropy, information_plane, mutual_information, total_correlation
from ib_cli.estimators.categorical import categorical_information
from ib_cli.estimators.gaussian import gaussian_information, gaussian_mutual_information
from ib_cli.estimators.inputs import given, labelled
from ib_cli.estimators.mixture import mixture_information
from tests.families import family

N = 400
Y = torch.randint(0, 3, (N,), generator=torch.Generator().manual_seed(0))
Z = torch.randn(N, 2, generator=torch.Generator().manual_seed(1)) + Y.unsqueeze(1)
NAMES = np.array(["cat", "ape", "dog"])[Y.numpy()]

LABELS: dict[str, Any] = {
    "uint8": Y.to(torch.uint8),
    "uint64": Y.numpy().astype(np.uint64) + np.uint64(2**63),
    "other numbers": (7 * Y + 2) % 5 - 100,
    "column": Y.unsqueeze(1),
    "strings": NAMES,
    "objects": NAMES.astype(object),
    "list": Y.tolist(),
    "large": [10**30 + label for label in Y.tolist()],
    "series": pd.Series(Y.numpy()),
    "frame": pd.DataFrame({"y": NAMES}),
    "category": pd.Series(NAMES).astype("category"),
    "nullable": pd.Series(Y.numpy(), dtype="Int64"),
}
NUMBERS: dict[str, Any] = {
    "array": Z.numpy(),
    "long double": Z.numpy().astype(np.longdouble),
    "big endian": Z.numpy().astype(">f8"),
    "read only": np.broadcast_to(Z.numpy(), Z.shape),
    "reversed twice": Z.numpy()[::-1].copy()[::-1],
    "list": Z.double().tolist(),
    "frame": pd.DataFrame(Z.numpy()),
    "with gradient": Z.clone().requires_grad_(),
    "objects": Z.numpy().astype(object),
}


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("estimator", family(["kraskov", "gao", "gaussian", "binned"], quick=["kraskov", "gaussian"]))
def test_labels_of_any_kind_and_name_are_the_same_labels(kind: str, estimator: str) -> None:
    truth = mutual_information(Z, Y, estimator)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for pair in ((Z, LABELS[kind]), (LABELS[kind], Z)):
            assert mutual_information(*pair, estimator).value == pytest.approx(truth.value, abs=1e-12)


@pytest.mark.parametrize("kind", family(list(NUMBERS), every=2))
def test_numbers_of_any_kind_are_the_same_numbers(kind: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for estimator in ("kraskov", "gaussian", "binned"):
            assert entropy(NUMBERS[kind], estimator).value == pytest.approx(entropy(Z, estimator).value, abs=1e-5)
        assert total_correlation(NUMBERS[kind]).value == pytest.approx(total_correlation(Z).value, abs=1e-5)
        assert mutual_information(NUMBERS[kind], Y).value == pytest.approx(mutual_information(Z, Y).value, abs=1e-5)


def test_booleans_are_labels() -> None:
    truth = mutual_information(Z, (Y > 0).long()).value
    for held in (Y > 0, (Y > 0).numpy(), (Y > 0).tolist(), np.array((Y > 0).tolist(), dtype=object)):
        assert mutual_information(Z, held).value == truth


def test_labels_do_not_pass_for_numbers() -> None:
    """`mutual_information(z, y, "gaussian")` said 1.918 where ln 3 is the most, and another value for other names."""
    y = torch.randint(0, 3, (2000,), generator=torch.Generator().manual_seed(2))
    z = torch.randn(2000, 2, generator=torch.Generator().manual_seed(3)) + 9 * y.unsqueeze(1)
    found, renamed = (mutual_information(z, names, "gaussian") for names in (y, (y + 1) % 3))
    assert found.value == pytest.approx(renamed.value, abs=1e-12)
    assert found.saturated and "exceeds H[Y]" in found.reason
    assert mutual_information(z, y, "gao").value == pytest.approx(math.log(3), abs=0.01)
    for labels in (Y, Y > 0, NAMES):
        for takes_none in (
            lambda y: mutual_information(Z, y, "copula"),
            lambda y: gaussian_mutual_information(Z, y),
            lambda y: entropy(y),
            lambda y: entropy(y, "gaussian"),
            lambda y: total_correlation(y),
            lambda y: information_plane(y, Y),
        ):
            with pytest.raises(ValueError, match="floating point"):
                takes_none(labels)


@pytest.mark.parametrize("estimator", ["kraskov", "gaussian", "copula"])
def test_numbers_that_look_like_labels_are_flagged(estimator: str) -> None:
    for held in (Y.double(), Y.double().unsqueeze(1), Y.float().numpy()):
        found = mutual_information(Z, held, estimator)
        assert found.saturated and "looks like labels" in found.reason


def test_labels_against_labels_and_alone_are_counted() -> None:
    other = torch.where(torch.arange(N) % 4 == 0, 0, Y)
    joint = torch.zeros(3, 3).index_put_((Y, other), torch.tensor(1 / N), accumulate=True).double()
    entr = torch.special.entr
    truth = float(entr(joint.sum(0)).sum() + entr(joint.sum(1)).sum() - entr(joint).sum())
    for pair in ((Y, other), (NAMES, other), (1000 * Y, other)):
        assert mutual_information(*pair, "binned").value == pytest.approx(truth, abs=1e-6)
    assert entropy(1000 * Y, "binned").value == pytest.approx(float(entr(joint.sum(1)).sum()), abs=1e-6)
    with pytest.raises(ValueError, match="bins: labels are counted without bins"):
        entropy(Y, "binned", bins=3)


def test_other_functions_take_the_same_labels() -> None:
    table = torch.softmax(Z, 1)
    for kind in ("strings", "column", "list"):
        for of in (
            lambda y: mixture_information(Z, 0.5, y),
            lambda y: gaussian_information(Z, y),
            lambda y: categorical_information(table, y),
            lambda y: {each.quantity: each for each in information_plane(Z, y, estimators=["gaussian"])},
        ):
            assert of(LABELS[kind])["H[Y|Z]"].value == pytest.approx(of(Y)["H[Y|Z]"].value, abs=1e-9)


@pytest.mark.parametrize(
    "k", family([[3, 5], (3, 5), np.array([3, 5]), torch.tensor([3, 5]), range(3, 6, 2)], every=2, whole=True)
)
def test_several_numbers_of_neighbours_give_a_list(k: Any) -> None:
    for found in (mutual_information(Z, Y, k=k), mutual_information(Z, Z + 1, k=k), entropy(Z, k=k)):
        assert isinstance(found, list) and [each.k for each in found] == [3, 5]
    with pytest.raises(ValueError, match="k must be one positive integer"):
        total_correlation(Z, "kraskov", k=k)
    assert entropy(Z, k=np.int64(5)) == entropy(Z, k=5)
    assert information_plane(Z, Y, estimators="kraskov", k=np.int64(5)) == information_plane(
        Z, Y, estimators=["kraskov"], k=5
    )


def test_one_dimension_has_no_total_correlation() -> None:
    for estimator in ("kraskov", "gaussian", "copula"):
        assert total_correlation(Z[:, 0], estimator).value == pytest.approx(0, abs=1e-9)


GAP = pd.Series([1, None, 2], dtype="Int64")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (None, r"must have the shape \(samples,\)"),
        (3.0, r"must have the shape \(samples,\)"),
        (torch.zeros(0, 2), r"not \(0, 2\)"),
        ([[1.0, 2.0], [3.0]], "rows of one length"),
        (torch.zeros(9, dtype=torch.complex64), "must be real"),
        (np.zeros(9, dtype=complex), "must be real"),
        (np.array(["2020-01-01"] * 9, dtype="datetime64[D]"), "numbers or labels, not datetime64"),
        (["a", 1.0, None], "all numbers or all labels, but it has NoneType, float, str"),
        (pd.Series(["a", None, "b"], dtype=object), "all numbers or all labels"),
        (np.array([{}, {}]), "all numbers or all labels, but it has dict"),
        (np.ma.masked_greater(np.arange(9.0), 5), "masked values"),
        (torch.eye(9).to_sparse(), "dense"),
        (np.zeros(9, dtype=[("a", "f4")]), "numbers or labels"),
    ],
)
def test_what_is_neither_is_one_line(values: Any, message: str) -> None:
    for call in (entropy, total_correlation, lambda z: mutual_information(z, Z), lambda z: mutual_information(Z, z)):
        with pytest.raises(ValueError, match=message) as caught:
            call(values)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mutual_information(Z, Y[:5]), "as many samples: 400 is not 5"),
        (lambda: mutual_information(Z, torch.eye(N, 3).long()), r"labels must have the shape \(samples,\)"),
        (lambda: entropy(Z, k=3.0), "k must be one or more positive integers, not 3.0"),
        (lambda: entropy(Z, k="3"), "k must be one or more positive integers, not '3'"),
        (lambda: entropy(Z, k=True), "k must be one or more positive integers, not True"),
        (lambda: entropy(Z, "gaussian", k=3), "gaussian has no option k here: it has none"),
        (lambda: entropy(Z, bins=3), "kraskov has no option bins here"),
        (lambda: mutual_information(Z, Z, "other"), "there are kraskov, gao, gaussian, copula, binned"),
        (lambda: total_correlation(Z.unsqueeze(2), "kraskov"), r"\(samples, dimensions\), not \(400, 2, 1\)"),
        (lambda: information_plane(Z, Y, mean=Z[1:], scale=1.0), "mean and z must have as many samples"),
        (lambda: information_plane(Z, Y, estimators=["other"]), "there is no other; there are mixture"),
        (lambda: information_plane(Z, Y, k=[3, 5]), "k must be one positive integer"),
        (lambda: information_plane(Z, Y, k=2.5), "k must be one or more positive integers, not 2.5"),
        (lambda: mutual_information(Z, Y, "binned", bins=2.5), "bins must be 1 or more, not 2.5"),
        (lambda: information_plane(Z, Y.double()), "labels must be integers, not torch.float64"),
    ],
)
def test_what_does_not_fit_is_one_line(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_missing_numbers_are_told() -> None:
    assert given(GAP.astype("Float64"), "z").isnan().sum() == 1
    with pytest.raises(ValueError, match="NaN or infinite"):
        entropy(pd.Series([1.0, None, 2.0, 3.0]), "gaussian")
    assert labelled(given([1, 2], "y")) and not labelled(given([1.0, 2.0], "y"))


def test_a_total_correlation_has_the_flags_and_reasons_of_its_parts() -> None:
    constant = total_correlation(torch.cat([Z, torch.ones(N, 1)], 1), "kraskov")
    assert constant.value is None and "H of dimension 2" in constant.reason and "constant" in constant.reason
    atoms = total_correlation(torch.cat([Z, Z[:, :1].relu()], 1), "kraskov")
    assert atoms.value is None and atoms.saturated and "H of dimension 2" in atoms.reason
    steps = total_correlation(Z + 5 * (torch.arange(N) % 40).unsqueeze(1), "kraskov", sweep=(1, 200))
    assert isinstance(steps, Estimate) and steps.drift_k is not None
    assert steps.saturated and "moves by" in steps.reason
