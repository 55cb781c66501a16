"""The figures of the ablation: its primary effects, and its outcomes in every run.

A series is an objective at a split. As long as each of its cells has a single run, its effects have no interval.
"""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from exon.errors import UserError
from exon.evaluation.primary import PRIMARY, TERMS, primary_effects
from exon.evaluation.tables import CELLS, FACTORS, outcomes
from exon.figures import forest, replication
from exon_book.tables.ablation import OUTCOMES

TITLES = {outcome: OUTCOMES[outcome][0] for outcome in PRIMARY}
CHANCE = {"center_error_pct": 90.0, "generation_error_pct": 90.0, "purity_pct": 10.0, "test_error_pct": 90.0}
"""Of ten labels, each as frequent as the others."""


def series(runs: list[Path]) -> dict[str, pd.DataFrame]:
    """Name, with its number of runs a cell -> the rows of `outcomes` of an objective at a split, if all its cells have runs.

    Raises:
        UserError: there is none such.
    """
    found = {}
    for (sci, split), table in outcomes(runs).groupby(["use_sci", "split_seed"]):
        sizes = table.groupby(list(FACTORS)).size()
        if len(sizes) == len(CELLS):
            n = " to ".join(map(str, sorted({sizes.min(), sizes.max()})))
            found[f"{'with' if sci else 'without'} SCI{f', split {split}' if split != 1 else ''} (n = {n})"] = table
    if not found:
        raise UserError("no objective has a finished run of each cell")
    return found


def effects(runs: list[Path]) -> Figure:
    parts = [primary_effects(table).assign(series=name) for name, table in series(runs).items()]
    panels = {outcome: TITLES[outcome].replace("(%)", "(% points)") for outcome in PRIMARY}
    return forest.forest(panels, TERMS, pd.concat(parts, ignore_index=True))


def every_run(runs: list[Path]) -> Figure:
    parts = []
    for name, table in series(runs).items():
        cells = [CELLS[cell] for cell in table[list(FACTORS)].itertuples(index=False, name=None)]
        parts.append(
            table[list(PRIMARY)].assign(series=name, cell=pd.Categorical(cells, list(CELLS.values()), ordered=True))
        )
    rows = pd.concat(parts).melt(["series", "cell"], var_name="metric").sort_values("cell", kind="stable")
    figure = replication.outcomes({outcome: TITLES[outcome] for outcome in PRIMARY}, rows.astype({"cell": str}), CHANCE)
    for axis in figure.axes:
        axis.set_xlim(0, 100)
    return figure
