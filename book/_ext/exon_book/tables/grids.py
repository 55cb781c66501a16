"""The grids that the book's runs come from."""

import re
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
            declared = grid.load(path)
            stored = f"{len(finished(path.stem, root))} of {len(declared)}"
            rows.append((path.stem, purpose(path), f"{stored}, {declared[0].experiment.profile}"))
        return [table(HEADS, rows, kind="record")]


def purpose(path: Path) -> str:
    """The first sentence of a grid's file, in which the file's own names stand between backticks.

    Raises:
        UserError: the file does not begin with a comment.
    """
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    if not lines:
        raise UserError(f"{path} does not begin with a comment that says what it is for")
    sentence = re.match(r".+?[.?](?=\s|$)", " ".join(lines))
    return (sentence[0] if sentence else " ".join(lines)).replace("`", "")
