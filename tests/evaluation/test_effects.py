import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from exon.errors import UserError
from exon.evaluation.effects import effects


def design(values):
    """Four cells of three runs each: (off, off), (off, on), (on, off), (on, on)."""
    rows = [(a, b, value) for (a, b), cell in values.items() for value in cell]
    return pd.DataFrame(rows, columns=["ce", "kl", "y"])


@given(st.lists(st.floats(-100, 100), min_size=12, max_size=12))
def test_effects_are_differences_of_means_with_t_intervals(numbers):
    cells = np.array(numbers).reshape(4, 3) + np.array([0, 0.5, 1])
    keys = [(False, False), (False, True), (True, False), (True, True)]
    result = effects(design(dict(zip(keys, cells, strict=True))), "ce", "kl", "y")
    mean = dict(zip(keys, cells.mean(1), strict=True))
    ce = (mean[True, True] + mean[True, False] - mean[False, True] - mean[False, False]) / 2
    kl = (mean[True, True] + mean[False, True] - mean[True, False] - mean[False, False]) / 2
    both = (mean[True, True] - mean[True, False]) - (mean[False, True] - mean[False, False])
    np.testing.assert_allclose(result["effect"], [ce, kl, both], atol=1e-8)
    deviation = np.sqrt(cells.var(1, ddof=1).mean())
    half = stats.t.ppf(0.975, 8) * deviation * np.sqrt(4 / 12)
    np.testing.assert_allclose((result["high"] - result["low"]) / 2, [half, half, 2 * half], rtol=1e-6)


def test_one_run_more_than_cells_is_enough():
    five = design({(False, False): [1.0, 2.0], (False, True): [3.0], (True, False): [4.0], (True, True): [5.0]})
    result = effects(five, "ce", "kl", "y")
    np.testing.assert_allclose(result["effect"], [2.25, 1.25, -0.5])


@pytest.mark.parametrize("left_out", [[0, 1, 2], list(range(4, 12)), [1, 2, 4, 5, 7, 8, 10, 11]])
def test_too_few_runs_are_named(left_out):
    full = design({(a, b): [1.0, 2.0, 3.0] for a in (False, True) for b in (False, True)})
    with pytest.raises(UserError, match=r"runs in \d cells of ce x kl: give runs in all four"):
        effects(full.drop(left_out), "ce", "kl", "y")
