"""One function per figure that sets several runs beside each other; each takes tables or tensors and returns a Figure."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter, StrMethodFormatter
from torch import Tensor

from exon.figures.plots import COLORS, GREY, mark_centers, same_epochs, scatter, sheet
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
    figure, axes = two_columns(len(panels))
    for axis, (title, (z, labels, prior)) in zip(axes, panels.items(), strict=True):
        scatter(axis, z, labels)
        mark_centers(axis, prior)
        axis.set(title=title, aspect="equal", xlim=(-limit, limit), ylim=(-limit, limit))
    return figure


def grid_panels(panels: Mapping[str, Tensor], limit: float) -> Figure:
    """Decoded grids beside each other: title -> images (M, 1, H, W) of a square grid over [-limit, limit]^2."""
    figure, axes = two_columns(len(panels))
    for axis, (title, images) in zip(axes, panels.items(), strict=True):
        sheet(axis, images, limit)
        axis.set(title=title)
    return figure


def error_curves(histories: Mapping[float, pd.DataFrame], authors: Mapping[float, pd.DataFrame]) -> Figure:
    """Test error against the epoch, a panel for each beta, the authors' dashed over the same epochs."""
    figure, axes = two_columns(len(histories), height=2.1, sharex=True, sharey=True)
    for axis, (beta, history) in zip(axes, histories.items(), strict=True):
        axis.plot(history["epoch"], history["test_error_pct"], color=HERE, label="here")
        if beta in authors:
            shown = same_epochs(authors[beta], history)
            axis.plot(shown["epoch"], shown["test_error_pct"], color=AUTHORS, linestyle="--", label="authors")
        axis.set(title=rf"$\beta = {beta:g}$", ylim=(0, 20))
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axis in axes[-2:]:
        axis.set_xlabel("epoch")
    for axis in axes[::2]:
        axis.set_ylabel("test error (%)")
    axes[0].legend()
    return figure


def term_curves(histories: Mapping[float, pd.DataFrame], authors: Mapping[float, pd.DataFrame]) -> Figure:
    """Reconstruction and the KL terms of the test images against the epoch, a line for each beta, the authors' dashed."""
    figure, axes = two_columns(len(TERMS), height=2.8)
    shades = plt.get_cmap("viridis")(np.linspace(0.25, 0.9, len(histories)))
    for axis, (column, title) in zip(axes, TERMS.items(), strict=True):
        for shade, (beta, history) in zip(shades, histories.items(), strict=True):
            axis.plot(history["epoch"], history[column], color=shade, label=f"{beta:g}")
            if beta in authors:
                shown = same_epochs(authors[beta], history)
                axis.plot(shown["epoch"], shown[column], color=shade, linestyle="--")
        axis.set(title=title, xlabel="epoch")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[2].set_yscale("log")
    figure.legend(
        *axes[0].get_legend_handles_labels(), title=r"$\beta$", loc="center", bbox_to_anchor=(0.77, 0.25), ncols=2
    )
    return figure


def step_curves(here: pd.DataFrame, authors: pd.DataFrame) -> Figure:
    """Test error and the terms of the bound on test images against the training step, the authors' dashed.

    Args:
        here, authors: columns step, test_error_pct and those of `TERMS`.
    """
    panels = {"test_error_pct": "test error (%)", **TERMS}
    figure, axes = two_columns(len(panels), height=2.6, sharex=True)
    for axis, (column, title) in zip(axes, panels.items(), strict=True):
        axis.plot(here["step"], here[column], color=HERE, marker="o", ms=3, label="here")
        axis.plot(authors["step"], authors[column], color=AUTHORS, linestyle="--", marker="s", ms=3, label="authors")
        axis.set(title=title)
        axis.set_ylim(bottom=0)
    for axis in axes[-2:]:
        axis.set_xlabel("step")
    axes[0].legend()
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
        authors: name of a series -> its rows, with columns `by`, metric, value and perhaps sd.
        floors: metric -> the best value that it could take.
    """
    figure, axes = two_columns(len(panels), height=2.8)
    for axis, (metric, title) in zip(axes, panels.items(), strict=True):
        spread = here[here["metric"] == metric].groupby(by)["value"].agg(["mean", "std"])
        axis.errorbar(
            spread.index, spread["mean"], spread["std"].fillna(0), color=HERE, marker="o", capsize=3, label="here"
        )
        for (name, table), style in zip((authors or {}).items(), ("--", ":"), strict=False):
            theirs = table[table["metric"] == metric].sort_values(by)
            if len(theirs):
                spread_of_theirs = theirs.get("sd", 0 * theirs["value"]).fillna(0)
                axis.errorbar(
                    theirs[by],
                    theirs["value"],
                    spread_of_theirs,
                    color=AUTHORS,
                    linestyle=style,
                    marker="s",
                    markersize=4,
                    capsize=3,
                    label=name,
                )
        if floors and metric in floors:
            axis.axhline(floors[metric], color=GREY, linewidth=0.8, linestyle="-.", label="floor")
        axis.set(title=title, xlabel=LOGARITHMIC.get(by, by))
        low, high = axis.get_ylim()
        axis.set_ylim(min(0, low), 1.05 * high)
        if by in LOGARITHMIC:
            smallest = min(value for value in spread.index if value > 0)
            if 0 in spread.index:  # linear from 0, which is shown, to the smallest of the others
                axis.set_xscale("symlog", linthresh=smallest)
                axis.set_xlim(-smallest / 4, 2 * max(spread.index))
            else:
                axis.set_xscale("log")
    handles = {label: handle for axis in axes for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    if len(handles) > 1:
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=len(handles))
    return figure


def intervals(table: pd.DataFrame, ylabel: str) -> Figure:
    """A number with its interval against beta, on two logarithmic axes: index beta, columns value, low and high."""
    figure, axis = plt.subplots(figsize=(5, 3.2), layout="constrained")
    reach = [table["value"] - table["low"], table["high"] - table["value"]]
    axis.errorbar(table.index, table["value"], reach, color=HERE, marker="o", capsize=3)
    axis.axhline(1, color=GREY, linewidth=0.8, linestyle="--")
    axis.set(xscale="log", yscale="log", xlabel=LOGARITHMIC["beta"], ylabel=ylabel)
    axis.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.yaxis.set_minor_formatter(StrMethodFormatter("{x:g}") if axis.get_ylim()[1] < 20 else NullFormatter())
    return figure


def class_lines(panels: Mapping[str, pd.DataFrame], ylabel: str) -> Figure:
    """A line for each label against beta: title -> table with index beta and one column for each label."""
    figure, axes = two_columns(len(panels), height=3.0, sharey=True)
    for axis, (title, table) in zip(axes, panels.items(), strict=True):
        for color, (label, values) in zip(COLORS, table.items(), strict=False):
            axis.plot(table.index, values, color=color, marker="o", markersize=3, label=str(label))
        axis.set(title=title, xscale="log", xlabel=LOGARITHMIC["beta"])
    axes[0].set_ylabel(ylabel)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return figure


def two_columns(count: int, height: float = 3.6, **options: Any) -> tuple[Figure, Sequence[Axes]]:
    """Panels in rows of two: narrow enough for their words to be read on a phone."""
    rows = -(-count // 2)
    figure, axes = plt.subplots(rows, 2, figsize=(7, height * rows), layout="constrained", squeeze=False, **options)
    for axis in axes.flat[count:]:
        axis.remove()
    return figure, list(axes.flat[:count])
