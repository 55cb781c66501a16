"""The outcomes of every run in the cells of a design, several series of runs beside each other."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from exon.evaluation.intervals import of_three_or_more
from exon.figures.compare import two_columns
from exon.figures.plots import COLORS, GREY

PALETTE = (COLORS[0], COLORS[6], COLORS[4], COLORS[1])
MARKERS = ("o", "s", "D", "^")


def outcomes(panels: Mapping[str, str], table: pd.DataFrame, chance: Mapping[str, float] | None = None) -> Figure:
    """The outcomes of every run by cell, small, and their means, of three or more with 95 % intervals, a panel for each outcome.

    The axis of a percentage, whose title ends with "(%)", is cut at 0 and 100.

    Args:
        panels: metric -> title.
        table: columns series, cell, metric, value; a row for each run and metric.
        chance: metric -> what chance alone gives, a dashed line.
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
        sns.stripplot(**shared, dodge=True, jitter=False, size=4, alpha=0.6, legend=False)
        sns.pointplot(
            **shared,
            dodge=width - width / len(names) if len(names) > 1 else False,
            errorbar=of_three_or_more,
            linestyle="none",
            markers=list(MARKERS[: len(names)]),
            markersize=6,
            markerfacecolor="none",
            err_kws={"linewidth": 1.2},
        )
        if legend := axis.get_legend():
            legend.remove()
        if chance and metric in chance:
            axis.axvline(chance[metric], color=GREY, linewidth=0.8, linestyle="--", label="chance")
        axis.set(title=title, xlabel="", ylabel="")
        if title.endswith("(%)"):
            low, high = axis.get_xlim()
            axis.set_xlim(max(low, 0), min(high, 100))
    _legend(figure, axes[0])
    return figure


def _legend(figure: Figure, axis: Any) -> None:
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
