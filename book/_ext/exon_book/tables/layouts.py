"""Layouts of the centers on MNIST, in numbers."""

from pathlib import Path

from docutils import nodes

from exon.evaluation.layouts import summary
from exon_book.reading import GridDirective
from exon_book.tables import number, table

SHOWN = {
    "assigned_pct": ("at the assigned center (%)", ".1f"),
    "own_order_pct": ("at its center on the circle (%)", ".1f"),
    "test_error_pct": ("test error (%)", ".2f"),
    "purity_pct": ("purity (%)", ".1f"),
    "placement_error_pct": ("placement error (%)", ".2f"),
    "center_error_pct": ("center error (%)", ".1f"),
    "center_error_floor_pct": ("draws from the prior (%)", ".1f"),
}


class Layouts(GridDirective):
    """{layouts} GRIDS: what each layout's run found, and where the codes of the labels lie that another order moved."""

    def made_of(self, runs: list[Path]) -> list[nodes.Node]:
        rows = [
            [str(title), *(number(row.get(name), form) for name, (_, form) in SHOWN.items())]
            for title, row in summary(runs).iterrows()
        ]
        return [table(["layout", *(head for head, _ in SHOWN.values())], rows), self.origin(runs)]
