"""What two factors, each off or on, change: simple effects and interaction, with confidence intervals."""

import math

import pandas as pd
from scipy import stats

from exon.errors import UserError
from exon.experiment import Experiment

REPLICATES = ("seed",)
"""The settings whose levels are repetitions; what varies with them is the noise. Another split is another setting."""


def contrasts(first: str, second: str) -> dict[str, dict[tuple[bool, bool], int]]:
    """Effect -> the sign of each cell's mean in it; a cell is (first on, second on)."""
    on, only_first, only_second, off = (True, True), (True, False), (False, True), (False, False)
    return {
        f"{second}, {first} on": {on: 1, only_first: -1},
        f"{second}, {first} off": {only_second: 1, off: -1},
        f"{first}, {second} on": {on: 1, only_second: -1},
        f"{first}, {second} off": {only_first: 1, off: -1},
        "interaction": {on: 1, only_first: -1, only_second: -1, off: 1},
    }


def effects(
    table: pd.DataFrame,
    first: str,
    second: str,
    outcome: str,
    level: float = 0.95,
    further: "pd.Series[float] | float" = math.inf,
) -> pd.DataFrame:
    """The four simple effects and the interaction, each a sum of signed means of cells, sum_c w_c mean_c, with w_c = ±1.

    A simple effect is the change of the mean outcome when one factor is turned on, at one level of the other. The
    interaction is the difference of a factor's two simple effects, the same for both factors. Cells keep their own variances:

        effect ± t sqrt(sum_c v_c),    v_c = s_c^2 / n_c,    df = (sum_c v_c)^2 / sum_c v_c^2 / (n_c - 1)

    with t the quantile of Student's distribution with df degrees of freedom (Welch 1947): of two cells Welch's t-test.

    Args:
        table: one row for each run, with boolean columns `first` and `second`, a column `outcome`, and the runs' settings
            (`one_row_a_run`). Runs that differ in their seeds alone are repetitions; those without the outcome are left out.
        level: probability of each interval by itself.
        further: runs of each cell, if the interval is to hold the effect found by that many new ones: v_c is then
            s_c^2 (1 / n_c + 1 / further_c). A number, or a series by `first` and `second`.

    Returns:
        The rows of `contrasts`; columns effect, low, high. NaN for an interval with a single run in one of its cells.

    Raises:
        UserError: a setting varies that is not a factor, a run is given twice, or one of the four cells is empty.
    """
    known = {first, second, *REPLICATES}
    mixed = [
        name
        for name in Experiment.model_fields
        if name in table and name not in known and table[name].map(str).nunique() > 1
    ]
    if mixed:
        levels = ", ".join(table[mixed[0]].map(str).drop_duplicates())
        raise UserError(f"{mixed[0]} varies in the table ({levels}): choose the runs of one level.")
    told_apart = [first, second, *(name for name in REPLICATES if name in table)]
    if len(told_apart) > 2 and (twice := table[table.duplicated(told_apart)]).size:
        settings = ", ".join(f"{name} = {twice.iloc[0][name]}" for name in told_apart)
        raise UserError(f"The table has two runs with {settings}: give each run once.")
    cells = table.dropna(subset=[outcome]).groupby([first, second])[outcome].agg(["mean", "var", "count"])
    if len(cells) < 4:
        raise UserError(
            f"{cells['count'].sum()} runs in {len(cells)} cells of {first} x {second}: give runs in all four."
        )
    variances = cells["var"] * (1 / cells["count"] + 1 / further)
    rows = {}
    for term, signs in contrasts(first, second).items():
        effect = sum(sign * cells["mean"][cell] for cell, sign in signs.items())
        v, n = variances[list(signs)], cells["count"][list(signs)]
        total, half = v.sum(skipna=False), 0.0
        if total:  # without any spread, df is 0 / 0
            df = total**2 / (v**2 / (n - 1)).sum()
            half = stats.t.ppf((1 + level) / 2, df) * math.sqrt(total)
        rows[term] = [effect, effect - half, effect + half]
    return pd.DataFrame(rows, index=["effect", "low", "high"]).T
