"""The first epochs over several seeds: is the authors' run one of them, and when do components leave their centers?

Runs on another split of the labels than the first are left out: the spread is that of seeds.
"""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from exon.errors import UserError
from exon.evaluation import reference
from exon.evaluation.intervals import of_one_more
from exon.experiment import Experiment
from exon.runs import record

EPOCHS = 3
HALF_WAY = 2.0
"""In standard deviations of the prior: neighbouring centers of the circle are four apart."""


def kl_by_epoch(runs: list[Path]) -> pd.DataFrame:
    """KL of z given the label on the test images: columns beta, seed, epoch, kl_latent, for the first `EPOCHS` of each run."""
    return _gather(runs, lambda history: history[["epoch", "test_kl_latent"]].set_axis(["epoch", "kl_latent"], axis=1))


def distances(runs: list[Path]) -> pd.DataFrame:
    """How far each component lies from its center: columns beta, seed, epoch, component, distance (standard deviations).

    The Euclidean distance of the mean of component k over the images of label k, in two dimensions; without the runs whose
    history does not hold it.
    """

    def long(history: pd.DataFrame) -> pd.DataFrame:
        names = [name for name in history if str(name).startswith("test_center_distance_")]
        table = history.melt("epoch", names, "component", "distance")
        # the history has the root of the mean over both dimensions
        return table.assign(
            component=table["component"].str.extract(r"(\d+)$", expand=False).astype(int),
            distance=table["distance"] * 2**0.5,
        )

    return _gather(runs, long)


def authors_kl(beta: float) -> "pd.Series[float]":
    """The authors' KL of z given the label after each epoch, by epoch."""
    curve = reference.curve(Experiment.create(profile="paper", beta=beta))
    if curve is None:
        raise KeyError(beta)
    return curve.set_index("epoch")["test_kl_latent"]


def summary(runs: list[Path]) -> pd.DataFrame:
    """A row for each beta, as index, after `EPOCHS` epochs.

    Columns n, mean and sd: of the KL over seeds; authors: theirs; low and high: the 95 % interval of one more
    run (`exon.evaluation.intervals.of_one_more`); left_first and left: of ten components the mean number that are `HALF_WAY`
    or more from their center after the first epoch and now; n_left: over so many runs; stayed: the share of components that
    are on the same side of that distance at both times.
    """
    kl, far = kl_by_epoch(runs), distances(runs)
    rows = []
    for beta in sorted(kl["beta"].unique().tolist()):
        values = kl.loc[(kl["beta"] == beta) & (kl["epoch"] == EPOCHS), "kl_latent"].tolist()
        low, high = of_one_more(values) or (float("nan"), float("nan"))
        own = far[far["beta"] == beta].set_index(["seed", "component", "epoch"])["distance"].unstack() >= HALF_WAY
        away = own.mean() if len(own) else pd.Series(dtype=float)
        rows.append(
            {
                "beta": beta,
                "n": len(values),
                "mean": pd.Series(values).mean(),
                "sd": pd.Series(values).std(),
                "authors": authors_kl(beta)[EPOCHS],
                "low": low,
                "high": high,
                "n_left": own.index.get_level_values("seed").nunique(),
                "left_first": 10 * away.get(1, float("nan")),
                "left": 10 * away.get(EPOCHS, float("nan")),
                "stayed": (own[1] == own[EPOCHS]).mean() if len(own) else float("nan"),
            }
        )
    return pd.DataFrame(rows).set_index("beta")


def _gather(runs: list[Path], table_of: Callable[[pd.DataFrame], pd.DataFrame]) -> pd.DataFrame:
    tables = []
    for run in runs:
        experiment = record.experiment_of(run)
        history = pd.read_csv(run / "history.csv")
        if experiment.split_seed == 1:
            tables.append(
                table_of(history[history["epoch"] <= EPOCHS]).assign(beta=experiment.beta, seed=experiment.seed)
            )
    if not tables:
        raise UserError("none of these runs has split_seed = 1")
    return pd.concat(tables, ignore_index=True)
