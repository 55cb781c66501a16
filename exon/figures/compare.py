"""One function per figure that sets several runs beside each other; each takes tables or tensors and returns a Figure."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, StrMethodFormatter
from matplotlib.transforms import ScaledTranslation
from torch import Tensor

from exon.evaluation.intervals import t_interval
from exon.figures.plots import COLORS, GREY, mark_centers, same_epochs, scatter, sheet
from exon.prior import GaussianMixturePrior

HERE, AUTHORS = COLORS[0], COLORS[6]
TERMS = {
    "test_recon": "reconstruction",
    "test_kl_label": "KL of the label",
    "test_kl_latent": "KL of z given the label",
}

SERIES = {
    "placement_error_pct": "placement",
    "label_uncertainty_pct": "label",
    "v_nat_label": "label dimensions",
    "v_nat_other": "the others",
}
"""The metrics of panels with several."""

LOGARITHMIC = {
    "beta": r"$\beta$",
    "lambda1": r"$\lambda_1$",
    "kl_weight": "factor on the KL",
}  # setting -> its axis's label
LINEAR = {"distance": "distance $r$"}


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

    Solid: the mean over seeds, in a band from the lowest to the highest of them. Dashed: the authors', over the same epochs.

    Args:
        here, authors: columns beta, epoch, test_error_pct and those of `TERMS`; a row for each epoch of each run.
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
    axes[3].set_yscale("log")
    handles.append(Line2D([], [], color=GREY, linestyle="--"))
    names = [*(rf"$\beta$ = {float(label):g}" for label in labels), "authors"]
    figure.legend(handles, names, loc="outside lower center", ncols=len(names))
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
    controls: Mapping[str, Mapping[str, float]] | None = None,
    by: str = "beta",
) -> Figure:
    """Metrics against a setting, a panel for each: the mean over seeds with its 95 % t interval, every run beside it.

    Two runs have no interval: it would be wider than the panel. Runs on another split of the labels are triangles, and not in
    the mean. Above a panel stands n, the number of runs of a point; of several numbers only those other than three, each above
    its point. The authors' values are dashed.

    Args:
        panels: metric, or several with spaces between them -> title.
        here: rows of `exon.evaluation.tables.metrics_of`, with columns `by`, metric and value, and perhaps split_seed.
        authors: name of a series -> its rows, with columns `by`, metric, value and perhaps sd.
        controls: metrics of a panel -> name of a line -> its value.
    """
    figure, axes = two_columns(len(panels), height=2.8)
    here = here.assign(split_seed=here.get("split_seed", 1))
    for axis, (metrics, title) in zip(axes, panels.items(), strict=True):
        names = metrics.split()
        heights = [0.0]
        for metric, color in zip(names, (HERE, COLORS[2]), strict=False):
            rows = here[here["metric"] == metric]
            label = "here" if len(names) == 1 else SERIES[metric]
            heights += _seeds(axis, rows, by, color, label)
        _say_n(axis, _first_split(here[here["metric"] == names[0]]).groupby(by)["value"].count())
        for (name, table), style in zip((authors or {}).items(), ("--", ":"), strict=False):
            theirs = table[table["metric"] == metrics].sort_values(by)
            if len(theirs):
                sd = theirs.get("sd", 0 * theirs["value"]).fillna(0)
                axis.plot(theirs[by], theirs["value"], style, marker="s", markersize=4, color=AUTHORS, label=name)
                if sd.any():
                    axis.errorbar(theirs[by], theirs["value"], sd, linestyle="none", capsize=3, color=AUTHORS)
                heights += [*(theirs["value"] - sd), *(theirs["value"] + sd)]
        for name, value in (controls or {}).get(metrics, {}).items():
            axis.axhline(value, color=GREY, linewidth=0.8, linestyle="-.")
            axis.annotate(name, (0.02, value), (0, 2), axis.get_yaxis_transform(), "offset points", fontsize=9)
            heights.append(value)
        axis.set(title=title, xlabel=(LOGARITHMIC | LINEAR)[by], ylabel="", ylim=(min(heights), 1.15 * max(heights)))
        if by in LOGARITHMIC:
            _logarithmic(axis, sorted(here[by].unique()))
        else:
            axis.set_xticks(sorted(here[by].unique()))
        if len(names) > 1:
            axis.legend(fontsize=10, loc="center right")
    handles = {label: handle for axis in axes for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    handles = {label: handle for label, handle in handles.items() if label not in SERIES.values()}
    if len(handles) > 1:
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=len(handles))
    return figure


def _seeds(axis: Axes, rows: pd.DataFrame, by: str, color: str, label: str) -> list[float]:
    """Draw one metric as `against` says; returns the heights that its panel must show."""
    own = _first_split(rows)
    bars: dict[str, Any] = {"errorbar": _interval, "err_style": "bars", "err_kws": {"capsize": 3}}
    style = {"marker": "o", "markersize": 5, "markeredgewidth": 0, "color": color}
    sns.lineplot(own, x=by, y="value", ax=axis, label=label, legend=False, **bars, **style)
    beside = axis.transData + ScaledTranslation(6 / 72, 0, axis.figure.dpi_scale_trans)
    several = own[own.groupby(by)["value"].transform("size") > 1]
    for chosen, marker in ((several, "o"), (rows.drop(own.index), "^")):
        axis.scatter(
            chosen[by], chosen["value"], s=12, color=color, alpha=0.5, linewidths=0, marker=marker, transform=beside
        )
    known = own.groupby(by)["value"].agg(list)
    return [*rows["value"], *(end for values in known for end in _interval(values))]


def _interval(values: Sequence[float]) -> tuple[float, float]:
    """The t interval of a mean; of two values its length is nil, as that of one."""
    return t_interval(values) if len(values) > 2 else t_interval([sum(values) / len(values)])


def _first_split(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["split_seed"] == rows["split_seed"].min()]


def _say_n(axis: Axes, counts: "pd.Series[int]") -> None:
    """Write n above a panel: one number for all points, or each that is not three above its point."""
    if counts.nunique() == 1:
        where: dict[str, Any] = {"transform": axis.transAxes, "ha": "right", "va": "bottom", "fontsize": 9}
        axis.text(1, 1, f"n = {counts.iloc[0]}", **where)
        return
    above: dict[str, Any] = {"transform": axis.get_xaxis_transform(), "ha": "center", "va": "top", "fontsize": 8}
    for x, n in zip(counts.index.to_numpy(float), counts, strict=True):
        axis.text(x, 1, "" if n == 3 else str(n), **above)
    axis.annotate("$n$", (1, 1), (3, 0), "axes fraction", "offset points", va="top", fontsize=8)


def _logarithmic(axis: Axes, levels: Sequence[float]) -> None:
    smallest = min(level for level in levels if level > 0)
    if 0 in levels:  # linear from 0, which is shown, to the smallest of the others
        axis.set_xscale("symlog", linthresh=smallest)
        axis.set_xlim(-smallest / 4, 2 * max(levels))
    else:
        axis.set_xscale("log")
    axis.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))


def ratios(values: Mapping[str, Sequence[float]], xlabel: str) -> Figure:
    """Ratios on a logarithmic axis, a row for each kind with a mark for each run; dashed: 1.

    Args:
        values: what stands before a row -> its ratio in each run.
    """
    figure, axis = plt.subplots(figsize=(6, 0.9 + 0.34 * len(values)), layout="constrained")
    for height, ratios_of_runs in enumerate(values.values()):
        axis.plot(ratios_of_runs, [height] * len(ratios_of_runs), "o", color=HERE, markersize=6, alpha=0.8)
    axis.axvline(1, color=GREY, linewidth=0.8, linestyle="--")
    axis.set(
        xscale="log", xlabel=xlabel, yticks=range(len(values)), yticklabels=list(values), ylim=(-0.6, len(values) - 0.4)
    )
    axis.invert_yaxis()
    axis.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    return figure


def heat(table: pd.DataFrame, label: str, form: str = ".1f") -> Figure:
    """A table of numbers, none below zero, as a heat map with its numbers; its column names may take two lines."""
    rows, columns = table.shape
    figure, axis = plt.subplots(figsize=(1.5 + 0.8 * columns, 1.0 + 0.28 * rows), layout="constrained")
    sns.heatmap(
        table, annot=True, fmt=form, cmap="viridis", vmin=0, cbar_kws={"label": label}, annot_kws={"size": 10}, ax=axis
    )
    axis.set(xlabel="")
    axis.tick_params(length=0)
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


def two_columns(count: int, height: float = 3.6, **options: Any) -> tuple[Figure, Sequence[Axes]]:
    """Panels in rows of two: narrow enough for their words to be read on a phone."""
    rows = -(-count // 2)
    figure, axes = plt.subplots(rows, 2, figsize=(7, height * rows), layout="constrained", squeeze=False, **options)
    for axis in axes.flat[count:]:
        axis.remove()
    return figure, list(axes.flat[:count])
