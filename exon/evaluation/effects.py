"""Main effects and interaction of two factors, each off or on, with confidence intervals."""

from collections.abc import Sequence

import pandas as pd
import statsmodels.formula.api as smf

from exon.errors import UserError
from exon.experiment import Experiment

REPLICATES = ("seed",)
"""The settings whose levels are repetitions; what varies with them is the noise. Another split is another setting."""


def one_row_a_run(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a runs.csv, one for each run and metric, as one row for each run: settings, and a column for each metric."""
    keys = ["profile", "experiment", "run"]
    settings = table.drop(columns=["metric", "value"]).drop_duplicates()
    return settings.merge(table.pivot(index=keys, columns="metric", values="value").reset_index(), on=keys)


def effects(
    table: pd.DataFrame,
    first: str,
    second: str,
    outcome: str,
    level: float = 0.95,
    blocks: Sequence[str] = (),
) -> pd.DataFrame:
    """The least-squares fit  outcome = a + b1 x1 + b2 x2 + b12 x1 x2 + noise,  x = +1/2 where a factor is on, -1/2 where off.

    b1 is the mean of the outcome with the first factor on minus that with it off, both levels of the second counting
    alike; b2 the same of the second; b12 is how much the effect of one changes when the other is turned on. With blocks
    there is an a for each combination of their levels: the effects are then means over the blocks.

    Args:
        table: one row for each run, with boolean columns `first` and `second`, a column `outcome`, and the runs' settings
            (`one_row_a_run`). Runs that differ in their seeds alone are repetitions; those without the outcome are left out.
        level: of the intervals, which are Student's t with as many degrees of freedom as runs beyond the coefficients.
        blocks: other settings that may vary.

    Returns:
        Rows first, second and "interaction"; columns effect, low, high.

    Raises:
        UserError: a setting varies that is neither a factor nor a block; one of the four cells is empty in a block; or no
            run is left to tell the noise by.
    """
    known = {first, second, *REPLICATES, *blocks}
    mixed = [
        name
        for name in Experiment.model_fields
        if name in table and name not in known and table[name].map(str).nunique() > 1
    ]
    if mixed:
        levels = ", ".join(table[mixed[0]].map(str).drop_duplicates())
        raise UserError(
            f"{mixed[0]} varies in the table ({levels}): choose the runs of one level, or name it as a factor or a block."
        )
    table = table.dropna(subset=[outcome])
    block = table[list(blocks)].map(str).agg(" ".join, axis=1) if blocks else pd.Series("", table.index)
    cells = table.groupby([block, table[first], table[second]]).size()
    if len(cells) < 4 * block.nunique() or len(table) <= 3 + block.nunique():
        raise UserError(
            f"{len(table)} runs in {len(cells)} cells of {' x '.join([first, second, *blocks])}: "
            f"give runs in all {4 * block.nunique()}, and more than {3 + block.nunique()}."
        )
    coded = pd.DataFrame({"x1": table[first] - 0.5, "x2": table[second] - 0.5, "y": table[outcome], "block": block})
    fit = smf.ols("y ~ x1 * x2 + C(block)" if blocks else "y ~ x1 * x2", coded).fit()
    interval = fit.conf_int(1 - level)
    rows = {first: "x1", second: "x2", "interaction": "x1:x2"}
    return pd.DataFrame(
        {name: [fit.params[key], *interval.loc[key]] for name, key in rows.items()}, index=["effect", "low", "high"]
    ).T
