"""Scores of novelty against closed forms and scikit-learn: Gaussian scores, ties, classes, sums, infinities."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from sklearn.metrics import auc, average_precision_score, precision_recall_curve, roc_auc_score

from ib_cli.contracts.errors import RunFailedError
from ib_cli.procedures.novelty_scores import LARGEST, Scale, checked, detection, detections


@pytest.mark.parametrize("shift", [0.0, 0.5, 2.0])
def test_auroc_of_gaussian_scores_is_the_closed_form(shift: float) -> None:
    """P(new > known) = Φ(shift/√2) for N(0, 1) and N(shift, 1); the standard error is that of Hanley and McNeil."""
    rng, n = np.random.default_rng(0), 4000
    found, _ = detection(rng.normal(size=n), rng.normal(shift, size=n))
    expected = (1 + math.erf(shift / 2)) / 2
    one, two = expected / (2 - expected), 2 * expected**2 / (1 + expected)
    variance = expected * (1 - expected) + (n - 1) * (one + two - 2 * expected**2)
    assert abs(found - expected) < 4 * math.sqrt(variance) / n


def test_both_measures_from_their_definitions() -> None:
    """All pairs, a tie counting half; and the precision at each recall, summed over the steps of recall."""
    rng = np.random.default_rng(1)
    known, new = rng.integers(0, 12, 60).astype(float), rng.integers(4, 16, 25).astype(float)
    auroc, auprc = detection(known, new)
    won = (new[:, None] > known).mean() + (new[:, None] == known).mean() / 2
    assert auroc == pytest.approx(won, abs=1e-12)
    steps = [(0.0, 0.0)]
    for threshold in sorted(set(np.concatenate([known, new])), reverse=True):
        hits, others = (new >= threshold).sum(), (known >= threshold).sum()
        steps.append((hits / len(new), hits / (hits + others)))
    assert auprc == pytest.approx(sum((b[0] - a[0]) * b[1] for a, b in pairwise(steps)), abs=1e-12)


@pytest.mark.parametrize("scores, auroc, auprc", [((0.0, 0.0), 0.5, 0.2), ((0.0, 1.0), 1.0, 1.0)])
def test_scores_that_say_nothing_and_all(scores: tuple[float, float], auroc: float, auprc: float) -> None:
    known, new = np.full(80, scores[0]), np.full(20, scores[1])
    assert detection(known, new) == pytest.approx((auroc, auprc), abs=1e-12)


def test_each_class_and_their_mean_are_scikit_learns() -> None:
    rng = np.random.default_rng(2)
    classes = rng.choice([1, 4, 7], 90)
    known = {"D": rng.normal(size=50), "R": rng.normal(size=50)}
    new = {"D": rng.normal(size=90) + classes / 3, "R": rng.normal(size=90)}
    told, of_classes = detections(known, new, classes)
    truth = np.r_[np.zeros(50), np.ones(90)]
    for name in known:
        values = np.r_[known[name], new[name]]
        assert told[f"auroc_{name}"] == roc_auc_score(truth, values)
        assert told[f"auprc_{name}"] == average_precision_score(truth, values)
        each_one = []
        for label in (1, 4, 7):
            rows = np.r_[np.full(50, True), classes == label]
            each_one.append(roc_auc_score(truth[rows], values[rows]))
            assert of_classes[f"auroc_{name}_class_{label}"] == each_one[-1]
            assert of_classes[f"auprc_{name}_class_{label}"] == average_precision_score(truth[rows], values[rows])
        assert told[f"auroc_{name}_mean"] == pytest.approx(np.mean(each_one))
    assert len(told) == 8 and len(of_classes) == 12
    precision, recall, _ = precision_recall_curve(truth, np.r_[known["D"], new["D"]])
    assert told["auprc_D"] == pytest.approx(auc(recall, precision), abs=0.01)


def test_the_sum_counts_each_score_by_its_deviation_in_training() -> None:
    rng = np.random.default_rng(3)
    train = {"D": rng.normal(100, 20, 500), "R": rng.normal(3, 0.5, 500)}
    scale = Scale.of(train)
    total = scale.with_sum(train)["sum"]
    assert total.mean() == pytest.approx(0, abs=1e-12)
    correlation = np.corrcoef(train["D"], train["R"])[0, 1]
    assert total.var() == pytest.approx(2 + 2 * correlation)
    found = scale.with_sum({"D": np.array([120.0]), "R": np.array([3.0])})
    expected = (120 - train["D"].mean()) / train["D"].std() + (3 - train["R"].mean()) / train["R"].std()
    assert found["sum"] == pytest.approx(expected) and found["D"] == 120


def test_a_score_that_never_changed_in_training_still_tells() -> None:
    scale = Scale.of({"R": np.zeros(10)})
    assert list(scale.with_sum({"R": np.array([0.0, 2.0])})["sum"]) == [0, 2]


def test_an_infinite_score_is_the_largest() -> None:
    train = {"D": np.array([1.0, 2.0, 3.0, np.inf]), "R": np.array([0.0, 1.0, 2.0, 3.0])}
    scale = Scale.of(train)
    assert scale.mean["D"] == 2 and scale.deviation["D"] == pytest.approx(np.std([1, 2, 3]))
    found = scale.with_sum({"D": np.array([np.inf, 1.0]), "R": np.array([0.0, 9.0])})["sum"]
    assert np.isfinite(found).all() and found[0] > found[1] and found[0] <= LARGEST
    assert detection(np.array([0.0, 1.0]), np.array([np.inf, np.inf])) == (1.0, 1.0)
    assert detection(np.array([0.0, np.inf]), np.array([-np.inf])) == (0.0, pytest.approx(1 / 3))


def test_a_score_that_is_no_number_is_told() -> None:
    with pytest.raises(RunFailedError, match="the score R of 2 of 3 others samples is not a number"):
        checked({"D": np.zeros(3), "R": np.array([0.0, np.nan, np.nan])}, "others")
