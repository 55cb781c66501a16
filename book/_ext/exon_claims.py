"""The claims that pages make in words about several runs, each as a check that the build repeats.

CLAIMS: name -> the grids whose runs it reads, and the check of their folders.
"""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
from exon_figures import authors_at, authors_table, metrics_of


def series(runs: list[Path], metric: str, by: str = "beta") -> pd.Series:
    """The metric's mean over seeds, in order of a setting; runs without that setting are left out."""
    table = metrics_of(runs).dropna(subset=[by])
    return table[table["metric"] == metric].groupby(by)["value"].mean()


def falls(metric: str, by: str = "beta") -> Callable[[list[Path]], bool]:
    """The metric falls with every step of the setting."""
    return lambda runs: bool(series(runs, metric, by).is_monotonic_decreasing)


def rises(metric: str, by: str = "beta") -> Callable[[list[Path]], bool]:
    """The metric rises with every step of the setting."""
    return lambda runs: bool(series(runs, metric, by).is_monotonic_increasing)


def lowest_at(metric: str, value: float, by: str = "beta") -> Callable[[list[Path]], bool]:
    """The metric is lowest at this value of the setting."""
    return lambda runs: series(runs, metric, by).idxmin() == value


def authors_kl_is_exact(runs: list[Path]) -> bool:
    """The KL of the authors' table is the last point of their curve, corrected, to the three decimals they give."""
    table = authors_table().query("metric == 'kl'").set_index("beta")["value"]
    curve = authors_at(100, table.index.tolist()).query("metric == 'kl'").set_index("beta")["value"]
    return bool(((table - curve).abs() < 0.005).all())


CLAIMS: dict[str, tuple[str, Callable[[list[Path]], bool]]] = {
    "kl-falls": ("beta", falls("kl")),
    "ssim-lowest-at-50": ("beta", lowest_at("negative_ssim", 50.0)),
    "generation-lowest-at-5": ("beta", lowest_at("generation_error_pct", 5.0)),
    "v-nat-falls": ("beta", falls("v_nat")),
    "authors-kl-is-exact": ("beta", authors_kl_is_exact),
    "diversity-does-not-rise": ("prior_design", lambda runs: not rises("path_negative_ssim", "distance")(runs)),
}
