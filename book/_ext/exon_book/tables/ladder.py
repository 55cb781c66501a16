"""The ladder of settings for short CIFAR-10 runs, in numbers."""

from pathlib import Path

from docutils import nodes

from exon.evaluation.ladder import rungs
from exon_book.reading import GridDirective
from exon_book.tables import number, table

HEADS = (
    "rung",
    "kept",
    "epochs",
    "validation error (%)",
    "gain (points)",
    "test error (%)",
    "reconstruction",
    "changes",
)


class Ladder(GridDirective):
    """{ladder} GRIDS: each rung beside what it gains, the run at the bottom first, as it stands first among the grids."""

    def made_of(self, runs: list[Path]) -> list[nodes.Node]:
        rows = [
            [
                rung["run"].name,
                "yes" if rung["kept"] else "no",
                str(rung["epochs"]),
                number(rung["validation_error_pct"], ".2f"),
                number(rung["gain"], "+.2f"),
                number(rung["test_error_pct"], ".2f"),
                number(rung["recon"], ".1f"),
                ", ".join(f"{name} {value}" for name, value in rung["changes"].items()) or "–",
            ]
            for rung in rungs(runs).to_dict("records")
        ]
        return [table(HEADS, rows, kind="record"), self.origin(runs)]
