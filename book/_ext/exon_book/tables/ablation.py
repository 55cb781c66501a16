"""The ablation's tables: outcomes in each cell of the design, and the effects of its two factors; and one of these alone."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from docutils import nodes

from exon.errors import UserError
from exon.evaluation.effects import effects
from exon.evaluation.primary import FAMILY, PRIMARY, TERMS, level_of
from exon.evaluation.tables import CELLS, FACTORS, outcomes
from exon_book.lookup import anchor, runs_of, traced
from exon_book.reading import GridDirective, RecordRole
from exon_book.tables import number, of_runs, table

# Those of both data sets, then those of CIFAR-10 alone; a table has the rows that its runs measured.
OUTCOMES = {
    "test_error_pct": ("test error (%)", ".1f"),
    "relabelled_error_pct": ("test error, classes renamed (%)", ".1f"),
    "center_error_pct": ("center error (%)", ".1f"),
    "purity_pct": ("purity (%)", ".1f"),
    "generation_error_pct": ("generation error (%)", ".1f"),
    "recon": ("reconstruction", ".1f"),
    "kl_label": ("KL of the label (nats)", ".2f"),
    "kl_latent": ("KL of z given the label (nats)", ".1f"),
    "negative_ssim": ("negative SSIM", ".3f"),
    "v_nat": ("V-nat (nats)", ".1f"),
    "cardinality_mean": ("cardinality", ".2f"),
    "center_distance": ("distance to the center (sd)", ".2f"),
    "variance_ratio": ("variance over the prior's", ".2f"),
    "components_used": ("components used", ".1f"),
    "v_nat_label": ("V-nat, label dimensions (nats)", ".2f"),
    "v_nat_other": ("V-nat, the other dimensions (nats)", ".2f"),
    "change_ratio": ("squared change of the image, inside : outside", ".1f"),
    "judge_score": ("judge score", ".2f"),
}


def _of(measured: pd.DataFrame) -> list[tuple[str, tuple[str, str]]]:
    return [(metric, shown) for metric, shown in OUTCOMES.items() if metric in measured]


class Cells(GridDirective):
    """{cells} GRID: each outcome in the four cells, what its runs found (`of_runs`)."""

    def made_of(self, runs: list[Path]) -> list[nodes.Node]:
        measured = outcomes(runs)
        cells = measured.groupby(list(FACTORS))
        counts = cells.size()
        if empty := [name for cell, name in CELLS.items() if cell not in counts]:
            raise UserError(f"no run of the cell {' and none of '.join(map(repr, empty))} is finished")
        heads = ["outcome", *(f"{name} (n = {counts[cell]})" for cell, name in CELLS.items())]
        rows = []
        for metric, (title, form) in _of(measured):
            values = dict(iter(cells[metric]))
            rows.append([title, *(of_runs(values[cell], form) for cell in CELLS)])
        return [table(heads, rows), self.origin(runs)]


class Effects(GridDirective):
    """{effects} GRID: what each factor changes in each outcome, with 95 % intervals that are not corrected."""

    def made_of(self, runs: list[Path]) -> list[nodes.Node]:
        measured = outcomes(runs)
        rows = []
        for metric, (title, form) in _of(measured):
            fit = effects(measured, *FACTORS, metric).rename(TERMS).loc[list(TERMS.values())]
            rows.append([title, *(_interval(row, form) for row in fit.to_numpy())])
        shown = table(["outcome", *TERMS.values()], rows, "record")
        shown["classes"].append("effects")
        return [shown, self.origin(runs)]


class EffectRole(RecordRole):
    """{effect}`GRID::OUTCOME::TERM`: an effect, by its name in `TERMS`; on a primary outcome its corrected interval."""

    def node(self) -> nodes.Node:
        names, metric, term = self.text.split("::")
        runs = runs_of(self.env, names)
        fit = effects(outcomes(runs), *FACTORS, metric, level_of(metric)).rename(TERMS).T[term]
        correction = f" that holds together with the other {FAMILY - 1} primary ones" * (metric in PRIMARY)
        source = f"effect of {term} on {metric}, 95 % interval{correction}, over {', '.join(run.name for run in runs)}"
        return traced(self.env, _interval(fit, OUTCOMES[metric][1]), source, anchor(runs[0]))


def _interval(fit: Iterable[float], form: str) -> str:
    """An effect and its interval, if there is one: "+2.9 [+1.8, +3.9]"."""
    effect, low, high = (number(value, "+" + form) for value in fit)
    return effect if low == number(None, form) else f"{effect} [{low},\u00a0{high}]"
