"""Finding the records that a page speaks of, and noting them as what the page depends on."""

import subprocess
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

from exon.runs import grid, record

logger = logging.getLogger(__name__)


def locate(self: "SphinxRole | SphinxDirective", run: str, name: str) -> Path | None:
    """The file of a run, noted as a dependency of the page; None, with a warning, if it is not there."""
    path = Path(self.env.srcdir) / "results" / run.replace("{profile}", self.config.exon_profile) / name
    self.env.note_dependency(str(path))
    if path.is_file():
        return path
    logger.warning("there is no %s", path.relative_to(self.env.srcdir), location=self.get_location())
    return None


def value_of(content: dict[str, Any], name: str) -> Any:
    """A metric of a record or, where there is none of that name, a setting, or what its provenance says; else None."""
    return next(
        (content[part][name] for part in ("metrics", "experiment", "provenance") if name in content[part]), None
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
    """A node as a link to an anchor of the page of all runs; the node alone in a book without that page."""
    if RUNS_PAGE not in self.env.found_docs:
        return shown
    page = self.env.app.builder.get_relative_uri(self.env.docname, RUNS_PAGE)
    return nodes.reference("", "", shown, internal=True, refuri=f"{page}#{place}")


def anchor(folder: Path) -> str:
    """Where a run stands on the page of all runs."""
    return nodes.make_id("-".join(("run", *folder.parts[-3:])))


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


def made_here(path: Path) -> bool:
    """Whether a record is newer than what git has stored: changed, or not tracked at all."""
    try:
        tracked = subprocess.run(
            ["git", "ls-files", "--error-unmatch", path.name], cwd=path.parent, capture_output=True
        )
        changed = subprocess.run(
            ["git", "diff", "--quiet", "HEAD", "--", path.name], cwd=path.parent, capture_output=True
        )
    except OSError:
        return False
    in_repository = tracked.returncode in (0, 1)
    return in_repository and (tracked.returncode == 1 or changed.returncode == 1)
