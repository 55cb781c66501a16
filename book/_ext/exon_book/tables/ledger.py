"""The ledger: every number of the paper's table beside the one found here, misses included."""

import pandas as pd
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from exon.evaluation import reference
from exon.evaluation.tables import metrics_of
from exon.runs import record
from exon_book.lookup import logger, origin, runs_of
from exon_book.tables import number, table, with_spread
from exon_book.tables.trials import authors_error_at, steps_of

FORMS = {"test_error_pct": ".2f", "kl": ".3f", "negative_ssim": ".3f", "cardinality_automobile": ".1f"}
HEADS_CIFAR10 = ("β", "here", "seeds", "authors, same step", "authors, epoch 600", "runs", "difference")
HEADS = (
    "β",
    "here",
    "seeds",
    "authors, same epoch",
    "difference",
    "authors, epoch 100",
    "difference",
    "same epoch: within 2 sd",
)


class Ledger(SphinxDirective):
    """{ledger} GRID::METRIC: a table over beta; the spread is the standard deviation over seeds where there are several."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        name, _, metric = self.arguments[0].partition("::")
        runs = runs_of(self, name)
        if metric not in FORMS or not runs:
            logger.warning("%s: no such ledger", self.arguments[0], location=self.get_location())
            return []
        experiments = [record.experiment_of(run) for run in runs]
        if experiments[0].dataset == "cifar10":
            rows = cifar10_ledger(metrics_of(runs), metric, max(map(steps_of, experiments)))
            return [table(HEADS_CIFAR10, rows), origin(self, name, runs)]
        rows = ledger(metrics_of(runs), metric, max(experiment.epochs for experiment in experiments))
        return [table(HEADS, rows), origin(self, name, runs)]


def ledger(metrics: pd.DataFrame, metric: str, epochs: int) -> list[list[str]]:
    """The rows of the table, as text.

    The only spread there is comes from the beta that was run with several seeds; differences at every beta are measured by it.
    """
    form = FORMS[metric]
    here = metrics[metrics["metric"] == metric].groupby("beta")["value"].agg(["mean", "std", "count"])
    spread = here["std"].max()
    betas = here.index.tolist()
    early = _series(reference.at_epoch(epochs, betas), metric)
    late = _series(reference.paper(), metric)
    rows = []
    for beta, (mean, sd, count) in here.iterrows():
        gap = mean - early[beta] if beta in early else None
        within = "–" if gap is None or pd.isna(spread) else "yes" if abs(gap) <= 2 * spread else "no"
        rows.append(
            [
                f"{beta:g}",
                with_spread(mean, sd, form),
                str(int(count)),
                number(early.get(beta), form),
                number(gap, "+" + form),
                number(late.get(beta), form),
                number(mean - late[beta] if beta in late else None, "+" + form),
                within,
            ]
        )
    return rows


def cifar10_ledger(metrics: pd.DataFrame, metric: str, steps: int) -> list[list[str]]:
    """The rows of the table, as text: the authors ran each beta five times, and their curves hold the test error alone."""
    form = FORMS[metric]
    here = metrics[metrics["metric"] == metric].groupby("beta")["value"].agg(["mean", "std", "count"])
    paper = reference.paper("cifar10").query("metric == @metric").set_index("beta")
    rows = []
    for beta, (mean, sd, count) in here.iterrows():
        theirs = paper.loc[beta]
        early = authors_error_at(beta, steps) if metric == "test_error_pct" else None
        rows.append(
            [
                f"{beta:g}",
                with_spread(mean, sd, form),
                str(int(count)),
                number(early, form),
                with_spread(theirs["value"], theirs["sd"], form),
                str(int(theirs["n"])),
                number(mean - theirs["value"], "+" + form),
            ]
        )
    return rows


def _series(table: pd.DataFrame, metric: str) -> dict[float, float]:
    chosen = table[table["metric"] == metric]
    return dict(zip(chosen["beta"], chosen["value"], strict=True))
