"""Directives that stand for one run or one figure."""

import inspect
import json
import textwrap
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.parsers.rst.directives.images import Figure

from exon.errors import UserError
from exon.files import OWN
from exon.runs import notebook, provenance, record, verify
from exon_book.drawing import Drawing, drawn, images
from exon_book.lookup import anchor, is_own, linked, locate, logger
from exon_book.plots import FIGURES
from exon_book.reading import GridDirective, RecordDirective
from exon_book.tables import table


class RunLabel(RecordDirective):
    """What a stored run was, and beside it the reader's own of the same settings, if there is one, with the verdict on it."""

    required_arguments = 1

    def made(self) -> list[nodes.Node]:
        path = locate(self.env, self.arguments[0], "run.json")
        label = self.label(path.parent)
        root = Path(self.env.srcdir)
        if is_own(path.parent):
            return [label]
        own = root / OWN / path.parent.relative_to(root / "results")
        self.env.note_dependency(str(own / "run.json"))
        if not (own / "run.json").exists():
            return [label]
        record.read(own)  # one that is damaged is a warning
        try:
            verdict = verify.compare(path.parent, own)
        except UserError as error:  # it is of other settings
            logger.info("%s", error)
            return [label]
        return [label, self.label(own, verdict)]

    def label(self, folder: Path, verdict: verify.Verdict | None = None) -> nodes.admonition:
        content = record.read(folder)
        settings, training = content["experiment"], record.training_provenance(content)
        sample = training["data"]["source"] == "sample"
        images = "the small sample that ships with the package" if sample else "the whole data set"
        title = "Run here" if is_own(folder) else "Stored record"
        if sample:
            title += ", on a small sample: its numbers mean nothing"
        threads = training["threads"]
        text = (
            f"Profile {settings['profile']}, {settings['epochs']} epochs on {images}, {settings['labels']} labels, "
            f"beta {settings['beta']:g}, seed {settings['seed']}; {content['metrics']['seconds'] / 60:.1f} minutes of training "
            f"on {provenance.hardware(training)} ({threads} thread{'s' * (threads != 1)}), {training['finished'][:10]}. "
        )
        place = folder.relative_to(self.env.srcdir)
        again = OWN / Path(*place.parts[-3:])
        measured = {"accuracy_score": True} if content.get("parameters", {}).get("accuracy_score") else {}
        command = notebook.command(folder.parts[-2], record.experiment_of(folder), again.as_posix(), **measured)
        paragraph = nodes.paragraph("", text, classes=["record"])
        paragraph += [linked(self.env, nodes.inline("", "Its record"), anchor(folder)), nodes.Text(": ")]
        paragraph += [nodes.literal("", place.as_posix()), nodes.Text(". Again: "), nodes.literal("", command)]
        label = nodes.admonition("", nodes.title("", title), paragraph)
        label["classes"] += ["admonition", "warning" if sample else "note"]
        if verdict:
            label += nodes.paragraph("", verdict.sentence, classes=["record"])
            lines = [line for line in verdict.lines if line.metric in verify.HEADLINE]
            label += [table(verify.HEADS, map(verify.cells, lines), "record")] if lines else []
        return label


class Shown(RecordDirective, Figure):
    """A figure made while the book is built; :alt: is required, a line says which record it comes from, a bar opens its code."""

    option_spec: ClassVar[dict[str, Any]] = {**(Figure.option_spec or {}), "alt": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        if "alt" not in self.options:
            self.warn("no :alt: given")
            return []
        return super().run()

    def show(self, name: str, drawing: Drawing, source: nodes.paragraph, code: str) -> list[nodes.Node]:
        (image, *narrow) = images(self.env, name, drawing, self.options["alt"])
        self.arguments[0] = image["uri"]
        self.options.setdefault("class", []).extend(image["classes"])
        (node, *messages) = Figure.run(self)
        if isinstance(node, nodes.figure):  # not where the options are wrong: then it is a message
            node[1:1] = narrow
            block = nodes.literal_block(code, code, language="python")
            bar = nodes.raw("", "<details class='code'><summary>Code</summary>", format="html")
            node += nodes.legend("", source, bar, block, nodes.raw("", "</details>", format="html"))
        return [node, *messages]


class RunFigure(Shown):
    """A figure whose image is the SVG that a cell of run.ipynb, named by its id, shows."""

    def made(self) -> list[nodes.Node]:
        run, _, cell_id = self.arguments[0].partition("::")
        path = locate(self.env, run, "run.ipynb")
        found = figure_of(json.loads(path.read_text()), cell_id)
        if found is None:
            raise UserError(f"no figure in cell {cell_id!r} of {path}")
        image, code = found
        place = path.parent.relative_to(Path(self.env.srcdir) / "results").as_posix()
        run_link = linked(self.env, nodes.inline(place, place), anchor(path.parent))
        source = nodes.paragraph("", "", nodes.Text("From the run "), run_link, nodes.Text("."), classes=["record"])
        return self.show(f"{'-'.join(path.parts[-4:-1])}-{cell_id}", Drawing(image), source, code)


class Plot(Shown, GridDirective):
    """A figure of `exon_book.plots`, drawn from the runs of its grid."""

    @property
    def grids(self) -> str:
        if self.arguments[0] not in FIGURES:
            raise UserError("no such plot")
        return FIGURES[self.arguments[0]].grids

    def made_of(self, runs: list[Path]) -> list[nodes.Node]:
        name = self.arguments[0]
        plotted = FIGURES[name]
        shown = plotted.choose(runs)
        code = textwrap.dedent(inspect.getsource(plotted.draw))
        return self.show(name, drawn(lambda: plotted.draw(shown)), self.origin(shown), code)


def figure_of(content: dict[str, Any], cell_id: str) -> tuple[str, str] | None:
    """The SVG that the cell with this id displays, and the cell's code; or None."""
    for cell in content["cells"]:
        for output in cell.get("outputs", []) if cell["id"] == cell_id else []:
            if image := output.get("data", {}).get("image/svg+xml"):
                return "".join(image), "".join(cell["source"])
    return None
