"""Scores from class probabilities and energies, against closed forms and the reference libraries."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from energan.metrics.scores import inception_score, modified_score, modified_score_ceiling, roc_auc
from energan.utils.errors import UserError


def probabilities(seed: int, n: int, k: int, sharpness: float = 3.0) -> Tensor:
    logits = torch.randn(n, k, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (sharpness * logits).softmax(1)


def kl(p: list[float], q: list[float]) -> float:
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a > 0)


tables = st.builds(
    probabilities,
    st.integers(0, 10**6),
    n=st.integers(1, 40),
    k=st.integers(2, 12),
    sharpness=st.floats(0, 60),
)


def test_inception_score_by_hand():
    p = torch.tensor([[0.9, 0.1], [0.2, 0.8]])
    marginal = [0.55, 0.45]
    expected = math.exp((kl([0.9, 0.1], marginal) + kl([0.2, 0.8], marginal)) / 2)
    assert inception_score(p) == (pytest.approx(expected, rel=1e-6), 0.0)


def test_inception_score_of_splits_by_hand():
    p = probabilities(0, 20, 10)
    first, second = (inception_score(half)[0] for half in p.split(10))
    mean, deviation = inception_score(p, splits=2)
    assert mean == pytest.approx((first + second) / 2)
    assert deviation == pytest.approx(abs(first - second) / 2)


@pytest.mark.filterwarnings("ignore:Metric `InceptionScore` will save:UserWarning")
@pytest.mark.filterwarnings("ignore:std\\(\\):UserWarning")
def test_inception_score_equals_torchmetrics():
    from torchmetrics.image.inception import InceptionScore

    p = probabilities(1, 300, 10)
    reference = InceptionScore(feature=torch.nn.Identity(), splits=1)
    reference.update(p.log())
    assert inception_score(p)[0] == pytest.approx(float(reference.compute()[0]), rel=1e-9)


def test_scores_of_the_two_extremes():
    uniform = torch.full((50, 10), 0.1)
    sure = torch.eye(10).repeat(5, 1)
    collapsed = torch.eye(10)[[3] * 50]
    assert inception_score(uniform)[0] == pytest.approx(1, abs=1e-6)
    assert inception_score(collapsed)[0] == pytest.approx(1, abs=1e-12)
    assert inception_score(sure)[0] == pytest.approx(10, rel=1e-12)
    assert modified_score(uniform) == pytest.approx(0, abs=1e-7)
    assert modified_score(collapsed) == pytest.approx(0, abs=1e-12)
    assert modified_score(sure) == pytest.approx(modified_score_ceiling(), rel=1e-12)


def test_modified_score_by_hand_is_the_swapped_divergence_without_exponential():
    p = torch.tensor([[0.9, 0.1], [0.2, 0.8]])
    marginal = [0.55, 0.45]
    expected = (kl(marginal, [0.9, 0.1]) + kl(marginal, [0.2, 0.8])) / 2
    assert modified_score(p) == pytest.approx(expected, rel=1e-6)


def test_modified_score_floors_then_renormalises():
    p = torch.tensor([[1.0, 0.0], [0.5, 0.5]], dtype=torch.float64)
    rows = [[1 / 1.01, 0.01 / 1.01], [0.5, 0.5]]
    marginal = [(a + b) / 2 for a, b in zip(*rows, strict=True)]
    expected = (kl(marginal, rows[0]) + kl(marginal, rows[1])) / 2
    assert modified_score(p, floor=0.01) == pytest.approx(expected, rel=1e-12)


def test_ceiling_at_the_usual_floor():
    # .9 ln(.1/eps) + .1 ln .1 = 10.131 up to the renormalisation
    assert modified_score_ceiling() == pytest.approx(0.9 * math.log(1e5) + 0.1 * math.log(0.1), abs=1e-4)
    assert modified_score_ceiling() == pytest.approx(10.131, abs=1e-3)


def test_the_ceiling_is_one_for_small_floors_only():
    nine = torch.eye(10)[:9]
    assert modified_score(nine, 1e-5) < modified_score_ceiling(10, 1e-5)
    assert modified_score(nine, 1e-3) > modified_score_ceiling(10, 1e-3)


@settings(deadline=None)
@given(tables, st.sampled_from([1e-5, 1e-6, 1e-9]))
def test_scores_stay_in_their_bounds(p, floor):
    k = p.shape[1]
    assert 1 - 1e-9 <= inception_score(p)[0] <= k + 1e-9
    assert -1e-12 <= modified_score(p, floor) <= modified_score_ceiling(k, floor) + 1e-9


@settings(deadline=None)
@given(tables, st.randoms(use_true_random=False))
def test_scores_ignore_the_order_of_samples_and_of_classes(p, random):
    rows = random.sample(range(len(p)), len(p))
    columns = random.sample(range(p.shape[1]), p.shape[1])
    shuffled = p[rows][:, columns]
    assert inception_score(shuffled)[0] == pytest.approx(inception_score(p)[0], rel=1e-9)
    assert modified_score(shuffled) == pytest.approx(modified_score(p), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("score", [inception_score, modified_score])
@pytest.mark.parametrize(
    ("table", "words"),
    [
        (torch.zeros(0, 10), "0 rows"),
        (torch.ones(4, 10), "sum to 1"),
        (torch.tensor([[1.5, -0.5]]), "at least 0"),
        (torch.tensor([[math.nan, 1.0]]), "NaN"),
        (torch.ones(4, 1), "2 classes"),
        (torch.ones(4), "floating"),
        (torch.ones(4, 10, dtype=torch.int64), "floating"),
    ],
)
def test_a_table_that_holds_no_probabilities_is_refused(score, table, words):
    with pytest.raises(UserError, match=words):
        score(table)


def test_impossible_settings_are_refused():
    p = probabilities(0, 5, 10)
    for splits in (0, 6):
        with pytest.raises(UserError, match="splits"):
            inception_score(p, splits)
    for floor in (0.0, 0.1, -1.0, math.nan):
        with pytest.raises(UserError, match="floor"):
            modified_score(p, floor)
        with pytest.raises(UserError, match="floor"):
            modified_score_ceiling(10, floor)
    with pytest.raises(UserError, match="at least 2"):
        modified_score_ceiling(1)


def test_roc_auc_of_known_sets():
    low, high = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([4.0, 5.0])
    assert roc_auc(low, high) == 1.0
    assert roc_auc(high, low) == 0.0
    assert roc_auc(low, low) == 0.5
    # of the 6 pairs, 4 are in order and 1 is a tie
    assert roc_auc(low, torch.tensor([2.0, 9.0])) == pytest.approx((4 + 0.5) / 6)


def test_roc_auc_of_two_gaussians():
    g = torch.Generator().manual_seed(0)
    inliers, outliers = torch.randn(20000, generator=g), torch.randn(20000, generator=g) + 1
    expected = 0.5 * (1 + math.erf(1 / 2))  # P(N(1, 2) > 0) = Phi(1/sqrt 2)
    assert roc_auc(inliers, outliers) == pytest.approx(expected, abs=0.01)


def test_roc_auc_refuses_what_cannot_be_ranked():
    good = torch.ones(3)
    for bad in (torch.zeros(0), torch.tensor([math.nan]), torch.ones(2, 2), torch.ones(2, dtype=torch.int64)):
        with pytest.raises(UserError, match="the outliers' energies"):
            roc_auc(good, bad)
        with pytest.raises(UserError, match="the inliers' energies"):
            roc_auc(bad, good)
