"""The ablation's tables: outcomes in each cell of the design, and the effects of its two factors."""

import math

import pandas as pd
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from exon.errors import UserError
from exon.evaluation.effects import effects
from exon.evaluation.tables import CELLS, FACTORS, outcomes
from exon_book.lookup import logger, origin, runs_of
from exon_book.tables import number, table, with_spread

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
    "change_ratio": ("change of the image, inside : outside", ".1f"),
    "judge_score": ("judge score", ".2f"),
}


def _of(measured: pd.DataFrame) -> list[tuple[str, tuple[str, str]]]:
    return [(metric, shown) for metric, shown in OUTCOMES.items() if metric in measured]


class Cells(SphinxDirective):
    """{cells} GRID: each outcome in the four cells, mean and standard deviation over the seeds."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        runs = runs_of(self, self.arguments[0])
        if not runs:
            return []
        measured = outcomes(runs)
        cells = measured.groupby(list(FACTORS))
        counts = cells.size()
        heads = ["outcome", *(f"{name} (n = {counts.get(cell, 0)})" for cell, name in CELLS.items())]
        rows = []
        for metric, (title, form) in _of(measured):
            mean, sd = cells[metric].mean(), cells[metric].std()
            shown = [with_spread(mean.get(cell), sd.get(cell, math.nan), form) for cell in CELLS]
            rows.append([title, *shown])
        return [table(heads, rows), origin(self, self.arguments[0], runs)]


class Effects(SphinxDirective):
    """{effects} GRID: what each factor changes in each outcome, with 95 % intervals."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        runs = runs_of(self, self.arguments[0])
        measured = outcomes(runs) if runs else pd.DataFrame()
        rows = []
        try:
            for metric, (title, form) in _of(measured):
                fit = effects(measured, *FACTORS, metric)
                shown = [
                    f"{number(effect, '+' + form)} [{number(low, '+' + form)}, {number(high, '+' + form)}]"
                    for effect, low, high in fit.to_numpy()
                ]
                rows.append([title, *shown])
        except (UserError, KeyError) as error:
            logger.warning("%s: no effects: %s", self.arguments[0], error, location=self.get_location())
            return []
        return [table(["outcome", "cross-entropy", "KL", "interaction"], rows), origin(self, self.arguments[0], runs)]
