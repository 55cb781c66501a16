import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from exon.figures import replication


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def test_effects_of_several_series_are_drawn_with_their_intervals_and_none_where_none_is():
    columns = ["series", "outcome", "term", "effect", "low", "high"]
    rows = [("stored", "kl", "a", 1.0, 0.5, 2.0), ("new", "kl", "a", -1.0, -2.0, -0.5), ("stored", "kl", "b", 3, 2, 5)]
    figure = replication.effects({"kl": "KL"}, {"a": "first", "b": "second"}, pd.DataFrame(rows, columns=columns))
    (axis,) = figure.axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["first", "second"]
    stored, new = axis.containers
    assert (stored.get_label(), new.get_label()) == ("stored", "new")
    np.testing.assert_allclose(stored[0].get_xdata(orig=False), [1, 3])
    np.testing.assert_allclose(new[0].get_xdata(orig=False), [-1, np.nan])
    assert (stored[0].get_ydata() != new[0].get_ydata()).all()
    assert [segment[:, 0].tolist() for segment in stored[2][0].get_segments()] == [[0.5, 2.0], [2.0, 5.0]]
    assert axis.get_ylim()[0] > axis.get_ylim()[1]  # the first on top


def test_every_run_and_the_means_of_the_series_are_drawn():
    rows = [(s, c, "kl", v) for s, c, v in (("stored", "both", 1), ("stored", "both", 3), ("new", "both", 4))]
    rows += [("stored", "neither", "kl", 9.0), ("stored", "both", "other", 99.0)]
    figure = replication.outcomes({"kl": "KL"}, pd.DataFrame(rows, columns=["series", "cell", "metric", "value"]))
    (axis,) = figure.axes
    points = sorted(x for collection in axis.collections for x, _ in collection.get_offsets())
    assert points == [1, 3, 4, 9]
    means = sorted(x for line in axis.lines for x in line.get_xdata() if line.get_marker() not in ("None", "", None))
    assert [x for x in means if not np.isnan(x)] == [2, 4, 9]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["stored", "new"]
