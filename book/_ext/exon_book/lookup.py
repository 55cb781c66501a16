"""Finding the records that a page speaks of, and noting them as what the page depends on."""

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

from exon.files import OWN
from exon.runs import grid, record

logger = logging.getLogger(__name__)


def locate(self: "SphinxRole | SphinxDirective", run: str, name: str) -> Path | None:
    """The file of a stored run, or else of one's own, noted as a dependency of the page; None, with a warning, if neither is."""
    root, place = Path(self.env.srcdir), run.replace("{profile}", self.config.exon_profile)
    for folder in ("results", OWN):
        path = root / folder / place / name
        self.env.note_dependency(str(path))
        if path.is_file():
            return path
    logger.warning("there is no %s", Path("results", place, name), location=self.get_location())
    return None


def value_of(content: dict[str, Any], name: str) -> Any:
    """A metric of a record or, where there is none of that name, a setting, or what its provenance says; else None."""
    return next(
        (content[part][name] for part in ("metrics", "experiment", "provenance") if name in content.get(part, ())), None
    )


def traced(self: "SphinxRole | SphinxDirective", text: str, source: str, place: str = "") -> nodes.Node:
    """Text that tells its source when hovered, and leads to it on the page of all runs.

    Args:
        place: an anchor of that page; without one it is text alone.
    """
    said = nodes.abbreviation(text, text, explanation=source, classes=["metric"])
    return linked(self, said, place) if place else said


RUNS_PAGE = "book/runs"


def linked(self: "SphinxRole | SphinxDirective", shown: nodes.Node, place: str) -> nodes.Node:
    """A node as a link to an anchor of the page of all runs; the node alone without an anchor, or in a book without that page."""
    if not place or RUNS_PAGE not in self.env.found_docs:
        return shown
    page = self.env.app.builder.get_relative_uri(self.env.docname, RUNS_PAGE)
    return nodes.reference("", "", shown, internal=True, refuri=f"{page}#{place}")


def anchor(folder: Path) -> str:
    """Where a stored run stands on the page of all runs; nothing for one's own, which is not on it."""
    return "" if is_own(folder) else nodes.make_id("-".join(("run", *folder.parts[-3:])))


def formatted(value: float, form: str) -> str:
    """format(value, form), where the form may end with a unit: ".2f %"."""
    form, space, unit = form.partition(" ")
    return format(value, form) + space.replace(" ", "\u00a0") + unit


def finished(name: str, root: Path) -> list[Path]:
    """The folders, below the book's root, of a grid's runs that have a record."""
    return [folder for run in grid.load(name) if ((folder := root / run.folder) / "run.json").is_file()]


def runs_of(self: "SphinxRole | SphinxDirective", names: str) -> list[Path]:
    """The folders of finished runs, noted as dependencies of the page; a warning if there is none.

    Args:
        names: grids separated by spaces; a slash and a pattern after a name choose some of its runs: "beta/*_seed-1".
    """
    root = Path(self.env.srcdir)
    runs = []
    for name, pattern in _grids(names):
        self.env.note_dependency(str(grid.find(name)))
        for run in grid.load(name):
            self.env.note_dependency(str(root / run.folder / "run.json"))
        runs += [run for run in finished(name, root) if run.match(pattern)]
    if not runs:
        logger.warning("no run of the grid %r is finished", names, location=self.get_location())
    return runs


def origin(self: SphinxDirective, names: str, done: list[Path]) -> nodes.paragraph:
    """Which runs of which grids a figure or table was made from, and the commands that run them again."""
    declared = [run for name, pattern in _grids(names) for run in grid.load(name) if run.folder.match(pattern)]
    epochs = sorted({record.experiment_of(run).epochs for run in done})
    chosen = list(dict.fromkeys(name for name, _ in _grids(names)))
    grids = f"of the grid{'s' * (len(chosen) > 1)} {' and '.join(chosen)}"
    if len(declared) == 1:
        which = f"the run {done[0].name} {grids}"
    else:
        which = f"{'all' if len(done) == len(declared) else f'{len(done)} of'} {len(declared)} runs {grids}"
    scale = f": profile {declared[0].experiment.profile}, {'/'.join(map(str, epochs))} epochs. Again: "
    runs = linked(self, nodes.inline(which, which), anchor(done[0]))
    paragraph = nodes.paragraph("", "", nodes.Text("From "), runs, nodes.Text(scale), classes=["record"])
    for name in chosen:
        command = f"python -m exon sweep {name}"
        paragraph += [nodes.literal(command, command), nodes.Text(" ")]
    return paragraph


def _grids(names: str) -> list[tuple[str, str]]:
    """Pairs of a grid and a pattern of its runs' names."""
    parts = (name.partition("/") for name in names.split())
    return [(name, pattern or "*") for name, _, pattern in parts]


def is_own(folder: Path) -> bool:
    """Whether a run folder is one of the reader's, and not of the records stored with the book."""
    return folder.parents[2].match(OWN.as_posix())
