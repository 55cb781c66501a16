"""Roles: numbers inside a sentence, each with the record that it is read from."""

import json
import statistics
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pandas as pd
from docutils import nodes
from sphinx.environment import BuildEnvironment

from exon.errors import UserError
from exon.evaluation import reference
from exon.evaluation.claims import CLAIMS
from exon.evaluation.claims.claim import FAILS, UNKNOWN, check
from exon.experiment import Experiment
from exon.runs import judged, record
from exon_book.lookup import anchor, declared, formatted, locate, logger, runs_of, traced, value_of
from exon_book.reading import RecordRole
from exon_book.tables import counted, of_runs


class MetricRole(RecordRole):
    def node(self) -> nodes.Node:
        run, _, key = self.text.partition("::")
        key, _, form = key.partition(":")
        alone = run.endswith(".json")
        column, at, epoch = key.partition("@")
        path = locate(self.env, run, "" if alone else "history.csv" if at else "run.json")
        if at:
            value = pd.read_csv(path).set_index("epoch")[column][int(epoch)]
        else:
            value = value_of(json.loads(path.read_text()) if alone else record.read(path.parent), key)
        source = f"{key} in {path.relative_to(self.env.srcdir).as_posix()}"
        return traced(self.env, formatted(value, form), source, "" if alone else anchor(path.parent))


def authors_value(
    env: BuildEnvironment, experiment: Experiment, column: str, epoch: int, form: str
) -> nodes.Node | None:
    """What the authors' curve at the settings of an experiment says after an epoch; None where they have none."""
    curve = reference.curve(experiment)
    if curve is None or epoch not in curve["epoch"].values:
        return None
    value = curve.set_index("epoch")[column][epoch]
    source = f"{column} after {epoch} epochs, from results/reference/curves_{experiment.dataset}.csv"
    return traced(env, formatted(value, form), source)


class AuthorsRole(RecordRole):
    def node(self) -> nodes.Node:
        run, _, column = self.text.partition("::")
        experiment = record.experiment_of(locate(self.env, run, "run.json").parent)
        column, _, form = column.partition(":")
        found = authors_value(self.env, experiment, column, experiment.epochs, form)
        return found or nodes.Text("none with these settings")


class PaperRole(RecordRole):
    def node(self) -> nodes.Node:
        dataset, beta, column = self.text.split(maxsplit=2)
        metric, _, form = column.partition(":")
        metric, at, epoch = metric.partition("@")
        if at:
            theirs = Experiment.create(dataset=dataset, profile="paper", beta=float(beta))
            if found := authors_value(self.env, theirs, metric, int(epoch), form):
                return found
            raise UserError("the authors' curves have no such number")
        table = reference.paper(dataset)
        chosen = table[(table["beta"] == float(beta)) & (table["metric"] == metric)]
        if len(chosen) != 1:
            raise UserError("the paper's table has no such number")
        row = chosen.iloc[0]
        source = f"{metric} at beta {row['beta']:g}, n = {row['n']}, from results/reference/paper.csv"
        return traced(self.env, formatted(row["value"], form), source)


STATISTICS: dict[str, Callable[[list[float]], float]] = {
    "min": min,
    "max": max,
    "mean": statistics.mean,
    "sd": statistics.stdev,
    "n": len,
}


WORDS: dict[str, Callable[[list[float], str], str]] = {
    "spread": of_runs,
    "runs": lambda values, form: counted(len(values)),
}


class OverRole(RecordRole):
    def node(self) -> nodes.Node:
        statistic, _, rest = self.text.partition(" ")
        names, _, key = rest.partition("::")
        key, _, form = key.partition(":")
        runs = runs_of(self.env, names)
        values = [value_of(content, key) for content in judged.read(runs)]
        if statistic == "sd" and len(values) < 2:
            raise UserError("one run has no standard deviation")
        text = WORDS[statistic](values, form) if statistic in WORDS else formatted(STATISTICS[statistic](values), form)
        source = f"{statistic} of {key} over {', '.join(run.name for run in runs)}"
        return traced(self.env, text, source, anchor(runs[0]))


class ClaimRole(RecordRole):
    def node(self) -> nodes.Node:
        text, _, name = self.text.rstrip(">").rpartition(" <")
        if name not in CLAIMS:
            raise UserError(f"there is no claim {name!r}")
        claim = CLAIMS[name]
        runs: list[Path] = []
        for names in filter(None, (claim.further, claim.runs)):
            with suppress(UserError):  # where no run is finished, the claim cannot be checked
                runs = runs_of(self.env, names)
        root = Path(self.env.srcdir)
        required, further = ([root / run.folder for run in declared(names)] for names in (claim.runs, claim.further))
        finding = check(claim, required, further)
        if finding.verdict == FAILS:
            logger.warning("the claim %r does not hold any more", name, location=self.get_location())
        if finding.verdict == UNKNOWN:
            logger.warning("the claim %r cannot be checked: %s", name, finding.reason, location=self.get_location())
        basis = f"the runs of the grid {claim.runs}" if claim.runs else "published numbers"
        basis += f" and the finished ones of {claim.further}" * bool(claim.further)
        source = f"{claim.sentence} ({finding.numbers_as_text()}) Checked against {basis} whenever this page is built."
        return traced(self.env, text, source, anchor(runs[0]) if runs else "")
