"""One figure: metrics against a setting, over the seeds, with what the authors have and what the metrics are held against."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter
from matplotlib.transforms import ScaledTranslation

from exon.evaluation.intervals import of_three_or_more
from exon.figures.compare import AUTHORS, HERE, above, two_columns
from exon.figures.plots import COLORS, GREY

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

Interval = Callable[[Sequence[float]], tuple[float, float]]

MARKER = 5.0  # points
FAR = 5.0  # a control this many times as high as all values would leave them no room
NEAR = 0.08  # of the height of all values: the name of a control would lie on the next one


def against(
    panels: Mapping[str, str],
    here: pd.DataFrame,
    authors: Mapping[str, pd.DataFrame] | None = None,
    controls: Mapping[str, Mapping[str, float]] | None = None,
    by: str = "beta",
) -> Figure:
    """Metrics against a setting, a panel for each: the mean over seeds with its 95 % t interval, every run beside it.

    Two runs have no interval: it would be wider than the panel. That of a percentage, whose title ends with "(%)", is cut at
    0 and 100. An error bar that its marker would hide is not drawn. Runs on another split of the labels are triangles, and
    not in the mean. Above a panel stands n, the number of runs of a point; of several numbers only those other than three,
    each above its point. The authors' values are dashed. A control far above all values is named, with an arrow, and not
    drawn.

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
        for metric, color in zip(names, (HERE, COLORS[2])[: len(names)], strict=True):
            rows = here[here["metric"] == metric]
            label = "here" if len(names) == 1 else SERIES[metric]
            heights += _seeds(
                axis, rows, by, color, label, _of_percentages if title.endswith("(%)") else of_three_or_more
            )
        _say_n(axis, _first_split(here[here["metric"] == names[0]]).groupby(by)["value"].count())
        for (name, table), style in zip((authors or {}).items(), ("--", ":"), strict=False):
            theirs = table[table["metric"] == metrics].sort_values(by)
            if len(theirs):
                sd = theirs.get("sd", 0 * theirs["value"]).fillna(0)
                axis.plot(theirs[by], theirs["value"], style, marker="s", markersize=4, color=AUTHORS, label=name)
                if sd.any():
                    axis.errorbar(theirs[by], theirs["value"], sd, linestyle="none", capsize=3, color=AUTHORS)
                heights += [*(theirs["value"] - sd), *(theirs["value"] + sd)]
        beyond, near = FAR * max(heights), NEAR * max(heights)
        lines = (controls or {}).get(metrics, {})
        for name, value in lines.items():
            if value > beyond:
                above(axis, name, value)
                continue
            below = any(0 < other - value < near for other in lines.values())
            _line(axis, name, value, below, _crowded_at_left(here, names, by, value))
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
    _leave_out_short_intervals(figure)
    return figure


def _line(axis: Axes, name: str, value: float, below: bool, right: bool) -> None:
    """Draw a control, with its name above the line, at its left end if not `right`; or below it, at its right end."""
    axis.axhline(value, color=GREY, linewidth=0.8, linestyle="-.")
    x, ha = (0.98, "right") if below or right else (0.02, "left")
    y, va = (-2, "top") if below else (2, "baseline")
    where = axis.get_yaxis_transform()
    axis.annotate(name, (x, value), (0, y), where, "offset points", fontsize=9, ha=ha, va=va)


def _crowded_at_left(here: pd.DataFrame, names: Sequence[str], by: str, value: float) -> bool:
    """Whether values at the lower half of the settings come nearer to a control than those at the upper half."""
    rows = here[here["metric"].isin(names)]
    levels = sorted(rows[by].unique())
    distance = (rows["value"] - value).abs()
    middle = levels[len(levels) // 2]
    return bool(distance[rows[by] < middle].min() < distance[rows[by] >= middle].min())


def _leave_out_short_intervals(figure: Figure) -> None:
    """Take away the error bars that are shorter than `MARKER`, once the layout says how long they are on the page."""
    figure.draw_without_rendering()
    for axis in figure.axes:
        for container in axis.containers:
            if not isinstance(container, ErrorbarContainer):
                continue
            _, caps, (bars,) = container.lines
            segments = bars.get_segments()  # without points where the interval is unknown
            heights = [np.ptp(axis.transData.transform(s)[:, 1]) if len(s) else 0.0 for s in segments]
            long = np.array(heights) > MARKER * figure.dpi / 72
            bars.set_segments([segment for segment, kept in zip(segments, long, strict=True) if kept])
            for cap in caps:
                cap.set_data(*np.asarray(cap.get_xydata())[long].T)


def _of_percentages(values: Sequence[float]) -> tuple[float, float]:
    low, high = of_three_or_more(values)
    return max(low, 0.0), min(high, 100.0)


def _seeds(axis: Axes, rows: pd.DataFrame, by: str, color: str, label: str, interval: Interval) -> list[float]:
    """Draw one metric as `against` says; returns the heights that its panel must show."""
    own = _first_split(rows)
    bars: dict[str, Any] = {"errorbar": interval, "err_style": "bars", "err_kws": {"capsize": 3}}
    style = {"marker": "o", "markersize": MARKER, "markeredgewidth": 0, "color": color}
    sns.lineplot(own, x=by, y="value", ax=axis, label=label, legend=False, **bars, **style)
    beside = axis.transData + ScaledTranslation(6 / 72, 0, axis.figure.dpi_scale_trans)
    several = own[own.groupby(by)["value"].transform("size") > 1]
    for chosen, marker in ((several, "o"), (rows.drop(own.index), "^")):
        axis.scatter(
            chosen[by], chosen["value"], s=12, color=color, alpha=0.5, linewidths=0, marker=marker, transform=beside
        )
    known = own.groupby(by)["value"].agg(list)
    return [*rows["value"], *(end for values in known for end in interval(values))]


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
