"""Sphinx roles and directives that put records of runs into pages: no number is typed in.

{metric}`quick/mnist/beta-1_seed-1::test_error_pct:.2f`   a number from run.json, its source shown on hover
{authors}`quick/mnist/beta-1_seed-1::test_error_pct:.2f`  the authors' value at the settings and the epoch of that run
{run-label}  quick/mnist/beta-1_seed-1                     what the run was, where, when, and whether it was made here
{run-figure} quick/mnist/beta-1_seed-1::latent             the figure that a cell of the executed notebook shows

"{profile}" in a path stands for the profile the book is built for ($EXON_PROFILE, else quick). A missing record or key is
a warning, and so fails the build.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.parsers.rst.directives.images import Figure
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

from exon import notebook, record, reference

logger = logging.getLogger(__name__)


def locate(self: "SphinxRole | SphinxDirective", run: str, name: str) -> Path | None:
    """The file of a run, noted as a dependency of the page; None, with a warning, if it is not there."""
    path = Path(self.env.srcdir) / "results" / run.replace("{profile}", self.config.exon_profile) / name
    self.env.note_dependency(str(path))
    if path.is_file():
        return path
    logger.warning("there is no %s", path.relative_to(self.env.srcdir), location=self.get_location())
    return None


def formatted(value: float, form: str) -> str:
    """format(value, form), where the form may end with a unit: ".2f %"."""
    form, space, unit = form.partition(" ")
    return format(value, form) + space.replace(" ", "\u00a0") + unit


class MetricRole(SphinxRole):
    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        run, _, key = self.text.partition("::")
        key, _, form = key.partition(":")
        path = locate(self, run, "run.json")
        if path is None:
            return [], []
        content: Any = json.loads(path.read_text())
        value = content["metrics"].get(key, content["experiment"].get(key))
        if value is None:
            logger.warning("%s has no metric %r", path, key, location=self.get_location())
            return [], []
        source = f"{key} in {path.relative_to(self.env.srcdir).as_posix()}"
        text = formatted(value, form)
        return [nodes.abbreviation(text, text, explanation=source, classes=["metric"])], []


class AuthorsRole(SphinxRole):
    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        run, _, column = self.text.partition("::")
        path = locate(self, run, "run.json")
        if path is None:
            return [], []
        experiment = record.experiment_of(path.parent)
        authors = reference.curve(experiment)
        if authors is None or experiment.epochs > len(authors):
            return [nodes.Text("none with these settings")], []
        column, _, form = column.partition(":")
        value = authors.set_index("epoch")[column][experiment.epochs]
        source = f"{column} after {experiment.epochs} epochs, from results/reference/curves_{experiment.dataset}.csv"
        text = formatted(value, form)
        return [nodes.abbreviation(text, text, explanation=source, classes=["metric"])], []


class RunLabel(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        path = locate(self, self.arguments[0], "run.json")
        if path is None:
            return []
        content = json.loads(path.read_text())
        settings, provenance = content["experiment"], record.training_provenance(content)
        data = provenance["data"]
        images = "the whole data set" if data["source"] != "sample" else "the small sample that ships with the package"
        title = "Run here" if made_here(path) else "Stored record"
        if data["source"] == "sample":
            title += ", on a small sample: its numbers mean nothing"
        place = path.parent.relative_to(self.env.srcdir).as_posix()
        hardware = provenance["processor"] if provenance["accelerator"] == "none" else provenance["accelerator"]
        text = (
            f"Profile {settings['profile']}, {settings['epochs']} epochs on {images}, {settings['labels']} labels, "
            f"beta {settings['beta']:g}, seed {settings['seed']}; {content['metrics']['seconds'] / 60:.1f} minutes of training "
            f"on {hardware} ({provenance['threads']} threads), {provenance['finished'][:10]}. "
        )
        command = notebook.command(path.parts[-3], record.experiment_of(path.parent), place)
        paragraph = nodes.paragraph("", text, classes=["record"])
        paragraph += [nodes.Text("Again: "), nodes.literal(command, command)]
        kind = "warning" if data["source"] == "sample" else "note"
        return [nodes.admonition("", nodes.title("", title), paragraph, classes=["admonition", kind])]


class RunFigure(Figure, SphinxDirective):
    """A figure whose image is the SVG that a cell of run.ipynb, named by its id, shows."""

    option_spec: ClassVar[dict[str, Any]] = {**Figure.option_spec, "alt": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        run, _, cell_id = self.arguments[0].partition("::")
        path = locate(self, run, "run.ipynb")
        if path is None:
            return []
        image = figure_of(json.loads(path.read_text()), cell_id)
        if image is None or "alt" not in self.options:
            logger.warning("%s: no figure in cell %r, or no :alt: given", path, cell_id, location=self.get_location())
            return []
        target = Path(self.env.srcdir) / "_build" / "figures" / f"{'-'.join(path.parts[-4:-1])}-{cell_id}.svg"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(image)
        self.arguments[0] = "/" + target.relative_to(self.env.srcdir).as_posix()
        self.options.setdefault("class", []).append("dark-light")
        return super().run()


def figure_of(content: dict[str, Any], cell_id: str) -> str | None:
    """The SVG that the cell with this id displays, or None."""
    for cell in content["cells"]:
        for output in cell.get("outputs", []) if cell["id"] == cell_id else []:
            if image := output.get("data", {}).get("image/svg+xml"):
                return "".join(image)
    return None


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


def announce_sample(app: Sphinx, config: Any) -> None:
    """Say on every page that the book's main run used the small sample, if it did."""
    path = Path(app.srcdir) / "results" / config.exon_profile / "mnist" / "beta-1_seed-1" / "run.json"
    if path.is_file() and json.loads(path.read_text())["provenance"]["data"]["source"] == "sample":
        text = "These pages show a run on the small sample inside the package: its numbers mean nothing."
        config.html_theme_options["announcement"] = text


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_config_value("exon_profile", os.environ.get("EXON_PROFILE", "quick"), "env")
    app.connect("config-inited", announce_sample)
    app.add_role("metric", MetricRole())
    app.add_role("authors", AuthorsRole())
    app.add_directive("run-label", RunLabel)
    app.add_directive("run-figure", RunFigure)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
