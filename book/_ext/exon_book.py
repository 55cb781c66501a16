"""Sphinx roles and directives that put records of runs into pages: no number is typed in.

{metric}`quick/mnist/beta-1_seed-1::test_error_pct:.2f`   a number from run.json, its source shown on hover
{authors}`quick/mnist/beta-1_seed-1::test_error_pct:.2f`  the authors' value at the settings and the epoch of that run
{paper}`cifar10 0.05 test_error_pct:.1f`                  a number of the paper's table: data set, beta, metric
{run-label}  quick/mnist/beta-1_seed-1                     what the run was, where, when, and whether it was made here
{run-figure} quick/mnist/beta-1_seed-1::latent             the figure that a cell of the executed notebook shows
{over}`max beta::test_error_pct:.2f`                       min, max, mean, sd or n of a metric over the runs of a grid
{claim}`KL falls with beta <kl-falls>`                     words that a check of `exon_claims` must bear out
{plot} mnist-latent                                        a figure of `exon_figures`, drawn from the runs of a grid
{ledger} beta::kl                                          every number of the paper's table beside the one found here
{cells} ablation/v2_*                                      every outcome in the four cells of the ablation
{effects} ablation/v2_*                                    main effects and interaction on every outcome
{trials} cifar10_setting                                   the settings tried for small CIFAR-10 runs, by validation error
{runs} mnist                                               all runs of a notebook, with links to their records
{judges}                                                   the same of the judges
{methods}                                                  others' published test errors, ours first
{speed} beta                                               seconds of an epoch, here and in the authors' logs
{setting}`0.5`                                             a decimal number that is a setting or a name: no result

"{profile}" in a path stands for the profile the book is built for ($EXON_PROFILE, else quick). A missing record or key is
a warning, and so fails the build.
"""

import io
import json
import os
import statistics
from pathlib import Path
from typing import Any, ClassVar

import matplotlib.pyplot as plt
from docutils import nodes
from docutils.parsers.rst import directives
from docutils.parsers.rst.directives.images import Figure
from exon_ablation import Cells, Effects
from exon_cifar10 import Trials
from exon_claims import CLAIMS
from exon_explorer import write
from exon_explorer_cifar10 import write_cifar10
from exon_figures import FIGURES
from exon_ledger import Ledger
from exon_methods import Methods, Speed
from exon_records import Judges, Runs, copy_records
from exon_runs import anchor, formatted, linked, locate, logger, made_here, origin, runs_of, traced, value_of
from exon_settings import SettingRole, find_typed_numbers
from exon_site import name_controls, publish, trim_icons
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective, SphinxRole

from exon import notebook, plots, record, reference
from exon.errors import UserError
from exon.svg import compact


class MetricRole(SphinxRole):
    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        run, _, key = self.text.partition("::")
        key, _, form = key.partition(":")
        path = locate(self, run, "run.json")
        if path is None:
            return [], []
        content: Any = json.loads(path.read_text())
        value = value_of(content, key)
        if value is None:
            logger.warning("%s has no metric %r", path, key, location=self.get_location())
            return [], []
        source = f"{key} in {path.relative_to(self.env.srcdir).as_posix()}"
        return [traced(self, formatted(value, form), source, anchor(path.parent))], []


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
        return [traced(self, formatted(value, form), source)], []


class PaperRole(SphinxRole):
    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        dataset, beta, column = self.text.split()
        metric, _, form = column.partition(":")
        paper = reference.table("paper")
        chosen = paper[(paper["dataset"] == dataset) & (paper["beta"] == float(beta)) & (paper["metric"] == metric)]
        if len(chosen) != 1:
            logger.warning("%s: the paper's table has no such number", self.text, location=self.get_location())
            return [], []
        (row,) = chosen.itertuples()
        source = f"{metric} at beta {row.beta:g}, n = {row.n}, from results/reference/paper.csv"
        return [traced(self, formatted(row.value, form), source)], []


STATISTICS = {"min": min, "max": max, "mean": statistics.mean, "sd": statistics.stdev, "n": len}


class OverRole(SphinxRole):
    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        statistic, _, rest = self.text.partition(" ")
        names, _, key = rest.partition("::")
        key, _, form = key.partition(":")
        runs = runs_of(self, names)
        values = [value_of(record.read(run), key) for run in runs]
        if statistic not in STATISTICS or None in values or len(values) < (2 if statistic == "sd" else 1):
            logger.warning("%s over %d runs: no such number", self.text, len(values), location=self.get_location())
            return [], []
        source = f"{statistic} of {key} over {', '.join(run.name for run in runs)}"
        return [traced(self, formatted(STATISTICS[statistic](values), form), source, anchor(runs[0]))], []


