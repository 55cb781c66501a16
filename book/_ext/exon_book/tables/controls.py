"""The full model on MNIST beside its controls, in numbers."""

import math
from pathlib import Path

from docutils import nodes

from exon.evaluation.controls import KINDS, ONE_CENTER, kind
from exon.evaluation.tables import outcomes
from exon_book.reading import GridDirective
from exon_book.tables import of_runs, table

MEASURED = {
    "test_error_pct": ("test error (%)", ".2f"),
    "purity_pct": ("purity (%)", ".1f"),
    "center_error_pct": ("center error (%)", ".1f"),
    "generation_error_pct": ("generation error (%)", ".1f"),
}


class Controls(GridDirective):
    """{controls} GRIDS: what the runs found (`of_runs`) of the full model and of each control; dashes where none is."""

    def made_of(self, runs: list[Path]) -> list[nodes.Node]:
        measured = outcomes(runs)
        kinds = measured.apply(kind, axis=1)
        rows = []
        for name in KINDS:
            own = measured[kinds == name].reindex(columns=list(MEASURED))
            if name == ONE_CENTER:
                own["center_error_pct"] = math.nan  # the nearest of ten equal centers is none
            numbers = [of_runs(own[metric], form) for metric, (_, form) in MEASURED.items()]
            rows.append([name, str(len(own)), *numbers])
        return [table(["", "n", *(title for title, _ in MEASURED.values())], rows), self.origin(runs)]
