"""The ablation's tables: outcomes in each cell of the design, and the effects of its two factors."""

from pathlib import Path

import pandas as pd
from docutils import nodes

from exon.errors import UserError
from exon.evaluation.effects import effects
from exon.evaluation.tables import CELLS, FACTORS, outcomes
from exon_book.reading import GridDirective
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


class Cells(GridDirective):
    """{cells} GRID: each outcome in the four cells, mean and standard deviation over the seeds."""

    def made_of(self, runs: list[Path]) -> list[nodes.Node]:
        measured = outcomes(runs)
        cells = measured.groupby(list(FACTORS))
        counts = cells.size()
        if empty := [name for cell, name in CELLS.items() if cell not in counts]:
            raise UserError(f"no run of the cell {' and none of '.join(map(repr, empty))} is finished")
        heads = ["outcome", *(f"{name} (n = {counts[cell]})" for cell, name in CELLS.items())]
        rows = []
        for metric, (title, form) in _of(measured):
            mean, sd = cells[metric].mean(), cells[metric].std()
            rows.append([title, *(with_spread(mean[cell], sd[cell], form) for cell in CELLS)])
        return [table(heads, rows), self.origin(runs)]


class Effects(GridDirective):
    """{effects} GRID: what each factor changes in each outcome, with 95 % intervals."""

    def made_of(self, runs: list[Path]) -> list[nodes.Node]:
        measured = outcomes(runs)
        rows = []
        for metric, (title, form) in _of(measured):
            fit = effects(measured, *FACTORS, metric)
            shown = [
                f"{number(effect, '+' + form)} [{number(low, '+' + form)}, {number(high, '+' + form)}]"
                for effect, low, high in fit.to_numpy()
            ]
            rows.append([title, *shown])
        return [table(["outcome", "cross-entropy", "KL", "interaction"], rows), self.origin(runs)]
