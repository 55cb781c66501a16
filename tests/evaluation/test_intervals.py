import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from exon.evaluation.intervals import Spread, pooled, prediction_interval, t_interval

VALUES = st.lists(st.floats(-100, 100), min_size=2, max_size=6)


@given(VALUES)
def test_the_spread_of_one_group_is_its_standard_deviation(values):
    spread = pooled([values])
    assert spread.df == len(values) - 1
    assert spread.sd == pytest.approx(np.std(values, ddof=1), abs=1e-9)


@given(st.lists(VALUES, min_size=1, max_size=4))
def test_the_pooled_spread_is_the_residual_spread_about_group_means(groups):
    residuals = np.concatenate([np.array(values) - np.mean(values) for values in groups])
    df = len(residuals) - len(groups)
    assert pooled([*groups, [3.0]]) == pytest.approx((np.sqrt((residuals**2).sum() / df), df), abs=1e-9)


def test_the_interval_of_a_mean_is_students():
    values = [1.0, 2.0, 6.0, 3.5]
    assert t_interval(values, 0.9) == pytest.approx(stats.t.interval(0.9, 3, np.mean(values), stats.sem(values)))
    assert t_interval([2.5]) == (2.5, 2.5)


def test_single_values_have_no_spread():
    assert pooled([[1.0], [2.0]]) is None


def test_the_interval_is_that_of_the_textbook():
    low, high = prediction_interval([3.0, 5.0, 7.0], Spread(2.0, 2))
    half = stats.t.ppf(0.975, 2) * 2 * np.sqrt(4 / 3)
    assert (low, high) == pytest.approx((5 - half, 5 + half))


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_interval_holds_a_further_value_as_often_as_it_says(level):
    draws = np.random.default_rng(1).normal(size=(2000, 5))
    held = 0
    for *values, further in draws.tolist():
        low, high = prediction_interval(values, pooled([values]), level)
        held += low <= further <= high
    assert held / len(draws) == pytest.approx(level, abs=0.025)
