"""CIFAR-10: small settings compared."""

from pathlib import Path

from docutils import nodes

from exon.experiment import Experiment
from exon.runs import record
from exon_book.reading import GridDirective
from exon_book.steps import steps_of
from exon_book.tables import number, table

HEADS = ("width", "labelled + other images", "learning rate", "epochs", "steps", "minutes", "validation error (%)")


class Trials(GridDirective):
    """{trials} GRID: the settings of each run of a grid and its error on the validation images, lowest first."""

    def made_of(self, runs: list[Path]) -> list[nodes.Node]:
        contents = sorted((record.read(run) for run in runs), key=lambda c: c["metrics"]["validation_error_pct"])
        rows = []
        for content in contents:
            e = Experiment(**content["experiment"])
            others = e.batch_size - e.labelled_batch_size
            batch = f"{e.labelled_batch_size} + {others}"
            minutes = number(content["metrics"]["seconds"] / 60, ".0f")
            error = number(content["metrics"]["validation_error_pct"], ".2f")
            rows.append(
                [f"{e.width:g}", batch, f"{e.learning_rate:g}", str(e.epochs), str(steps_of(e)), minutes, error]
            )
        return [table(HEADS, rows), self.origin(runs)]
