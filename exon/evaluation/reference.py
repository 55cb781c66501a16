"""The authors' published numbers and learning curves, kept in results/reference (an-seunghwan/EXoN_official)."""

import pandas as pd

from exon.errors import UserError
from exon.experiment import Experiment
from exon.files import from_root


def table(name: str) -> pd.DataFrame:
    """results/reference/<name>.csv.

    Raises:
        UserError: there is no such table.
    """
    path = from_root(f"results/reference/{name}.csv")
    if not path.exists():
        raise UserError(
            f"{path} does not exist: give one of {', '.join(sorted(p.stem for p in path.parent.glob('*.csv')))}."
        )
    return pd.read_csv(path)


def curve(experiment: Experiment) -> pd.DataFrame | None:
    """The authors' test curve at the same settings, or None where they have none: one row per epoch, counted from 1.

    Columns test_error_pct, test_recon, test_kl_label, test_kl_latent. Their means divide the last, partial batch of 16
    images by 128; the factor 79 * 128 / 10000 = 1.0112 puts that right.
    """
    paper = Experiment.create(dataset=experiment.dataset, profile="paper", beta=experiment.beta)
    indifferent = ("profile", "epochs", "seed", "split_seed", "device")
    ours = experiment.model_copy(update={name: getattr(paper, name) for name in indifferent})
    curves = table(f"curves_{experiment.dataset}")
    curves = curves[curves["beta"] == experiment.beta]
    if ours != paper or curves.empty:
        return None
    wide = curves.pivot_table(index="epoch", columns="metric", values="value")
    terms = {f"test_{name}": wide[name] * 79 * 128 / 10_000 for name in ("recon", "kl_label", "kl_latent")}
    error = 100 * (1 - wide["test_accuracy"])
    return pd.DataFrame({"test_error_pct": error, **terms}).reset_index().assign(epoch=lambda t: t["epoch"] + 1)


def at_epoch(epoch: int, betas: list[float]) -> pd.DataFrame:
    """The authors' test values on MNIST after an epoch, corrected; columns beta, metric, value."""
    rows = []
    for beta in betas:
        authors = curve(Experiment.create(profile="paper", beta=beta))
        if authors is not None:
            values = authors.set_index("epoch").loc[epoch]
            terms = {name.removeprefix("test_"): values[name] for name in authors.columns if name != "epoch"}
            terms["kl"] = terms["kl_label"] + terms["kl_latent"]
            terms["test_error_pct"] = terms.pop("error_pct")
            rows += [{"beta": beta, "metric": name, "value": value} for name, value in terms.items()]
    return pd.DataFrame(rows)


def paper(dataset: str = "mnist") -> pd.DataFrame:
    """The paper's table of a data set: columns beta, metric, value, sd, n."""
    rows = table("paper")
    return rows[rows["dataset"] == dataset]
