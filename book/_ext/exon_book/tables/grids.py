"""The grids that the book's runs come from."""

import re
from itertools import takewhile
from pathlib import Path

from docutils import nodes

from exon.errors import UserError
from exon.runs import grid
from exon_book.lookup import finished
from exon_book.reading import RecordDirective
from exon_book.tables import table

HEADS = ("grid", "purpose", "stored runs")


class Grids(RecordDirective):
    """{grids}: what each file of notebooks/grids is for, by its first sentence, and how many of its runs are stored."""

    def made(self) -> list[nodes.Node]:
        root = Path(self.env.srcdir)
        self.env.note_reread()
        rows = []
        for path in sorted(grid.folder().glob("*.yaml")):
            try:
                declared = grid.load(path)
            except UserError:
                continue  # one of a reader's own, which a sweep of it names
            stored = f"{len(finished(path.stem, root))} of {len(declared)}"
            rows.append((path.stem, purpose(path) or "–", f"{stored}, {declared[0].experiment.profile}"))
        return [table(HEADS, rows, kind="record")]


def purpose(path: Path) -> str:
    """The first sentence of the comment with which a grid's file begins; empty where there is none."""
    lines = takewhile(lambda line: line.startswith("#"), path.read_text(encoding="utf-8").splitlines())
    comment = " ".join(line.removeprefix("#").strip() for line in lines)
    return re.sub(r"(?<=[.?])\s.*", "", comment).replace("`", "")
