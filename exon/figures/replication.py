"""Figures that set runs with new seeds beside the stored ones."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from exon.evaluation.intervals import t_interval
from exon.figures.compare import two_columns
from exon.figures.plots import COLORS, GREY

PALETTE = (COLORS[0], COLORS[6], COLORS[4], COLORS[1])
MARKERS = ("o", "s", "D", "^")


def effects(panels: Mapping[str, str], terms: Mapping[str, str], table: pd.DataFrame) -> Figure:
    """Effects with their intervals, a panel for each outcome, one below another where several series measured the same one.

    Args:
        panels: outcome -> title.
        terms: term -> its name on the axis.
        table: columns series, outcome, term, effect, low, high.
    """
    figure, axes = two_columns(len(panels), height=2.1, sharey=True)
    names = list(table["series"].unique())
    heights = np.arange(len(terms))
    for axis, (outcome, title) in zip(axes, panels.items(), strict=True):
        for index, (name, color, marker) in enumerate(zip(names, PALETTE, MARKERS, strict=False)):
            chosen = table[(table["outcome"] == outcome) & (table["series"] == name)].set_index("term").reindex(terms)
            reach = [chosen["effect"] - chosen["low"], chosen["high"] - chosen["effect"]]
            shift = 0.22 * (index - (len(names) - 1) / 2)
            axis.errorbar(
                chosen["effect"], heights + shift, xerr=reach, color=color, fmt=marker, ms=4, capsize=2, label=name
            )
        axis.axvline(0, color=GREY, linewidth=0.8, linestyle="--")
        axis.set(title=title, yticks=heights, yticklabels=list(terms.values()))
    axes[0].invert_yaxis()  # of all panels, which share it
    _legend(figure, axes[0])
    return figure


def outcomes(panels: Mapping[str, str], table: pd.DataFrame) -> Figure:
    """The outcomes of every run by cell, small, and their means with 95 % intervals, a panel for each outcome.

    Args:
        panels: metric -> title.
        table: columns series, cell, metric, value; a row for each run and metric.
    """
    figure, axes = two_columns(len(panels), height=0.9 + 0.4 * table["cell"].nunique(), sharey=True)
    names = list(table["series"].unique())
    for axis, (metric, title) in zip(axes, panels.items(), strict=True):
        shared: dict[str, Any] = {
            "data": table[table["metric"] == metric],
            "x": "value",
            "y": "cell",
            "hue": "series",
            "order": list(table["cell"].unique()),
            "hue_order": names,
            "palette": list(PALETTE[: len(names)]),
            "ax": axis,
        }
        width = 0.6
        sns.stripplot(**shared, dodge=True, jitter=False, size=3, alpha=0.5, legend=False)
        sns.pointplot(
            **shared,
            dodge=width - width / len(names) if len(names) > 1 else False,
            errorbar=t_interval,
            linestyle="none",
            markers=list(MARKERS[: len(names)]),
            markersize=4,
            err_kws={"linewidth": 1.5},
        )
        if legend := axis.get_legend():
            legend.remove()
        axis.set(title=title, xlabel="", ylabel="")
    _legend(figure, axes[0])
    return figure


def _legend(figure: Figure, axis: Any) -> None:
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
