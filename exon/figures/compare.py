"""One function per figure that sets several runs beside each other; each takes tables or tensors and returns a Figure."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, StrMethodFormatter
from torch import Tensor

from exon.figures.plots import COLORS, GREY, mark_centers, same_epochs, scatter, sheet
from exon.prior import GaussianMixturePrior

HERE, AUTHORS = COLORS[0], COLORS[6]
RUNS, MARKERS = (HERE, COLORS[4], COLORS[2]), "o^v"
TERMS = {
    "test_recon": "reconstruction",
    "test_kl_label": "KL of the label",
    "test_kl_latent": "KL of z given the label",
}


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


def planes(
    panels: Mapping[str, tuple[Tensor, Tensor, GaussianMixturePrior, Tensor]], limits: tuple[float, float]
) -> Figure:
    """Codes on the left, the plane decoded on the right: title -> (points (N, 2), labels (N,), prior, images of a square grid).

    Args:
        limits: (a, b): the codes are shown over [-a, a]^2, the grid of images (M, 1, H, W) covers [-b, b]^2.
    """
    figure, axes = two_columns(2 * len(panels), height=3.1)
    for left, right, (title, (z, labels, prior, images)) in zip(axes[::2], axes[1::2], panels.items(), strict=True):
        scatter(left, z, labels)
        mark_centers(left, prior)
        left.set(title=title, aspect="equal", xlim=(-limits[0], limits[0]), ylim=(-limits[0], limits[0]))
        sheet(right, images, limits[1])
        right.set(title="decoded")
    return figure


def curves(here: pd.DataFrame, authors: pd.DataFrame) -> Figure:
    """Test error and the terms of the bound on test images against the epoch, a colour for each beta.

    Solid: the mean over n seeds, in a band from the lowest to the highest of them. Dashed: the authors', over the same epochs.

    Args:
        here, authors: columns beta, epoch, test_error_pct and those of `TERMS`, and seed in `here`; a row for each epoch.
    """
    panels = {"test_error_pct": "test error (%)", **TERMS}
    figure, axes = two_columns(len(panels), height=2.6, sharex=True)
    norm = LogNorm(here["beta"].min() / 20, here["beta"].max() * 10)  # no shade that is lost on a light or a dark page
    shared: dict[str, Any] = {"x": "epoch", "hue": "beta", "palette": "viridis", "hue_norm": norm, "legend": False}
    for axis, (column, title) in zip(axes, panels.items(), strict=True):
        sns.lineplot(here, y=column, errorbar=("pi", 100), ax=axis, **shared | {"legend": "full"})
        sns.lineplot(same_epochs(authors, here), y=column, linestyle="--", ax=axis, **shared)
        handles, labels = axis.get_legend_handles_labels()
        axis.legend().remove()
        axis.set(title=title, ylabel="")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0].set_ylim(0, 20)
    above(axes[0], "chance", 90, right=True)
    axes[3].set_yscale("log")
    handles.append(Line2D([], [], color=GREY, linestyle="--"))
    n = here.groupby("beta")["seed"].nunique()
    names = [*(rf"$\beta$ = {beta:g} (n = {n[beta]})" for beta in map(float, labels)), "authors"]
    figure.legend(handles, names, loc="outside lower center", ncols=len(names))
    return figure


def step_curves(here: Mapping[str, pd.DataFrame], authors: pd.DataFrame) -> Figure:
    """Test error and the terms of the bound on test images against the training step, the authors' dashed.

    Args:
        here: what the legend calls a run -> its columns step, test_error_pct and those of `TERMS`.
        authors: the same columns.
    """
    panels = {"test_error_pct": "test error (%)", **TERMS}
    figure, axes = two_columns(len(panels), height=2.6, sharex=True)
    for axis, (column, title) in zip(axes, panels.items(), strict=True):
        for (name, run), color, marker in zip(here.items(), RUNS, MARKERS, strict=False):
            axis.plot(run["step"], run[column], color=color, marker=marker, ms=3, label=name)
        axis.plot(authors["step"], authors[column], color=AUTHORS, linestyle="--", marker="s", ms=3, label="authors")
        axis.set(title=title)
        axis.set_ylim(bottom=0)
        axis.xaxis.set_major_locator(MaxNLocator(3))
    for axis in axes[-2:]:
        axis.set_xlabel("step")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def ratios(values: pd.DataFrame, xlabel: str) -> Figure:
    """Ratios on a logarithmic axis, a row for each kind with a mark for each run; dashed: 1.

    Args:
        values: a row for each kind, by the words before it, and a column for each run, by its name in the legend, which several
            may share.
    """
    kinds = range(len(values))
    figure, axis = plt.subplots(figsize=(6, 1.6 + 0.34 * len(values)), layout="constrained")
    names = list(dict.fromkeys(values))
    for place, (name, color, marker) in enumerate(zip(names, RUNS, MARKERS, strict=False)):
        runs = values.loc[:, values.columns == name]
        beside = 0.24 * (place - (len(names) - 1) / 2)
        rows = [kind + beside for kind in kinds for _ in range(runs.shape[1])]
        axis.scatter(
            runs.to_numpy().ravel(), rows, s=36, marker=marker, color=color, alpha=0.8, linewidth=0, label=name
        )
    axis.axvline(1, color=GREY, linewidth=0.8, linestyle="--")
    axis.set(xscale="log", xlabel=xlabel, yticks=kinds, yticklabels=list(values.index), ylim=(-0.6, len(values) - 0.4))
    figure.legend(loc="outside lower center")
    axis.invert_yaxis()
    axis.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    return figure


def heat(table: pd.DataFrame, label: str) -> Figure:
    """A table of numbers as a heat map with its numbers, its colours from zero on; its column names may take two lines."""
    rows, columns = table.shape
    figure, axis = plt.subplots(figsize=(1.5 + 0.8 * columns, 1.0 + 0.28 * rows), layout="constrained")
    sns.heatmap(
        table, annot=True, fmt=".1f", cmap="viridis", vmin=0, cbar_kws={"label": label}, annot_kws={"size": 10}, ax=axis
    )
    axis.set(xlabel="")
    axis.tick_params(length=0)
    axis.tick_params(axis="x", labelsize=9)
    axis.tick_params(axis="y", rotation=0)
    return figure


def bands(values: Tensor, names: Sequence[str], label: str) -> Figure:
    """A band for each name, coloured by its values: (K, d)."""
    figure, axis = plt.subplots(figsize=(7, 0.6 + 0.22 * len(names)), layout="constrained")
    lowest = min(0.0, values.min().item())
    image = axis.imshow(values, cmap="viridis", vmin=lowest, aspect="auto", interpolation="none")
    axis.set(yticks=range(len(names)), yticklabels=names, xlabel="dimension")
    axis.tick_params(axis="y", length=0)
    figure.colorbar(image, label=label)
    return figure


def above(axis: Axes, name: str, value: float, right: bool = False) -> None:
    """Name a control that lies above a panel, at its left end or at its right."""
    x, ha = (0.98, "right") if right else (0.02, "left")
    axis.annotate(
        f"{name}: {value:g} \N{UPWARDS ARROW}", (x, 0.9), xycoords="axes fraction", va="top", ha=ha, fontsize=9
    )


def two_columns(count: int, height: float = 3.6, **options: Any) -> tuple[Figure, Sequence[Axes]]:
    """Panels in rows of two: narrow enough for their words to be read on a phone."""
    rows = -(-count // 2)
    figure, axes = plt.subplots(rows, 2, figsize=(7, height * rows), layout="constrained", squeeze=False, **options)
    figure.get_layout_engine().set(wspace=0.06)
    for axis in axes.flat[count:]:
        axis.remove()
    return figure, list(axes.flat[:count])


def one_column(figure: Figure, width: float) -> None:
    """Put the panels of a figure one below the other, in the order of its rows, for a screen that is narrow.

    Args:
        width: of the figure then, in inches.
    """
    places = [(axis, place) for axis in figure.axes if (place := axis.get_subplotspec())]
    rows, columns = places[0][1].get_gridspec().get_geometry()
    height = figure.get_figheight()
    if columns > 1:
        height *= len(places) / rows * width / (figure.get_figwidth() / columns)
        one = GridSpec(len(places), 1, figure=figure)
        for index, (axis, _) in enumerate(places):
            axis.set_subplotspec(one[index])
            axis.tick_params(labelbottom=True, labelleft=True)
        for legend in list(figure.legends):
            entries = zip(legend.legend_handles, legend.get_texts(), strict=True)
            named = {text.get_text(): handle for handle, text in entries if handle is not None}
            figure.legend(named.values(), named.keys(), loc="outside lower center", ncols=2)
            legend.remove()
    figure.set_size_inches(width, height)
