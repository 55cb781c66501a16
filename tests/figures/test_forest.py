import math

import numpy as np
import pandas as pd
import pytest

from exon.figures.forest import forest

TERMS = {"a": "first", "b": "second"}


def spans(axis, width):
    """The horizontal lines of a width, as (left, right)."""
    lines = [lines for lines in axis.collections if lines.get_linewidth()[0] == width]
    segments = [np.asarray(segment) for part in lines for segment in part.get_segments()]
    return [tuple(segment[:, 0]) for segment in segments if segment.size and not np.isnan(segment).any()]


def marks(axis, hollow):
    """The values at which marks of one kind stand."""
    lines = [
        line for line in axis.lines if (line.get_markerfacecolor() == "none") == hollow and line.get_marker() in "os"
    ]
    return [x for line in lines for x in np.asarray(line.get_xdata(orig=False), float) if not np.isnan(x)]


def test_effects_of_several_series_are_drawn_with_their_intervals_and_none_where_none_is():
    columns = ["series", "outcome", "term", "effect", "low", "high"]
    rows = [("stored", "kl", "a", 1.0, 0.5, 2.0), ("new", "kl", "a", -1.0, None, None), ("stored", "kl", "b", 3, 2, 5)]
    figure = forest({"kl": "KL"}, TERMS, pd.DataFrame(rows, columns=columns))
    (axis,) = figure.axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["first", "second"]
    assert spans(axis, 2.5) == [(0.5, 2.0), (2.0, 5.0)]
    assert (marks(axis, hollow=False), marks(axis, hollow=True)) == ([1, 3, -1], [])
    heights = [line.get_ydata()[0] for line in axis.lines if len(line.get_xdata()) == 2 and line.get_marker() in "os"]
    assert len(set(heights)) == 2  # one series below the other
    assert axis.get_ylim()[0] > axis.get_ylim()[1]  # the first on top
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["stored", "new"]


def test_simultaneous_intervals_are_thin_and_what_holds_by_construction_is_hollow():
    rows = [("x", "a", 1.0, 0.5, 2.0, -1.0, 3.0, True), ("x", "b", 4.0, 3.0, 5.0, 2.0, 6.0, False)]
    columns = ["outcome", "term", "effect", "low", "high", "low_all", "high_all", "by_construction"]
    figure = forest({"x": "X"}, TERMS, pd.DataFrame(rows, columns=columns).assign(series="one"))
    (axis,) = figure.axes
    assert spans(axis, 2.5) == [(0.5, 2.0), (3.0, 5.0)]
    assert spans(axis, 0.8) == [(-1.0, 3.0), (2.0, 6.0)]
    assert (marks(axis, hollow=False), marks(axis, hollow=True)) == ([4], [1])


@pytest.mark.parametrize(
    ("outcome", "term", "furthest"),
    [
        ("test_error_pct", "a", 100),
        ("test_error_pct", "interaction", 200),
        ("kl", "a", math.inf),
        ("kl", "interaction", math.inf),
    ],
)
def test_intervals_end_where_effects_can_lie(outcome, term, furthest):
    """Two runs give an interval of thousands of points, which would hide every effect."""
    columns = ["series", "outcome", "term", "effect", "low", "high", "low_all", "high_all"]
    row = ("one", outcome, term, 10.0, -2000.0, 50.0, -3000.0, 2000.0)
    figure = forest({outcome: "X"}, TERMS | {"interaction": "i"}, pd.DataFrame([row], columns=columns))
    (axis,) = figure.axes
    assert spans(axis, 2.5) == [(max(-2000, -furthest), 50)]
    assert spans(axis, 0.8) == [(max(-3000, -furthest), min(2000, furthest))]
