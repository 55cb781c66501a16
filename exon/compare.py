"""One function per figure that sets several runs beside each other; each takes tables or tensors and returns a Figure."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from exon.plots import COLORS, GREY, mark_centers, same_epochs, scatter, sheet
from exon.prior import GaussianMixturePrior

HERE, AUTHORS = COLORS[0], COLORS[6]
TERMS = {
    "test_recon": "reconstruction",
    "test_kl_label": "KL of the label",
    "test_kl_latent": "KL of z given the label",
}

LOGARITHMIC = {
    "beta": r"$\beta$",
    "lambda1": r"$\lambda_1$",
    "kl_weight": "factor on the KL",
}  # setting -> its axis's label


def latent_panels(panels: Mapping[str, tuple[Tensor, Tensor, GaussianMixturePrior]], limit: float) -> Figure:
    """Latent scatters beside each other: title -> (points (N, 2), labels (N,), prior), two panels in a row.

    Args:
        limit: every panel shows [-limit, limit]^2.
    """
    figure, axes = _two_columns(len(panels))
    for axis, (title, (z, labels, prior)) in zip(axes, panels.items(), strict=True):
        scatter(axis, z, labels)
        mark_centers(axis, prior)
        axis.set(title=title, aspect="equal", xlim=(-limit, limit), ylim=(-limit, limit))
    return figure


def grid_panels(panels: Mapping[str, Tensor], limit: float) -> Figure:
    """Decoded grids beside each other: title -> images (M, 1, H, W) of a square grid over [-limit, limit]^2."""
    figure, axes = _two_columns(len(panels))
    for axis, (title, images) in zip(axes, panels.items(), strict=True):
        sheet(axis, images, limit)
        axis.set(title=title)
    return figure


def error_curves(histories: Mapping[float, pd.DataFrame], authors: Mapping[float, pd.DataFrame]) -> Figure:
    """Test error against the epoch, a panel for each beta, the authors' dashed over the same epochs."""
    columns = 4
    rows = -(-len(histories) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(9, 2.4 * rows), layout="constrained", sharex=True, sharey=True, squeeze=False
    )
    for axis in axes.flat[len(histories) :]:
        axis.set_visible(False)
    for axis, (beta, history) in zip(axes.flat, histories.items(), strict=False):
        axis.plot(history["epoch"], history["test_error_pct"], color=HERE, label="here")
        if beta in authors:
            shown = same_epochs(authors[beta], history)
            axis.plot(shown["epoch"], shown["test_error_pct"], color=AUTHORS, linestyle="--", label="authors")
        axis.set(title=rf"$\beta = {beta:g}$", ylim=(0, 20))
        axis.xaxis.get_major_locator().set_params(integer=True)
    for axis in axes[-1]:
        axis.set_xlabel("epoch")
    for axis in axes[:, 0]:
        axis.set_ylabel("test error (%)")
    axes[0, 0].legend()
    return figure


def term_curves(histories: Mapping[float, pd.DataFrame], authors: Mapping[float, pd.DataFrame]) -> Figure:
    """Reconstruction and the KL terms of the test images against the epoch, a line for each beta, the authors' dashed."""
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.8), layout="constrained")
    shades = plt.get_cmap("viridis")(np.linspace(0.25, 0.9, len(histories)))
    for axis, (column, title) in zip(axes, TERMS.items(), strict=True):
        for shade, (beta, history) in zip(shades, histories.items(), strict=True):
            axis.plot(history["epoch"], history[column], color=shade, label=f"{beta:g}")
            if beta in authors:
                shown = same_epochs(authors[beta], history)
                axis.plot(shown["epoch"], shown[column], color=shade, linestyle="--")
        axis.set(title=title, xlabel="epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
    axes[2].set_yscale("log")
    figure.legend(*axes[0].get_legend_handles_labels(), title=r"$\beta$", loc="outside right center")
    return figure


def against(
    panels: Mapping[str, str],
    here: pd.DataFrame,
    authors: Mapping[str, pd.DataFrame] | None = None,
    floors: Mapping[str, float] | None = None,
    by: str = "beta",
) -> Figure:
    """Metrics against a setting: a panel for each, mean and standard deviation over seeds, the authors' values dashed.

    Args:
        panels: metric -> title.
        here: rows of runs.csv, with columns `by`, metric and value.
        authors: name of a series -> its rows, with columns `by`, metric and value.
        floors: metric -> the best value that it could take.
    """
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(3.4 * columns, 3.1 * rows), layout="constrained", squeeze=False)
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    for axis, (metric, title) in zip(axes.flat, panels.items(), strict=False):
        spread = here[here["metric"] == metric].groupby(by)["value"].agg(["mean", "std"])
        axis.errorbar(
            spread.index, spread["mean"], spread["std"].fillna(0), color=HERE, marker="o", capsize=3, label="here"
        )
        for (name, table), style in zip((authors or {}).items(), ("--", ":"), strict=False):
            theirs = table[table["metric"] == metric].sort_values(by)
            if len(theirs):
                axis.plot(theirs[by], theirs["value"], color=AUTHORS, linestyle=style, marker="s", ms=4, label=name)
        if floors and metric in floors:
            axis.axhline(floors[metric], color=GREY, linewidth=0.8, linestyle="-.", label="floor")
        axis.set(title=title, xlabel=LOGARITHMIC.get(by, by))
        low, high = axis.get_ylim()
        axis.set_ylim(min(0, low), 1.05 * high)
        if by in LOGARITHMIC:
            smallest = min(value for value in spread.index if value > 0)
            if 0 in spread.index:  # linear from 0, which is shown, to the smallest of the others
                axis.set_xscale("symlog", linthresh=smallest)
                axis.set_xlim(left=-smallest / 4)
            else:
                axis.set_xscale("log")
    handles = {
        label: handle for axis in axes.flat for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    if len(handles) > 1:
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=len(handles))
    return figure


def _two_columns(count: int) -> tuple[Figure, Sequence[Axes]]:
    rows = -(-count // 2)
    figure, axes = plt.subplots(rows, 2, figsize=(8, 4.1 * rows), layout="constrained", squeeze=False)
    for axis in axes.flat[count:]:
        axis.set_visible(False)
    return figure, list(axes.flat[:count])
