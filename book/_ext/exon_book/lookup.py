"""Finding the records that a page speaks of, noting them as what the page depends on, and saying where a number is from."""

import math
import statistics
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from exon.errors import UserError
from exon.files import OWN
from exon.runs import grid, record

logger = logging.getLogger(__name__)

RUNS_PAGE = "book/runs"
NAMED = 4  # runs that a figure was made from: so many are told by name


def locate(env: BuildEnvironment, run: str, name: str) -> Path:
    """The file of a stored run, or else of one's own, noted as a dependency of the page.

    Raises:
        UserError: neither is there.
    """
    root, place = Path(env.srcdir), run.replace("{profile}", env.config.exon_profile)
    for folder in ("results", OWN):
        path = root / folder / place / name
        env.note_dependency(str(path))
        if path.is_file():
            return path
    raise UserError(f"there is no {Path('results', place, name)}")


def runs_of(env: BuildEnvironment, names: str) -> list[Path]:
    """The folders of finished runs, noted as dependencies of the page.

    Args:
        names: as in `grid.select`.

    Raises:
        UserError: none is finished.
    """
    root = Path(env.srcdir)
    for name in _grids(names):
        env.note_dependency(str(grid.find(name)))
    for run in declared(names):
        env.note_dependency(str(root / run.folder / "run.json"))
    runs = finished(names, root)
    if not runs:
        raise UserError(f"no run of the grid {names!r} is finished")
    return runs


@cache
def declared(names: str) -> tuple[grid.Run, ...]:
    """`grid.select`, once: a page asks for the same grids many times."""
    return tuple(grid.select(names))


def finished(names: str, root: Path) -> list[Path]:
    """The folders, below the book's root, of the runs of some grids that have a record."""
    return [folder for run in declared(names) if ((folder := root / run.folder) / "run.json").is_file()]


def unfinished(names: str, root: Path) -> list[str]:
    """The names of the runs of some grids that have no record."""
    return [run.name for run in declared(names) if not (root / run.folder / "run.json").is_file()]


def median_run(runs: list[Path]) -> Path:
    """The run that stands for all seeds of one setting where one is shown.

    Of three or more it is the one whose validation error is their median (of an even number the lower of the two in the
    middle), the lowest seed where several have that error; of one or two it is the lowest seed. So neither test images nor
    a figure choose.

    Raises:
        UserError: a record has no validation error.
    """
    errors = {run: value_of(record.read(run), "validation_error_pct") for run in runs}
    median = statistics.median_low(errors.values())
    chosen = [run for run in runs if len(runs) < 3 or errors[run] == median]
    return min(chosen, key=lambda run: record.experiment_of(run).seed)


def by_beta(runs: list[Path], keeping: str = "") -> dict[float, Path]:
    """beta -> its `median_run`, in order of beta; runs on another split than the first do not take part.

    Args:
        keeping: a file; the rule is then applied among the runs that hold it.
    """
    seeds: dict[float, list[Path]] = {}
    for run in runs:
        experiment = record.experiment_of(run)
        if experiment.split_seed == 1 and (run / keeping).exists():
            seeds.setdefault(experiment.beta, []).append(run)
    return {beta: median_run(seeds[beta]) for beta in sorted(seeds)}


def _grids(names: str) -> list[str]:
    return list(dict.fromkeys(name.partition("/")[0] for name in names.split()))


def value_of(content: dict[str, Any], name: str) -> Any:
    """A metric of a record or, where there is none of that name, a setting, or what its provenance says.

    Raises:
        UserError: it has none of that name.
    """
    for part in ("metrics", "experiment", "provenance"):
        if (value := content.get(part, {}).get(name)) is not None:
            return value
    raise UserError(f"a record has no metric {name!r}")


def traced(env: BuildEnvironment, text: str, source: str, place: str = "") -> nodes.Node:
    """Text that tells its source when hovered, and leads to it on the page of all runs.

    Args:
        place: an anchor of that page; without one it is text alone.
    """
    return linked(env, nodes.abbreviation(text, text, explanation=source, classes=["metric"]), place)


def linked(env: BuildEnvironment, shown: nodes.Node, place: str) -> nodes.Node:
    """A node as a link to an anchor of the page of all runs; the node alone without an anchor, or in a book without that page."""
    if not place or RUNS_PAGE not in env.found_docs:
        return shown
    page = env.app.builder.get_relative_uri(env.docname, RUNS_PAGE)
    return nodes.reference("", "", shown, internal=True, refuri=f"{page}#{place}")


def anchor(folder: Path) -> str:
    """Where a stored run stands on the page of all runs; nothing for one's own, which is not on it."""
    return "" if is_own(folder) else nodes.make_id("-".join(("run", *folder.parts[-3:])))


SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _power_of_ten(value: float) -> str:
    if not 0 < value < math.inf:
        raise UserError(f"{value} has no power of ten")
    return "10" + str(round(math.log10(value))).translate(SUPERSCRIPTS)


def formatted(value: float, form: str) -> str:
    """format(value, form) with a real minus sign, and none before a zero; the form may end with a unit: ".2f %".

    The form "power" gives the power of ten that is nearest on a logarithmic scale.

    Raises:
        UserError: a value without a power of ten.
    """
    form, space, unit = form.partition(" ")
    text = _power_of_ten(value) if form == "power" else format(value, form)
    if isinstance(value, float) and text.startswith("-"):
        text = text.replace("-", "−") if text.strip("-0.") else text[1:]
    return text + space.replace(" ", "\u00a0") + unit


def origin(env: BuildEnvironment, names: str, done: list[Path]) -> nodes.paragraph:
    """Which runs of which grids a figure or table was made from, a few by their names, and the commands that run them again."""
    runs, grids = declared(names), _grids(names)
    epochs = sorted({record.experiment_of(run).epochs for run in done})
    of = f"of the grid{'s' * (len(grids) > 1)} {_listed(grids)}"
    if len(done) <= NAMED:
        which = f"the run{'s' * (len(done) > 1)} {_listed([run.name for run in done])} {of}"
    else:
        which = f"{'all' if len(done) == len(runs) else f'{len(done)} of'} {len(runs)} runs {of}"
    profiles = sorted({run.experiment.profile for run in runs})
    scale = f": profile{'s' * (len(profiles) > 1)} {_listed(profiles)}, {'/'.join(map(str, epochs))} epochs. Again: "
    link = linked(env, nodes.inline(which, which), anchor(done[0]))
    paragraph = nodes.paragraph("", "", nodes.Text("From "), link, nodes.Text(scale), classes=["record"])
    for name in grids:
        command = f"python -m exon sweep {name}"
        paragraph += [nodes.literal(command, command), nodes.Text(" ")]
    return paragraph


def _listed(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def is_own(folder: Path) -> bool:
    """Whether a run folder is one of the reader's, and not of the records stored with the book."""
    return folder.parents[2].match(OWN.as_posix())
