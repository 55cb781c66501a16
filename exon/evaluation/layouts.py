"""Layouts of the prior's centers on MNIST: do the codes follow whatever centers are assigned?"""

from pathlib import Path

import pandas as pd
import torch

from exon import metrics
from exon.experiment import Experiment
from exon.runs import record


def title(experiment: Experiment) -> str:
    """A layout in words: "circle", "two rows", "circle, 0 and 5 exchanged", or the labels in the order of the centers."""
    shape = {"grid": "two rows"}.get(experiment.prior, experiment.prior)
    if experiment.order is None:
        return shape
    moved = [label for label, place in enumerate(experiment.order) if label != place]
    return f"{shape}, " + (
        f"{moved[0]} and {moved[1]} exchanged"
        if len(moved) == 2
        else " ".join(str(experiment.order.index(place)) for place in range(len(experiment.order)))
    )


def summary(runs: list[Path]) -> pd.DataFrame:
    """A row for each run, by the layout's title: its metrics, and of a layout in another order two shares.

    assigned_pct: of the codes of the labels that have another place than in the layout's own order, the share nearest to the
    center assigned; own_order_pct: that nearest to the center that the layout's own order has for the label. Both in percent,
    not a number where no label has another place.
    """
    titles, rows = [], []
    for run in runs:
        content = record.read(run)
        experiment = Experiment(**content["experiment"])
        row = content["metrics"] | {"assigned_pct": float("nan"), "own_order_pct": float("nan")}
        if experiment.order is not None:
            arrays = record.arrays(run)
            labels = arrays["labels"].long()
            elsewhere = torch.tensor(experiment.order)[labels] != labels
            z, labels = arrays["z"][elsewhere], labels[elsewhere]
            own_order = experiment.model_copy(update={"order": None}).build_prior()
            row["assigned_pct"] = 100 - metrics.center_error_pct(z, labels, experiment.build_prior())
            row["own_order_pct"] = 100 - metrics.center_error_pct(z, labels, own_order)
        titles.append(title(experiment))
        rows.append(row)
    return pd.DataFrame(rows, index=titles)
