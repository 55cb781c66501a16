import numpy as np
import pandas as pd
import pytest
from scipy import stats

from exon.figures.against import against


def table(*rows):
    return pd.DataFrame(rows, columns=["beta", "metric", "value", "split_seed"])


def points(collection):
    return collection.get_offsets().tolist()


def test_means_and_t_intervals_are_drawn_over_the_seeds_and_every_run_beside_them():
    here = table(
        *((1.0, "kl", v, 1) for v in (2.0, 3.0, 7.0)), (10.0, "kl", 1.0, 1), (1.0, "kl", 9.0, 2), (1.0, "x", 50.0, 1)
    )
    authors = {"authors": pd.DataFrame([(1.0, "kl", 5.0)], columns=["beta", "metric", "value"])}
    (axis,) = against({"kl": "KL"}, here, authors, controls={"kl": {"chance": 0.5}}).axes
    np.testing.assert_allclose(axis.lines[0].get_xydata(), [[1, 4], [10, 1]])
    bars, runs, other_split, *_ = axis.collections
    low, high = bars.get_segments()[0][:, 1]
    assert (low, high) == pytest.approx(stats.t.interval(0.95, 2, 4, stats.sem([2, 3, 7])))
    assert points(runs) == [[1, 2], [1, 3], [1, 7]]  # the single run at 10 is its own mean
    assert points(other_split) == [[1, 9]]
    assert axis.get_ylim()[0] == min(0, low)
    assert high < axis.get_ylim()[1]
    assert [line.get_xydata().tolist() for line in axis.lines if line.get_linestyle() == "--"] == [[[1, 5]]]
    assert [list(line.get_ydata()) for line in axis.lines if line.get_linestyle() == "-."] == [[0.5, 0.5]]
    assert axis.get_xscale() == "log"


def test_n_is_said_where_it_is_not_three():
    one = table((1.0, "kl", 2.0, 1), (10.0, "kl", 1.0, 1))
    three = table(*((beta, "kl", v, 1) for beta in (1.0, 10.0) for v in (2.0, 3.0, 4.0)))
    two = table(*((1.0, "kl", v, 1) for v in (2.0, 3.0, 4.0)), *((10.0, "kl", v, 1) for v in (2.0, 3.0)))

    def said(here):
        return [text.get_text() for text in against({"kl": "KL"}, here).axes[0].texts if text.get_text()]

    assert said(one) == ["n = 1"]
    assert said(three) == ["n = 3"]
    assert said(two) == ["2", "$n$"]


def test_two_runs_have_no_interval():
    here = table((1.0, "kl", 2.0, 1), (1.0, "kl", 3.0, 1))
    (axis,) = against({"kl": "KL"}, here).axes
    assert axis.get_ylim() == pytest.approx((0, 1.15 * 3))
    assert axis.collections[0].get_segments() == []


def test_an_interval_that_its_marker_hides_is_not_drawn():
    values = [*((1.0, "kl", v, 1) for v in (20.0, 30.0, 40.0)), *((10.0, "kl", v, 1) for v in (30.0, 30.1, 30.2))]
    (axis,) = against({"kl": "KL"}, table(*values)).axes
    (bar,) = axis.collections[0].get_segments()
    assert bar[:, 0].tolist() == [1, 1]
    _, caps, _ = axis.containers[0].lines
    assert [cap.get_xdata().tolist() for cap in caps] == [[1], [1]]
    wide = bar[:, 1].tolist()
    assert [cap.get_ydata().item() for cap in caps] == pytest.approx(wide)


def test_of_two_controls_that_lie_close_the_lower_has_its_name_below_at_the_right():
    controls = {"kl": {"lower": 1.9, "upper": 2.0, "far": 1.0}}
    (axis,) = against({"kl": "KL"}, table((1.0, "kl", 2.0, 1)), controls=controls).axes
    places = {text.get_text(): (text.get_ha(), text.get_va()) for text in axis.texts}
    assert places["lower"] == ("right", "top")
    assert places["upper"] == places["far"] == ("left", "baseline")


@pytest.mark.parametrize(("values", "side"), [((1.0, 3.0), "right"), ((3.0, 1.0), "left")])
def test_a_control_has_its_name_at_the_end_where_no_value_is_near(values, side):
    here = table(*((beta, "kl", value, 1) for beta, value in zip((0.1, 10.0), values, strict=True)))
    (axis,) = against({"kl": "KL"}, here, controls={"kl": {"chance": 1.2}}).axes
    (name,) = [text for text in axis.texts if text.get_text() == "chance"]
    assert name.get_ha() == side


@pytest.mark.parametrize(("chance", "drawn"), [(4.9 * 2, True), (5.1 * 2, False)])
def test_a_control_far_above_all_values_is_named_and_not_drawn(chance, drawn):
    (axis,) = against({"kl": "KL"}, table((1.0, "kl", 2.0, 1)), controls={"kl": {"chance": chance}}).axes
    lines = [line for line in axis.lines if line.get_linestyle() == "-."]
    assert len(lines) == drawn
    assert axis.get_ylim()[1] == pytest.approx(1.15 * (chance if drawn else 2))
    names = [text.get_text() for text in axis.texts if "chance" in text.get_text()]
    assert names == ["chance" if drawn else "chance: 10.2 \N{UPWARDS ARROW}"]


def test_two_metrics_share_a_panel():
    here = table((1.0, "placement_error_pct", 2.0, 1), (1.0, "label_uncertainty_pct", 8.0, 1))
    (axis,) = against({"placement_error_pct label_uncertainty_pct": "parts"}, here).axes
    assert [line.get_ydata().tolist() for line in axis.lines if line.get_marker() == "o"] == [[2.0], [8.0]]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["placement", "label"]


def test_a_weight_of_zero_has_its_place_on_a_logarithmic_axis():
    here = pd.DataFrame(
        [(0.0, "kl", 2.0), (0.01, "kl", 4.0), (1.0, "kl", 1.0)], columns=["kl_weight", "metric", "value"]
    )
    (axis,) = against({"kl": "KL"}, here, by="kl_weight").axes
    assert axis.get_xscale() == "symlog"
    zero, hundredth, one = (axis.transData.transform((x, 0))[0] for x in (0, 0.01, 1))
    left, right = (axis.transAxes.transform((x, 0))[0] for x in (0, 1))
    assert left < zero < hundredth < one < right
    assert one - hundredth > hundredth - zero


def test_authors_with_a_spread_are_drawn_with_it():
    here = pd.DataFrame([(1.0, "kl", 2.0)], columns=["beta", "metric", "value"])
    authors = pd.DataFrame([(1.0, "kl", 5.0, 0.5)], columns=["beta", "metric", "value", "sd"])
    (axis,) = against({"kl": "KL"}, here, {"authors": authors}).axes
    (_, _, (bars,)) = axis.containers[-1]
    np.testing.assert_allclose(bars.get_segments()[0][:, 1], [4.5, 5.5])
