"""The ladder of settings for short CIFAR-10 runs, in numbers."""

from pathlib import Path

from docutils import nodes

from exon.evaluation.ladder import rungs
from exon_book.reading import GridDirective
from exon_book.tables import number, table

HEADS = (
    "rung, changes",
    "kept",
    "validation error (%)",
    "gain (points)",
    "test error (%)",
    "reconstruction",
    "epochs",
)


class Ladder(GridDirective):
    """{ladder} GRIDS: each rung beside what it gains, the run at the bottom first, as it stands first among the grids."""

    def made_of(self, runs: list[Path]) -> list[nodes.Node]:
        rows = [
            [
                ": ".join(filter(None, (rung["run"].name, _words(rung["changes"])))),
                "yes" if rung["kept"] else "no",
                number(rung["validation_error_pct"], ".2f"),
                number(rung["gain"], "+.2f"),
                number(rung["test_error_pct"], ".2f"),
                number(rung["recon"], ".1f"),
                str(rung["epochs"]),
            ]
            for rung in rungs(runs).to_dict("records")
        ]
        return [table(HEADS, rows), self.origin(runs)]


def _words(changes: dict[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in changes.items())
