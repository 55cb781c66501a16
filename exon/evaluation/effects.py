"""Main effects and interaction of two factors, each off or on, with confidence intervals."""

import pandas as pd
import statsmodels.formula.api as smf

from exon.errors import UserError


def effects(table: pd.DataFrame, first: str, second: str, outcome: str, level: float = 0.95) -> pd.DataFrame:
    """The least-squares fit  outcome = a + b1 x1 + b2 x2 + b12 x1 x2 + noise,  x = +1/2 where a factor is on, -1/2 where off.

    b1 is the mean of the outcome with the first factor on minus that with it off, both levels of the second counting
    alike; b2 the same of the second; b12 is how much the effect of one changes when the other is turned on.

    Args:
        table: one row for each run, with boolean columns `first` and `second` and a column `outcome`.
        level: of the intervals, which are Student's t with as many degrees of freedom as runs beyond the four cells.

    Returns:
        Rows first, second and "interaction"; columns effect, low, high.

    Raises:
        UserError: one of the four cells is empty, or no cell holds a second run.
    """
    cells = table.groupby([first, second]).size()
    if len(cells) < 4 or len(table) <= 4:
        raise UserError(
            f"{len(table)} runs in {len(cells)} cells of {first} x {second}: give runs in all four, and more than four."
        )
    coded = pd.DataFrame({"x1": table[first] - 0.5, "x2": table[second] - 0.5, "y": table[outcome]})
    fit = smf.ols("y ~ x1 * x2", coded).fit()
    interval = fit.conf_int(1 - level)
    rows = {first: "x1", second: "x2", "interaction": "x1:x2"}
    return pd.DataFrame(
        {name: [fit.params[key], *interval.loc[key]] for name, key in rows.items()}, index=["effect", "low", "high"]
    ).T
