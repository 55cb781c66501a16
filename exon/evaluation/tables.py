"""What several runs measured, as tables read from their records, and the cells and paths of the ablation."""

from pathlib import Path

import pandas as pd

from exon.runs import judged

FACTORS = ("use_cross_entropy", "use_kl")
"""The two factors of the ablation, each on or off."""

CELLS = {(True, True): "both", (True, False): "no KL", (False, True): "no cross-entropy", (False, False): "neither"}
"""The levels of `FACTORS` -> what the cell is called."""

PATHS = {"lambda1": ("kl_weight", 1.0), "kl_weight": ("lambda1", 6000.0)}
"""A setting that one of the ablation's paths varies -> the other, and the value that it keeps."""


SETTINGS = ("beta", "distance", "lambda1", "learning_rate", "use_cross_entropy", "seed", "split_seed")
"""What `metrics_of` tells runs apart by, beside the factor on the KL."""


def metrics_of(runs: list[Path]) -> pd.DataFrame:
    """One row for each run and metric: the settings that figures are drawn against, seeds, metric, value.

    The factor on the KL is 0 where the KL is off. What hangs on the judge is left out where there are two (`exon.runs.judged`).
    """
    rows = []
    for content in judged.read(runs):
        experiment = content["experiment"]
        settings = {name: experiment[name] for name in SETTINGS}
        settings["kl_weight"] = experiment["kl_weight"] if experiment["use_kl"] else 0.0
        rows += [{**settings, "metric": name, "value": value} for name, value in content["metrics"].items()]
    return pd.DataFrame(rows)


def outcomes(runs: list[Path]) -> pd.DataFrame:
    """One row for each run: its settings, and its metrics; those of the judge as in `metrics_of`."""
    return pd.DataFrame([content["experiment"] | content["metrics"] for content in judged.read(runs)])


def measured(runs: list[Path], *metrics: str) -> pd.DataFrame:
    """Some metrics of the runs that have all of them: a row for each, a column for each metric.

    Raises:
        KeyError: no run has all of them.
    """
    table = outcomes(runs).reindex(columns=list(metrics)).dropna()
    if table.empty:
        raise KeyError(metrics[-1])
    return table


def along(setting: str, runs: list[Path]) -> pd.DataFrame:
    """`metrics_of` the runs on one path of the ablation, cross-entropy on."""
    table = metrics_of(runs)
    fixed, value = PATHS[setting]
    return table[table["use_cross_entropy"] & (table[fixed] == value)]
