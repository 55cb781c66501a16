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
from exon.runs import grid, record


def design(values):
    """Four cells of three runs each: (off, off), (off, on), (on, off), (on, on)."""
    rows = [(a, b, value) for (a, b), cell in values.items() for value in cell]
    return pd.DataFrame(rows, columns=["ce", "kl", "y"])


CELLS = [(a, b) for a in (False, True) for b in (False, True)]


@given(st.lists(st.floats(-100, 100), min_size=12, max_size=12))
def test_effects_are_differences_of_means_with_t_intervals(numbers):
    cells = np.array(numbers).reshape(4, 3) + np.array([0, 0.5, 1])
    keys = [(False, False), (False, True), (True, False), (True, True)]
    result = effects(design(dict(zip(keys, cells, strict=True))), "ce", "kl", "y")
    mean = dict(zip(keys, cells.mean(1), strict=True))
    ce = (mean[True, True] + mean[True, False] - mean[False, True] - mean[False, False]) / 2
    kl = (mean[True, True] + mean[False, True] - mean[True, False] - mean[False, False]) / 2
    both = (mean[True, True] - mean[True, False]) - (mean[False, True] - mean[False, False])
    np.testing.assert_allclose(result["effect"], [ce, kl, both], atol=1e-8)
    deviation = np.sqrt(cells.var(1, ddof=1).mean())
    half = stats.t.ppf(0.975, 8) * deviation * np.sqrt(4 / 12)
    np.testing.assert_allclose((result["high"] - result["low"]) / 2, [half, half, 2 * half], rtol=1e-6)


def test_one_run_more_than_cells_is_enough():
    five = design({(False, False): [1.0, 2.0], (False, True): [3.0], (True, False): [4.0], (True, True): [5.0]})
    result = effects(five, "ce", "kl", "y")
    np.testing.assert_allclose(result["effect"], [2.25, 1.25, -0.5])


@pytest.mark.parametrize("left_out", [[0, 1, 2], list(range(4, 12)), [1, 2, 4, 5, 7, 8, 10, 11]])
def test_too_few_runs_are_named(left_out):
    full = design({(a, b): [1.0, 2.0, 3.0] for a in (False, True) for b in (False, True)})
    with pytest.raises(UserError, match=r"runs in \d cells of ce x kl: give runs in all 4"):
        effects(full.drop(left_out), "ce", "kl", "y")


@pytest.mark.parametrize(("setting", "levels"), [("prior", ["circle", "row"]), ("distance", [1.0, None])])
def test_settings_that_are_mixed_up_are_named(setting, levels):
    table = design({cell: [1.0, 2.0, 3.0] for cell in CELLS}).assign(seed=[1, 2, 3] * 4, labels=100)
    effects(table, "ce", "kl", "y")
    mixed = table.assign(**{setting: [levels[0]] * 11 + [levels[1]]})
    with pytest.raises(
        UserError, match=rf"^{setting} varies in the table \({levels[0]}, .*\): choose the runs of one level"
    ):
        effects(mixed, "ce", "kl", "y")


def test_a_block_shifts_outcomes_and_not_effects():
    values = {cell: [index + 0.1, index - 0.1, index] for index, cell in enumerate(CELLS)}
    one = design(values).assign(prior="circle")
    other = design({cell: [value + 50 for value in cell_values] for cell, cell_values in values.items()}).assign(
        prior="row"
    )
    blocked = effects(pd.concat([one, other], ignore_index=True), "ce", "kl", "y", blocks=["prior"])
    np.testing.assert_allclose(blocked["effect"], effects(one, "ce", "kl", "y")["effect"], atol=1e-9)
    half = (blocked["high"] - blocked["low"]) / 2
    residual = np.sqrt(8 * 2 * 0.01 / (24 - 5))
    assert half["ce"] == pytest.approx(stats.t.ppf(0.975, 24 - 5) * residual * np.sqrt(4 / 24))


def test_every_block_needs_its_four_cells():
    table = design({cell: [1.0, 2.0] for cell in CELLS}).assign(prior=["circle"] * 7 + ["row"])
    with pytest.raises(UserError, match="8 runs in 5 cells of ce x kl x prior: give runs in all 8, and more than 5"):
        effects(table, "ce", "kl", "y", blocks=["prior"])


def test_the_example_of_the_page_is_true(tmp_path, monkeypatch):
    """Its grid has as many runs as it says, and its code finds the effects that are put into their records."""
    page = Path("book/ablation.md").read_text()
    example = page.partition("## Add a factor")[2]
    (tmp_path / "my_ablation.yaml").write_text(re.search(r"```yaml\n(.*?)```", example, re.DOTALL)[1])
    runs = grid.load(tmp_path / "my_ablation.yaml", root=tmp_path / "results" / "own")
    assert f"The {len(runs)} runs" in example
    for run in runs:
        e = run.experiment
        error = 50 - 30 * (e.use_cross_entropy and e.use_kl) + 10 * (e.prior == "row") + e.seed / 100
        content = {"experiment": e.model_dump(mode="json"), "metrics": {"center_error_pct": error}, "provenance": {}}
        write_text(run.folder / "run.json", json.dumps(content))
    write_text(tmp_path / "results/own/summary/runs.csv", record.summarize(runs[0].root).to_csv(index=False))
    monkeypatch.chdir(tmp_path)
    *preparation, last = re.search(r"```python\n(.*?)```", example, re.DOTALL)[1].strip().split("\n")
    names = {}
    exec("\n".join(preparation), names)
    result = eval(last, names)
    np.testing.assert_allclose(result["effect"], [-15, -15, -30], atol=1e-9)
    with pytest.raises(UserError, match="prior varies"):
        effects(names["runs"], "use_cross_entropy", "use_kl", "center_error_pct")
    pooled = effects(names["runs"], "use_cross_entropy", "use_kl", "center_error_pct", blocks=["prior"])
    assert pooled.loc["interaction", "effect"] == pytest.approx(-30)
