import numpy as np
import pandas as pd

from exon.figures import replication


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


def test_what_chance_gives_is_a_line_where_it_is_known():
    rows = [("one", "both", metric, 1.0) for metric in ("kl", "error")]
    table = pd.DataFrame(rows, columns=["series", "cell", "metric", "value"])
    error, kl = replication.outcomes({"error": "error", "kl": "KL"}, table, {"error": 90.0}).axes
    (line,) = [line for line in error.lines if line.get_label() == "chance"]
    assert set(line.get_xdata()) == {90}
    assert "chance" not in [line.get_label() for line in kl.lines]
