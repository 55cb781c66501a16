"""Roles: numbers inside a sentence, each with the record that it is read from."""

import json
import statistics
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.util.docutils import SphinxRole

from exon.evaluation import reference
from exon.evaluation.claims import CLAIMS, FAILS, UNKNOWN, check
from exon.runs import grid, record
from exon_book.lookup import anchor, formatted, locate, logger, runs_of, traced, value_of


class MetricRole(SphinxRole):
    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        run, _, key = self.text.partition("::")
        key, _, form = key.partition(":")
        alone = run.endswith(".json")
        path = locate(self, *(("", run) if alone else (run, "run.json")))
        if path is None:
            return [], []
        content: Any = json.loads(path.read_text())
        value = value_of(content, key)
        if value is None:
            logger.warning("%s has no metric %r", path, key, location=self.get_location())
            return [], []
        source = f"{key} in {path.relative_to(self.env.srcdir).as_posix()}"
        return [traced(self, formatted(value, form), source, "" if alone else anchor(path.parent))], []


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
        claim = CLAIMS[name]
        runs = runs_of(self, claim.runs)
        root = Path(self.env.srcdir)
        finding = check(claim, [root / run.folder for run in grid.select(claim.runs)])
        if finding.verdict == FAILS:
            logger.warning("the claim %r does not hold any more", name, location=self.get_location())
        if finding.verdict == UNKNOWN:
            logger.warning("the claim %r cannot be checked: %s", name, finding.reason, location=self.get_location())
        source = (
            f"{claim.sentence} ({finding.numbers_as_text()}) "
            f"Checked against the runs of the grid {claim.runs} whenever this page is built."
        )
        return [traced(self, text, source, anchor(runs[0]) if runs else "")], []
