"""Effects and their intervals, several series of runs beside each other."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from exon.figures.compare import two_columns
from exon.figures.plots import GREY
from exon.figures.replication import MARKERS, PALETTE


def forest(panels: Mapping[str, str], terms: Mapping[str, str], table: pd.DataFrame) -> Figure:
    """Effects with their intervals, a panel for each outcome, one below another where several series measured the same one.

    Intervals of effects on a percentage are cut where no effect can lie: at 100 points, at 200 of an interaction.

    Args:
        panels: outcome -> title.
        terms: term -> its name on the axis.
        table: columns series, outcome, term, effect, low, high; NaN where there is none. Perhaps low_all and high_all, wider
            intervals drawn as thin lines below the others; and by_construction, whether a marker is hollow.
    """
    names = list(table["series"].unique())
    figure, axes = two_columns(len(panels), height=1.1 + 0.1 * len(terms) * (1 + len(names)), sharey=True)
    heights = np.arange(len(terms))
    for axis, (outcome, title) in zip(axes, panels.items(), strict=True):
        for index, (name, color, marker) in enumerate(zip(names, PALETTE, MARKERS, strict=False)):
            chosen = table[(table["outcome"] == outcome) & (table["series"] == name)].set_index("term").reindex(terms)
            y = heights + 0.25 * (index - (len(names) - 1) / 2)
            if outcome.endswith("_pct"):
                furthest = pd.Series([200 if term == "interaction" else 100 for term in terms], chosen.index)
                for bound in chosen.columns.intersection(["low", "high", "low_all", "high_all"]):
                    chosen[bound] = chosen[bound].astype(float).clip(-furthest, furthest)
            if "low_all" in chosen:
                axis.hlines(y, chosen["low_all"], chosen["high_all"], color=color, linewidth=0.8)
            axis.hlines(y, chosen["low"], chosen["high"], color=color, linewidth=2.5)
            hollow = chosen.get("by_construction", pd.Series(False, chosen.index)).fillna(False).to_numpy(bool)
            for where, face in ((hollow, "none"), (~hollow, color)):
                axis.plot(chosen["effect"].where(where), y, marker, color=color, markerfacecolor=face, ms=5)
            axis.plot([], [], marker, color=color, ms=5, label=name)
        axis.axvline(0, color=GREY, linewidth=0.8, linestyle="--")
        axis.set(title=title, yticks=heights, yticklabels=list(terms.values()))
    axes[0].invert_yaxis()  # of all panels, which share it
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure
