import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from exon.errors import UserError
from exon.evaluation.effects import effects
from exon.files import write_text
from exon.runs import grid


def design(values):
    """Four cells of three runs each: (off, off), (off, on), (on, off), (on, on)."""
    rows = [(a, b, value) for (a, b), cell in values.items() for value in cell]
    return pd.DataFrame(rows, columns=["ce", "kl", "y"])


CELLS = [(a, b) for a in (False, True) for b in (False, True)]
ON, ONLY_CE, ONLY_KL, OFF = (True, True), (True, False), (False, True), (False, False)
SIMPLE = {
    "kl, ce on": (ON, ONLY_CE),
    "kl, ce off": (ONLY_KL, OFF),
    "ce, kl on": (ON, ONLY_KL),
    "ce, kl off": (ONLY_CE, OFF),
}


@given(st.lists(st.floats(-100, 100), min_size=12, max_size=12), st.sampled_from([0.8, 0.95]))
def test_a_simple_effect_is_welchs_t_test_of_two_cells(numbers, level):
    cells = np.array(numbers).reshape(4, 3) + np.array([0, 0.5, 1])
    values = dict(zip(CELLS, [*cells[:2], cells[2, :2], cells[3]], strict=True))  # one cell has a run less
    result = effects(design(values), "ce", "kl", "y", level)
    assert list(result.index) == [*SIMPLE, "interaction"]
    for term, (higher, lower) in SIMPLE.items():
        welch = stats.ttest_ind(values[higher], values[lower], equal_var=False)
        interval = welch.confidence_interval(level)
        assert result.loc[term, "effect"] == pytest.approx(values[higher].mean() - values[lower].mean(), abs=1e-9)
        np.testing.assert_allclose(result.loc[term, ["low", "high"]], interval, rtol=1e-7, atol=1e-7)


UNEQUAL = {OFF: [1.0, 9.0, 4.0, 0.0], ONLY_KL: [3.0, 3.5, 2.0], ONLY_CE: [5.0, 5.1], ON: [0.0, 2.0, 30.0]}


def test_the_interaction_has_the_degrees_of_freedom_of_welch_and_satterthwaite():
    result = effects(design(UNEQUAL), "ce", "kl", "y")
    v = {cell: np.var(values, ddof=1) / len(values) for cell, values in UNEQUAL.items()}
    total = sum(v.values())
    df = total**2 / sum(v[cell] ** 2 / (len(values) - 1) for cell, values in UNEQUAL.items())
    means = {cell: np.mean(values) for cell, values in UNEQUAL.items()}
    interaction = (means[ON] - means[ONLY_CE]) - (means[ONLY_KL] - means[OFF])
    np.testing.assert_allclose(
        result.loc["interaction"], [interaction, *stats.t.interval(0.95, df, interaction, total**0.5)]
    )
    assert result.loc["interaction", "effect"] == pytest.approx(
        result.loc["kl, ce on", "effect"] - result.loc["kl, ce off", "effect"]
    )


def test_intervals_hold_the_true_effects_as_often_as_they_say_although_the_cells_differ():
    generator = np.random.default_rng(0)
    true, inside, trials = {"kl, ce on": 3.0, "interaction": 5.0}, {"kl, ce on": 0, "interaction": 0}, 300
    for _ in range(trials):
        cells = {ON: (3, 0.1), ONLY_CE: (0, 10), ONLY_KL: (-2, 2), OFF: (0, 1)}
        drawn = {cell: generator.normal(mean, sd, 4) for cell, (mean, sd) in cells.items()}
        result = effects(design(drawn), "ce", "kl", "y", 0.8)
        for term, effect in true.items():
            inside[term] += result.loc[term, "low"] < effect < result.loc[term, "high"]
    for count in inside.values():
        assert stats.binomtest(count, trials, 0.8).pvalue > 0.01


def test_an_interval_for_further_runs_has_the_variance_of_both_means():
    further = pd.Series({ON: 3.0, ONLY_CE: 5.0, ONLY_KL: 2.0, OFF: 4.0}).rename_axis(["ce", "kl"])
    result = effects(design(UNEQUAL), "ce", "kl", "y", further=further)
    v = [np.var(UNEQUAL[cell], ddof=1) * (1 / len(UNEQUAL[cell]) + 1 / further[cell]) for cell in (ON, ONLY_CE)]
    df = sum(v) ** 2 / (v[0] ** 2 / 2 + v[1] ** 2 / 1)
    effect = np.mean(UNEQUAL[ON]) - np.mean(UNEQUAL[ONLY_CE])
    np.testing.assert_allclose(result.loc["kl, ce on"], [effect, *stats.t.interval(0.95, df, effect, sum(v) ** 0.5)])


def test_a_single_run_in_a_cell_leaves_its_effects_without_interval():
    table = design({OFF: [1.0], ONLY_KL: [3.0, 4.0], ONLY_CE: [4.0, 6.0], ON: [6.0, 6.5]})
    result = effects(table, "ce", "kl", "y")
    np.testing.assert_allclose(result["effect"], [1.25, 2.5, 2.75, 4.0, -1.25])
    without = result[["low", "high"]].isna()
    assert without.eq(without["low"], axis=0).all(axis=None)
    assert without.index[without["low"]].tolist() == ["kl, ce off", "ce, kl off", "interaction"]


def test_without_any_spread_an_interval_has_no_width():
    result = effects(design({OFF: [1.0] * 3, ONLY_KL: [3.0] * 3, ONLY_CE: [4.0, 5.0], ON: [9.0] * 2}), "ce", "kl", "y")
    assert result.loc["kl, ce off"].tolist() == [2, 2, 2]
    assert result.loc["kl, ce on", "low"] < 4.5 < result.loc["kl, ce on", "high"]


def test_runs_without_the_outcome_are_left_out_and_an_empty_cell_is_named():
    table = design({cell: [1.0, 2.0, 3.0] for cell in CELLS})
    table.loc[0, "y"] = np.nan
    assert effects(table, "ce", "kl", "y").loc["kl, ce off", "effect"] == -0.5
    with pytest.raises(UserError, match=r"^8 runs in 3 cells of ce x kl: give runs in all four\.$"):
        effects(table.drop([9, 10, 11]), "ce", "kl", "y")


@pytest.mark.parametrize(("setting", "levels"), [("prior", ["circle", "row"]), ("distance", [1.0, None])])
def test_settings_that_are_mixed_up_are_named(setting, levels):
    table = design({cell: [1.0, 2.0, 3.0] for cell in CELLS}).assign(seed=[1, 2, 3] * 4, labels=100)
    effects(table, "ce", "kl", "y")
    mixed = table.assign(**{setting: [levels[0]] * 11 + [levels[1]]})
    with pytest.raises(
        UserError, match=rf"^{setting} varies in the table \({levels[0]}, .*\): choose the runs of one level"
    ):
        effects(mixed, "ce", "kl", "y")
    if setting == "prior":  # of several, the first
        with pytest.raises(UserError, match=r"^prior varies in the table \(circle, row\)"):
            effects(mixed.assign(width=[1.0] * 11 + [2.0]), "ce", "kl", "y")


def test_a_run_that_is_given_twice_is_refused():
    table = design(UNEQUAL)
    table["seed"] = table.groupby(["ce", "kl"]).cumcount()
    effects(table, "ce", "kl", "y")
    with pytest.raises(
        UserError, match=r"^The table has two runs with ce = True, kl = True, seed = \d: give each run once.$"
    ):
        effects(pd.concat([table, table.tail(1)]), "ce", "kl", "y")


def test_the_example_of_the_page_is_true(tmp_path, monkeypatch):
    """Its grid has as many runs as it says, and its code finds the effects that are put into their records."""
    page = Path("book/sweeps.md").read_text()
    example = page.partition("and a new factor")[2]
    (tmp_path / "my_ablation.yaml").write_text(re.search(r"```yaml\n(.*?)```", example, re.DOTALL)[1])
    runs = grid.load(tmp_path / "my_ablation.yaml", grid.Asked(root=tmp_path / "results" / "own"))
    assert f"The {len(runs)} runs" in example
    for run in runs:
        e = run.experiment
        error = 50 - 30 * (e.use_cross_entropy and e.use_kl) + 10 * (e.prior == "row") + e.seed / 100
        content = {"experiment": e.model_dump(mode="json"), "metrics": {"center_error_pct": error}, "provenance": {}}
        write_text(run.folder / "run.json", json.dumps(content))
    monkeypatch.chdir(tmp_path)
    *preparation, last = re.search(r"```python\n(.*?)```", example, re.DOTALL)[1].strip().split("\n")
    names = {}
    exec("\n".join(preparation), names)
    result = eval(last, names)
    np.testing.assert_allclose(result["effect"], [-30, 0, -30, 0, -30], atol=1e-9)
    with pytest.raises(UserError, match="prior varies"):
        effects(names["runs"], "use_cross_entropy", "use_kl", "center_error_pct")