class ClaimRole(SphinxRole):
    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        text, _, name = self.text.rstrip(">").rpartition(" <")
        if name not in CLAIMS:
            logger.warning("there is no claim %r", name, location=self.get_location())
            return [], []
        grids, holds = CLAIMS[name]
        runs = runs_of(self, grids)
        try:
            if not holds(runs):
                logger.warning("the claim %r does not hold any more", name, location=self.get_location())
        except (KeyError, UserError) as error:  # a cell or a level without a finished run
            logger.warning("the claim %r cannot be checked: no run of %s", name, error, location=self.get_location())
        source = f"checked against the runs of the grid {grids} whenever this page is built"
        return [traced(self, text, source, anchor(runs[0]) if runs else "")], []


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
        paragraph += [linked(self, nodes.inline("", "Its record"), anchor(path.parent)), nodes.Text(". Again: ")]
        paragraph += nodes.literal(command, command)
        kind = "warning" if data["source"] == "sample" else "note"
        return [nodes.admonition("", nodes.title("", title), paragraph, classes=["admonition", kind])]


class Shown(Figure, SphinxDirective):
    """A figure made while the book is built; :alt: is required, and a line says which record it comes from."""

    option_spec: ClassVar[dict[str, Any]] = {**Figure.option_spec, "alt": directives.unchanged_required}

    def show(self, name: str, svg: str, source: nodes.paragraph) -> list[nodes.Node]:
        target = Path(self.env.srcdir) / "_build" / "figures" / f"{name}.svg"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(svg)
        self.arguments[0] = "/" + target.relative_to(self.env.srcdir).as_posix()
        self.options.setdefault("class", []).append("dark-light")
        (node, *messages) = super().run()
        node += nodes.legend("", source)
        return [node, *messages]


class RunFigure(Shown):
    """A figure whose image is the SVG that a cell of run.ipynb, named by its id, shows."""

    def run(self) -> list[nodes.Node]:
        run, _, cell_id = self.arguments[0].partition("::")
        path = locate(self, run, "run.ipynb")
        if path is None:
            return []
        image = figure_of(json.loads(path.read_text()), cell_id)
        if image is None or "alt" not in self.options:
            logger.warning("%s: no figure in cell %r, or no :alt: given", path, cell_id, location=self.get_location())
            return []
        place = path.parent.relative_to(Path(self.env.srcdir) / "results").as_posix()
        run_link = linked(self, nodes.inline(place, place), anchor(path.parent))
        source = nodes.paragraph("", "", nodes.Text("From the run "), run_link, nodes.Text("."), classes=["record"])
        return self.show(f"{'-'.join(path.parts[-4:-1])}-{cell_id}", image, source)


class Plot(Shown):
    """A figure of `exon_figures`, drawn from the runs of its grid."""

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        if name not in FIGURES or "alt" not in self.options:
            logger.warning("%s: no such plot, or no :alt: given", name, location=self.get_location())
            return []
        grids, draw = FIGURES[name]
        runs = runs_of(self, grids)
        if not runs:
            return []
        image = io.StringIO()
        with plt.rc_context(plots.STYLE):
            figure = draw(runs)
            figure.savefig(image, format="svg", metadata={"Date": None}, bbox_inches="tight")
            plt.close(figure)
        return self.show(name, compact(image.getvalue()), origin(self, grids, runs))


def figure_of(content: dict[str, Any], cell_id: str) -> str | None:
    """The SVG that the cell with this id displays, or None."""
    for cell in content["cells"]:
        for output in cell.get("outputs", []) if cell["id"] == cell_id else []:
            if image := output.get("data", {}).get("image/svg+xml"):
                return "".join(image)
    return None


def announce_sample(app: Sphinx, config: Any) -> None:
    """Say on every page that the book's main run used the small sample, if it did."""
    path = Path(app.srcdir) / "results" / config.exon_profile / "mnist" / "beta-1_seed-1" / "run.json"
    if path.is_file() and json.loads(path.read_text())["provenance"]["data"]["source"] == "sample":
        text = "These pages show a run on the small sample inside the package: its numbers mean nothing."
        config.html_theme_options["announcement"] = text


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_config_value("exon_profile", os.environ.get("EXON_PROFILE", "quick"), "env")
    publish(app)
    app.connect("config-inited", announce_sample)
    app.connect("build-finished", write)
    app.connect("build-finished", write_cifar10)
    app.connect("build-finished", name_controls)
    app.connect("build-finished", trim_icons)
    app.add_role("metric", MetricRole())
    app.add_role("authors", AuthorsRole())
    app.add_role("paper", PaperRole())
    app.add_role("over", OverRole())
    app.add_role("claim", ClaimRole())
    app.add_directive("plot", Plot)
    app.add_directive("ledger", Ledger)
    app.add_directive("cells", Cells)
    app.add_directive("effects", Effects)
    app.add_directive("trials", Trials)
    app.add_directive("runs", Runs)
    app.add_directive("judges", Judges)
    app.add_directive("methods", Methods)
    app.add_directive("speed", Speed)
    app.add_role("setting", SettingRole())
    app.connect("doctree-read", find_typed_numbers)
    app.connect("build-finished", copy_records)
    app.add_directive("run-label", RunLabel)
    app.add_directive("run-figure", RunFigure)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
