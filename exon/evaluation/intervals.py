"""Student's t intervals from a few seeds: of their mean, and of where further seeds should lie."""

import statistics
from collections.abc import Iterable, Sequence
from typing import NamedTuple


def t_interval(values: Iterable[float], level: float = 0.95) -> tuple[float, float]:
    """mean ± t sd / sqrt(n), with n - 1 degrees of freedom: the interval of a mean; of a single value the value itself."""
    sample = [float(value) for value in values]
    if len(sample) == 1:
        return sample[0], sample[0]
    from scipy.stats import t  # not above: a mistake is named before SciPy is loaded

    mean, sd = statistics.fmean(sample), statistics.stdev(sample)
    half = float(t.ppf((1 + level) / 2, len(sample) - 1)) * sd / len(sample) ** 0.5
    return mean - half, mean + half


def of_three_or_more(values: Sequence[float]) -> tuple[float, float]:
    """`t_interval` as a figure shows it: of two values its length is nil, as that of one, since it would hide all else."""
    return t_interval(values) if len(values) > 2 else t_interval([statistics.fmean(values)])


class Spread(NamedTuple):
    """A standard deviation and the degrees of freedom that it rests on."""

    sd: float
    df: int


def pooled(groups: Iterable[Sequence[float]]) -> Spread | None:
    """The standard deviation that several settings share, each about its own mean:

        sd^2 = sum_g sum_i (y_gi - mean_g)^2 / df,    df = sum_g (n_g - 1).

    Of a single group it is the usual sample standard deviation. None where no group has two values.

    Args:
        groups: for each setting its values over seeds.
    """
    squares, df = 0.0, 0
    for values in groups:
        mean = sum(values) / len(values)
        squares += sum((value - mean) ** 2 for value in values)
        df += len(values) - 1
    return Spread((squares / df) ** 0.5, df) if df else None


SEEDS = 3
"""Fewer runs have no interval of one more, which would be wider than anything that is held against it."""


def of_one_more(values: Sequence[float]) -> tuple[float, float] | None:
    """`prediction_interval` of one more run, by the spread of these alone; None where there are fewer than `SEEDS`."""
    spread = pooled([values])
    return prediction_interval(values, spread) if spread and len(values) >= SEEDS else None


def prediction_interval(
    values: Sequence[float], spread: Spread, level: float = 0.95, further: int = 1
) -> tuple[float, float]:
    """mean ± t sd sqrt(1/m + 1/n): holds the mean of m further values of the same normal distribution with probability `level`.

    t is the (1 + level) / 2 quantile of Student's t with `spread.df` degrees of freedom. As a measure of replication:
    Patil, Peng and Leek (2016), What should researchers expect when they replicate studies?

    Args:
        values: n measured values, at least one.
        spread: of these values, or pooled over similar settings.
        further: m.
    """
    from scipy.stats import t

    n = len(values)
    mean = sum(values) / n
    half = float(t.ppf((1 + level) / 2, spread.df)) * spread.sd * (1 / further + 1 / n) ** 0.5
    return mean - half, mean + half
